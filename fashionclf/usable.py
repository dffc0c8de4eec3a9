"""The labelled pictures that can be used, and which of them look alike; prints what it finds."""
from pathlib import Path

import pandas as pd

from fashionclf import audit, categories, look_alikes, workers


def pictures(labelled: categories.Labelled, images_root: Path, *,
             run: workers.Run) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows whose picture can be used, with what audit.pictures found, and the others.

    Raises:
        ValueError: a class has no picture left.
    """
    table = labelled.table.join(audit.pictures(labelled.table, images_root, run=run))
    usable, quarantined = table[table["reason"].isna()], table[table["reason"].notna()]
    usable = audit.with_checked_boxes(usable)
    print("\n" + categories.counts_text("quarantined", quarantined["reason"]))
    print(categories.counts_text("repaired", usable["repair"].dropna()))
    empty = sorted(set(range(len(labelled.classes))) - set(usable["label"]))
    if empty:
        first = table[table["label"] == empty[0]].iloc[0]
        raise ValueError(
            f"no picture of class {labelled.classes[empty[0]]!r} (and {len(empty) - 1} other "
            f"classes) can be used, the first, {images_root / first['path']}, because: "
            f"{first['reason']}. Are the pictures there? --dry_run needs none")
    return usable, quarantined


def with_look_groups(table: pd.DataFrame, bits: int) -> pd.DataFrame:
    """`table` with `look_group`; prints how many pictures look alike, in at most `bits` bits."""
    table = table.assign(look_group=look_alikes.groups(table["look"], bits))
    alike = table[table.duplicated("look_group", keep=False)]
    labels = alike.groupby("look_group")["label"].nunique()
    print(f"look-alikes: {len(alike):,} pictures in {len(labels):,} groups, "
          f"{(labels > 1).sum():,} of them under several classes")
    return table
