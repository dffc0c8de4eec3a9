"""Leakage between splits: what test pictures share with train (garment, bytes, near-duplicates)."""
import itertools

import numpy as np
import pandas as pd
import scipy.sparse

from fashionclf.sources import splits
from fashionclf.sources.splits import SPLITS

SHARED = {"item": ("items", "whose item is in train"),
          "digest": ("identical pictures", "with an identical picture in train"),
          "near_duplicate_group": ("near-duplicates", "with a near-duplicate in train")}
SHARED_ITEMS = "share of test pictures whose item is in train"  # of `overlap`


def facts(table: pd.DataFrame, at_random: pd.Series, classes: list[str],
          wanted: dict[str, float] | None = None) -> dict:
    """Describes the split of `table` (`label` and the columns of `overlap`) for the manifest.

    Returns:
        counts (split -> class -> pictures), split_deviation from `wanted` (see splits.deviation)
        and the class it is of, overlap and, for comparison with a draw of single pictures,
        `at_random`, overlap_at_random.
    """
    counts = (pd.crosstab(table["label"], table["split"])
              .reindex(index=range(len(classes)), columns=SPLITS, fill_value=0).set_axis(classes))
    furthest = splits.deviation(table, wanted).abs().max(axis=1)
    return {"counts": counts.to_dict(), "split_deviation": float(furthest.max()),
            "split_deviation_class": classes[furthest.idxmax()],
            "overlap": overlap(table), "overlap_at_random": overlap(table.assign(split=at_random))}


def as_text(facts: dict) -> str:
    """Formats `facts` for people."""
    counts = pd.DataFrame(facts["counts"])
    lines = [counts.assign(total=counts.sum(axis=1)).to_string(),
             f"largest deviation from the requested split: {100 * facts['split_deviation']:.1f} % "
             f"of a class ({facts['split_deviation_class']})"]

    for name, value in facts["overlap"].items():
        comparison = (f"  (random split: {facts['overlap_at_random'][name]})"
                      if name.startswith("share") else "")
        lines.append(f"  overlap {name}: {value}{comparison}")
    return "\n".join(lines)


def overlap(table: pd.DataFrame) -> dict[str, float | int]:
    """Counts what the values of `split` share in each of the columns in SHARED that `table` has.

    Returns:
        For each pair of splits the number of items, identical pictures and groups of
        near-duplicates on both sides, and the share of test pictures that have one in train.
    """
    shared: dict[str, float | int] = {}
    for column, (name, share) in SHARED.items():
        if column not in table:
            continue
        members = {split: set(table.loc[table["split"] == split, column]) for split in SPLITS}
        for first, second in itertools.combinations(SPLITS, 2):
            shared[f"{name}, {first} and {second}"] = len(members[first] & members[second])

        test = table.loc[table["split"] == "test", column]
        shared[f"share of test pictures {share}"] = (
            round(float(test.isin(members["train"]).mean()), 4) if len(test) else 0.0)
    return shared


def joined_items(items: pd.Series, groups: pd.Series) -> pd.Series:
    """Joins items, of each picture, that share a group: the first name stays.

    `groups` are on the index of `items`; a picture may have none, or several. Those of others don't
    count.
    """
    groups = groups[groups.index.isin(items.index)]
    item, names = pd.factorize(items, sort=True)
    group, keys = pd.factorize(groups)
    place = items.index.get_indexer(groups.index)

    # A graph of items and groups, with an edge for each picture: joined is what it connects.
    size = len(names) + len(keys)
    edges = scipy.sparse.coo_array(
        (np.ones(len(group), bool), (item[place], len(names) + group)), shape=(size, size))
    part = scipy.sparse.csgraph.connected_components(edges, directed=False)[1]

    first = pd.Series(names).groupby(part[:len(names)]).transform("first")
    return pd.Series(first.to_numpy()[item], index=items.index)


def near_duplicate_rows(table: pd.DataFrame, classes: list[str]) -> pd.DataFrame:
    """Lists the pictures that have near-duplicates, group by group.

    Returns:
        group (numbered from 1), path, item, class, split, identical (in bytes, to another picture).
    """
    group = "near_duplicate_group"
    rows = table[table.duplicated(group, keep=False)].sort_values([group, "path"])
    return pd.DataFrame({
        "group": pd.factorize(rows[group])[0] + 1, "path": rows["path"], "item": rows["item"],
        "class": np.array(classes, object)[rows["label"]], "split": rows["split"],
        "identical": rows.duplicated("digest", keep=False)})
