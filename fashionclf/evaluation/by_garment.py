"""How often the answer per garment is right, beside how often that per picture is."""
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fashionclf.evaluation import items, metrics
from fashionclf.sources import splits

if TYPE_CHECKING:
    from fashionclf.model.inference import Predictions

MOST_MIXED = 0.1  # largest share of items with several classes for which items count as garments
SCORES = ["top1", "top1_interval", "macro_f1", "macro_f1_interval", "majority_baseline"]


def scores(predictions: "Predictions", classes: list[str], pattern: str | None = None) -> dict:
    """Scores the answers per garment, ready for JSON.

    Args:
        pattern: what names a garment, see splits.items_by_pattern; None: the items are garments.

    Returns:
        garments_by, words for what a garment is; note, why there are no scores, or "". If there
        are: garments, pictures (scored ones), left_out (garments whose pictures have several
        labels), and SCORES as in metrics.summary, with intervals between items.

    Raises:
        ValueError: `pattern` doesn't match a path, or what it matches has several classes.
    """
    paths, keys = pd.Series(predictions.paths), pd.Series(predictions.items)
    named = f"--group_pattern={pattern}" if pattern else "items of the records"
    table = pd.DataFrame({
        "key": splits.items_by_pattern(paths, pattern) if pattern else keys,
        "item": keys, "label": predictions.labels})
    garments = table.groupby(items.numbered(table["key"]))
    counts, mixed = garments.size().to_numpy(), (garments["label"].nunique() > 1).to_numpy()

    note = _note(garments["key"].first()[mixed].tolist(), np.count_nonzero(counts > 1))
    if note and pattern and mixed.any():
        raise ValueError(f"{named}: {note}")
    if note:
        return {"garments_by": named, "note": note}

    # Garments of one sender are alike; but some patterns join pictures of several items.
    means, _ = items.combined(predictions.probabilities, garments.ngroup().to_numpy())
    firsts = garments.first()[~mixed]
    between = firsts["key" if (garments["item"].nunique() > 1).any() else "item"]
    found = metrics.summary(firsts["label"].to_numpy(), means[~mixed], classes, between.tolist())
    return {"garments_by": named, "note": "", "garments": len(firsts),
            "pictures": int(counts[~mixed].sum()), "left_out": int(mixed.sum()),
            **{name: found[name] for name in SCORES}}


def _note(mixed: list[str], several: int) -> str:
    """Says why there are no scores, of so many garments with `several` pictures; or ""."""
    if not several:
        return "each garment has one picture"
    if len(mixed) <= MOST_MIXED * several:
        return ""
    return (f"{len(mixed):,} of {several:,} with several pictures have several classes, as "
            f"{mixed[0]!r}, and a garment has one; name garments by a longer match of "
            "--group_pattern")


def sentence(found: dict) -> str:
    """Says in words what `scores` found."""
    if found["note"]:
        return f"No answer per garment ({found['garments_by']}): {found['note']}"
    left_out = f", {found['left_out']:,} of several classes left out" if found["left_out"] else ""
    return (f"Per garment ({found['garments']:,} with {found['pictures']:,} pictures; "
            f"{found['garments_by']}{left_out}): accuracy {_bounded(found, 'top1')}, "
            f"macro F1 {_bounded(found, 'macro_f1')}")


def _bounded(found: dict, name: str) -> str:
    interval = found[f"{name}_interval"]
    bounds = "{:.3f} to {:.3f}".format(*interval) if interval else "too few for an interval"
    return f"{found[name]:.3f} ({bounds})"
