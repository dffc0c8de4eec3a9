"""The pictures of a study, with a split that stays the same whatever their classes are called."""
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # --help of the studies stays quick
    import pandas as pd

SIDES = ["x1", "y1", "x2", "y2"]
PARTITIONS = {"train": "train", "validation": "val", "test": "test"}


@dataclasses.dataclass(frozen=True)
class Rows:
    """Pictures, `path, item, category, bbox` and maybe `partition`, and where paths start."""
    table: "pd.DataFrame"
    images_root: Path


def read(source_dir: str, group_pattern: str | None) -> Rows:
    """Reads the annotated pictures of a folder in DeepFashion's layout.

    Args:
        group_pattern: what one item is, see build_tfrecords; None for the source's own.
    """
    from fashionclf.sources import readers, splits

    found = readers.read_deepfashion(source_dir)
    table = found.table[found.table["category"].notna()]
    if table.empty:
        raise ValueError(f"{source_dir}: no picture is annotated with a category; a study needs "
                         "list_category_img.txt and list_category_cloth.txt")

    if group_pattern:
        table = table.assign(item=splits.items_by_pattern(table["path"], group_pattern))
    return Rows(table, found.images_root)


def split(rows: Rows, *, test_fraction: float, validation_fraction: float, seed: int) -> Rows:
    """Returns `rows` with the partition of a split that keeps items together, see splits.split."""
    from fashionclf.sources import splits

    labelled = rows.table.assign(label=rows.table["category"].rank(method="dense").astype(int))
    drawn = splits.split(labelled, method="grouped", test_fraction=test_fraction,
                         validation_fraction=validation_fraction, seed=seed)
    return Rows(rows.table.assign(partition=drawn.map(PARTITIONS)), rows.images_root)


def as_csv(rows: Rows) -> str:
    """Returns the text that build_tfrecords --source=csv reads: exact, not `tables.safe`."""
    import pandas as pd

    boxes = pd.DataFrame([box or (None,) * 4 for box in rows.table["bbox"]], columns=SIDES,
                         index=rows.table.index, dtype="Int64")
    return rows.table.drop(columns="bbox").join(boxes).to_csv(index=False, lineterminator="\n")
