"""Columns of predict that depend on all pictures: the garment's answer, and what to label next."""
import itertools
import sys
from collections.abc import Iterator

import numpy as np

from fashionclf.deployment.further_columns import FurtherColumns
from fashionclf.evaluation.items import combined, numbered

ITEM_COLUMNS = ["item", "item_class", "item_probability", "item_pictures"]
NEXT_COLUMN = "next"


def columns(classes: list[str], *, items: list[str] | None, count: int = 0,
            by_uncertainty: bool = True) -> FurtherColumns:
    """Returns the columns of the flags --item_column or --group_pattern, and --next, if any.

    Args:
        items: key of each picture's garment; None for no columns of garments.
        count: number of pictures to choose; 0 for no column of theirs.
        by_uncertainty: whether the model knows the classes, see selection.choose.
    """
    def cells(answers: list[list[float] | None], features: np.ndarray | None) -> Iterator[list]:
        missing = [np.nan] * len(classes)
        probabilities = np.array([answer or missing for answer in answers], np.float32)
        parts = [] if items is None else [_item_cells(probabilities, items, classes)]
        if count:
            parts.append(_next_cells(features, count, items=items,
                                     probabilities=probabilities if by_uncertainty else None))
        return (list(itertools.chain(*row)) for row in zip(*parts, strict=True))

    names = ([] if items is None else ITEM_COLUMNS) + ([NEXT_COLUMN] if count else [])
    return FurtherColumns(names=names, features=bool(count), cells=cells)


def _item_cells(probabilities: np.ndarray, items: list[str], classes: list[str]) -> list[list]:
    means, counts = combined(probabilities, numbered(items))
    answers = [[classes[mean.argmax()], round(float(mean.max()), 6), int(count)] if count
               else [None, None, 0] for mean, count in zip(means, counts)]
    return [[item, *answers[garment]] for item, garment in zip(items, numbered(items))]


def _next_cells(features: np.ndarray, count: int, *, items: list[str] | None,
                probabilities: np.ndarray | None) -> list[list]:
    from fashionclf.curation import selection  # a second of the start, for scikit-learn

    chosen = selection.choose(
        features, count, garments=None if items is None else numbered(items),
        uncertain=None if probabilities is None else selection.uncertainty(probabilities))
    known = ("whatever the model's classes" if probabilities is None
             else "of which the model is unsure")
    left = ("; the others can't be used, are nearly the same as a marked one, or show its garment"
            if len(chosen) < count else "")
    print(f"--next={count}: {len(chosen):,} of {len(features):,} pictures are marked, unlike each "
          f"other, {known}{left}", file=sys.stderr)
    ranks = dict(zip(chosen.tolist(), range(1, count + 1)))
    return [[ranks.get(number)] for number in range(len(features))]
