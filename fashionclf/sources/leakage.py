"""What a test picture shares with training: its item, its bytes, its look."""
import itertools

import numpy as np
import pandas as pd
import scipy.sparse

from fashionclf.sources import splits
from fashionclf.sources.splits import SPLITS

SHARED = {"item": ("items", "whose item is in train"),
          "digest": ("identical pictures", "with an identical picture in train"),
          "look_group": ("look-alikes", "with a look-alike in train")}


def facts(table: pd.DataFrame, at_random: pd.Series, classes: list[str]) -> dict:
    """What the manifest says of a split.

    Args:
        table: `label` and what `overlap` needs.
        at_random: the split that a draw of single pictures would have given.

    Returns:
        counts (split -> class -> pictures), split_deviation (see splits.max_deviation),
        overlap, and overlap_at_random for comparison.
    """
    counts = (pd.crosstab(table["label"], table["split"])
              .reindex(index=range(len(classes)), columns=SPLITS, fill_value=0).set_axis(classes))
    return {"counts": counts.to_dict(), "split_deviation": float(splits.max_deviation(table)),
            "overlap": overlap(table), "overlap_at_random": overlap(table.assign(split=at_random))}


def as_text(facts: dict) -> str:
    """The same for people."""
    counts = pd.DataFrame(facts["counts"])
    lines = [counts.assign(total=counts.sum(axis=1)).to_string(),
             f"at most {facts['split_deviation']:.1%} of a class off the wanted share"]
    for name, value in facts["overlap"].items():
        beside = (f"  (of a split at random: {facts['overlap_at_random'][name]})"
                  if name.startswith("share") else "")
        lines.append(f"  overlap {name}: {value}{beside}")
    return "\n".join(lines)


def overlap(table: pd.DataFrame) -> dict[str, float | int]:
    """What the splits share.

    Args:
        table: columns `split`, `item` and, where the pictures are known, `digest`
            and `look_group` (see near_duplicates.groups).

    Returns:
        For each pair of splits the number of items, identical pictures and groups of
        look-alikes on both sides, and the share of test pictures that have one in train.
    """
    found: dict[str, float | int] = {}
    for column, (name, share) in SHARED.items():
        if column not in table:
            continue
        members = {split: set(table.loc[table["split"] == split, column]) for split in SPLITS}
        for one, other in itertools.combinations(SPLITS, 2):
            found[f"{name}, {one} and {other}"] = len(members[one] & members[other])
        test = table.loc[table["split"] == "test", column]
        found[f"share of test pictures {share}"] = (
            round(float(test.isin(members["train"]).mean()), 4) if len(test) else 0.0)
    return found


def joined_items(items: pd.Series, look_groups: pd.Series) -> pd.Series:
    """Items, of which those that share look-alikes are one, under the name that sorts first.

    Args:
        items: group key of each picture.
        look_groups: int, equal for look-alikes, on the same index.
    """
    item, names = pd.factorize(items, sort=True)
    look, _ = pd.factorize(look_groups)
    size = len(names) + int(look.max(initial=-1)) + 1
    edges = scipy.sparse.coo_array((np.ones(len(item), bool), (item, len(names) + look)),
                                   shape=(size, size))
    part = scipy.sparse.csgraph.connected_components(edges, directed=False)[1]
    first = pd.Series(names).groupby(part[:len(names)]).transform("first")
    return pd.Series(first.to_numpy()[item], index=items.index)


def look_alike_rows(table: pd.DataFrame, classes: list[str]) -> pd.DataFrame:
    """The pictures that are not alone in their group of look-alikes, group by group.

    Args:
        table: `path, item, label, split, digest, look_group`.

    Returns:
        group (numbered from 1), path, item, class, split, identical (whether another
        picture of the group has the same bytes).
    """
    rows = table[table.duplicated("look_group", keep=False)].sort_values(["look_group", "path"])
    return pd.DataFrame({
        "group": pd.factorize(rows["look_group"])[0] + 1, "path": rows["path"],
        "item": rows["item"], "class": np.array(classes, object)[rows["label"]],
        "split": rows["split"], "identical": rows.duplicated("digest", keep=False)})
