"""The split into train, validation and test."""
import re

import numpy as np
import pandas as pd

SPLITS = ("train", "validation", "test")
METHODS = ("grouped", "stratified", "official")
STARTS, MOST_MOVES = 10, 200  # of the search for a grouped split
OFFICIAL = {"train": "train", "val": "validation", "test": "test"}


def split(table: pd.DataFrame, *, method: str, test_fraction: float = 0.2,
          validation_fraction: float = 0.1, seed: int = 0) -> pd.Series:
    """Assigns every row to one of SPLITS: a series on the index of `table`.

    The result depends on the rows and the seed, but not on the order of the rows; the test split
    does not depend on `validation_fraction`.

    Args:
        table: columns `path, item, label` (and `partition` for "official").
        method: "grouped" keeps all rows of an item together, "stratified" draws rows within each
            class, "official" takes the partition; ValueError if a row has none.
        test_fraction, validation_fraction: shares of all rows.
    """
    if method == "official":
        return _official(table)
    if method not in METHODS:
        raise ValueError(f"split {method!r} is not one of {', '.join(METHODS)}")

    # Sorted, so that the draw does not depend on the order of the rows.
    keys = table["item" if method == "grouped" else "path"]
    rows = pd.DataFrame({"key": keys, "label": table["label"]}).sort_values("key", kind="stable")
    result = pd.Series("train", index=rows.index, name="split", dtype=object)

    # Test comes first and has its own random numbers: validation must not change it.
    draw = _draw_groups if method == "grouped" else _draw_rows
    for name, fraction in (("test", test_fraction), ("validation", validation_fraction)):
        free = rows[result == "train"]
        wanted = fraction * rows["label"].value_counts()
        result[draw(free, wanted, np.random.default_rng([seed, len(name)]))] = name
    return result.reindex(table.index)


def _official(table: pd.DataFrame) -> pd.Series:
    wrong = ~table["partition"].isin(list(OFFICIAL))
    if wrong.any():
        first = table.loc[wrong.idxmax()]
        raise ValueError(
            f"{wrong.sum():,} of {len(table):,} pictures have no official part that is one of "
            f"{', '.join(OFFICIAL)}; the first is {first['path']} with {first['partition']!r}. "
            "Use --split=grouped, or drop or correct these rows")
    return table["partition"].map(OFFICIAL).rename("split")


def items_by_pattern(paths: pd.Series, pattern: str) -> pd.Series:
    """Forms items wider than the source's, from the part of each path that `pattern` matches.

    The item is the first group of the regular expression, or the whole match if it has none.
    Raises ValueError if the pattern is not one, or a path does not match.
    """
    try:
        captured = pattern if re.compile(pattern).groups else f"({pattern})"
    except re.error as error:
        raise ValueError(
            f"--group_pattern={pattern} is not a regular expression: {error}") from error

    items = paths.str.extract(captured).iloc[:, 0]
    if items.isna().any():
        raise ValueError(f"--group_pattern={pattern} does not match "
                         f"{paths[items.isna().idxmax()]!r}; it must match every path")
    return items


def _draw_rows(rows: pd.DataFrame, wanted: pd.Series, rng: np.random.Generator) -> pd.Index:
    """Draws `wanted` rows of each class, rounded."""
    shuffled = rows.iloc[rng.permutation(len(rows))]
    place = shuffled.groupby("label").cumcount()
    return shuffled.index[place < shuffled["label"].map(wanted).round()]


def _draw_groups(rows: pd.DataFrame, wanted: pd.Series, rng: np.random.Generator) -> pd.Index:
    """Draws groups whose class counts come closest to `wanted`.

    Minimises the sum over classes, and over all rows together, of (missing rows)^2 / wanted rows;
    the best of several random starts is taken and completed by `_with_every_class`.
    """
    # A row of `sizes` is a group: its rows of each class, then of all classes together.
    counts = pd.crosstab(rows["key"], rows["label"])
    sizes = np.column_stack([counts.to_numpy(float), counts.sum(axis=1)])
    target = wanted.reindex(counts.columns, fill_value=0.0).to_numpy(float)
    target = np.append(target, target.sum())

    draws = [_draw_once(sizes, target, rng.permutation(len(sizes))) for _ in range(STARTS)]
    best = min(draws, key=lambda taken: _cost(target - sizes[taken].sum(axis=0), target))
    taken = _with_every_class(sizes, target, best)
    return rows.index[rows["key"].isin(counts.index[taken])]


def _draw_once(sizes: np.ndarray, target: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Takes each group that helps and fits, in `order`; then moves single groups while that helps.

    `sizes`, [G, C + 1], are rows of each group by class, and together; `target`, [C + 1], those
    wanted. Returns bool [G]; at least one group of every class is not taken.
    """
    taken = np.zeros(len(sizes), bool)
    missing, left = target.copy(), sizes.sum(axis=0)

    # A group is taken if it overshoots nothing in total and leaves its classes some rows.
    for group in order:
        rest, size = missing - sizes[group], sizes[group]
        if rest[-1] >= 0 and np.all((size == 0) | (left > size)) \
                and _cost(rest, target) < _cost(missing, target):
            taken[group], missing, left = True, rest, left - size

    # Single moves, in or out, each time the best one: few groups are left to gain from.
    for _ in range(MOST_MOVES):
        change = np.where(taken[:, None], -sizes, sizes)
        costs = _cost(missing - change, target)
        costs[np.any((change > 0) & (left <= change), axis=1)] = np.inf
        best = int(costs.argmin())
        if costs[best] >= _cost(missing, target) - 1e-9:
            break
        missing, left = missing - change[best], left - change[best]
        taken[best] = not taken[best]
    return taken


def _with_every_class(sizes: np.ndarray, target: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Adds the cheapest group of each class that is wanted and has none in `taken`.

    Otherwise a class of few groups would be trained but never tested, as no group
    is as small as its share. A class keeps at least one group that isn't taken.
    """
    taken = taken.copy()
    for column in np.flatnonzero(target[:-1]):
        left = sizes[~taken].sum(axis=0)
        fits = ~taken & (sizes[:, column] > 0) & np.all((sizes == 0) | (left > sizes), axis=1)
        if fits.any() and not sizes[taken, column].any():
            costs = _cost(target - sizes[taken].sum(axis=0) - sizes, target)
            taken[np.where(fits, costs, np.inf).argmin()] = True
    return taken


def _cost(missing: np.ndarray, target: np.ndarray) -> np.ndarray:
    return (missing ** 2 / np.maximum(target, 1e-9)).sum(axis=-1)


def asked(method: str, *, test_fraction: float,
          validation_fraction: float) -> dict[str, float] | None:
    """The share of each split that was asked for; None where the source's own parts decide."""
    if method == "official":
        return None
    return {"train": 1 - test_fraction - validation_fraction, "validation": validation_fraction,
            "test": test_fraction}


def check(table: pd.DataFrame, wanted: dict[str, float] | None) -> list[str]:
    """Notes on classes and parts that a split lacks; `table` has `item`, `label` and `split`.

    Raises ValueError, with cause and cure, where a split that was asked for is empty.
    """
    counts = table["split"].value_counts().reindex(list(SPLITS), fill_value=0)
    official, wanted = wanted is None, wanted or {"train": 1.0}
    empty = [name for name in SPLITS if wanted.get(name) and not counts[name]]
    if empty:
        items = table["item"].value_counts()
        cause = (f"all {len(table):,} pictures are one garment: {items.index[0]}"
                 if len(items) == 1 else
                 f"{len(table):,} pictures of {len(items):,} garments; the largest, "
                 f"{items.index[0]}, has {items.iloc[0]:,}")
        raise ValueError(
            f"the {' and the '.join(empty)} split would be empty ({cause}). Add pictures, name "
            "the garments with --item_column or --group_pattern, draw single pictures with "
            "--split=stratified, or ask for other shares with --validation_fraction and "
            "--test_fraction")

    untrained = set(table["label"]) - set(table.loc[table["split"] == "train", "label"])
    notes = [f"{len(untrained):,} classes have no picture in train: no model can learn them"
             ] if untrained else []
    return notes + [f"the official split has no {name} part" for name in SPLITS
                    if official and not counts[name]]


def deviation(table: pd.DataFrame, wanted: dict[str, float] | None = None) -> pd.DataFrame:
    """The share of each class (row) that went to each split (column), minus the wanted share.

    `wanted` is split -> share, or None to compare with the shares of all rows.
    """
    shares = pd.crosstab(table["label"], table["split"], normalize="index")
    overall = pd.Series(wanted) if wanted else table["split"].value_counts(normalize=True)
    return shares.reindex(columns=list(SPLITS), fill_value=0.0).sub(
        overall.reindex(list(SPLITS), fill_value=0.0))
