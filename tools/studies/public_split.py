"""A split that others have published: read, and laid out for training and for evaluation."""
from pathlib import Path

from fashionclf.sources import annotations, splits
from fashionclf.system import csv_files
from tools.studies.sources import PARTITIONS, Rows


def read(source_dir: Path, split_file: Path, group_pattern: str) -> Rows:
    """Reads the rows path,part,class of a CSV; the sender is the item.

    Raises:
        ValueError: a part is unknown or empty, a row is malformed, or a path has no sender.
    """
    rows = csv_files.read_table(split_file, ["path", "part", "class"], cure="name the columns so")
    partition = rows["part"].map(annotations.part_of)
    if partition.isna().any():
        line = partition.isna().idxmax()
        raise ValueError(f"{split_file}:{line}: {rows['part'][line]!r} is not train, validation "
                         "or test; correct it")
    missing = set(PARTITIONS.values()) - set(partition)
    if missing:
        raise ValueError(f"{split_file}: no row is of the part {min(missing)}")

    table = rows.rename(columns={"class": "category"})[["path", "category"]].assign(
        item=splits.items_by_pattern(rows["path"], group_pattern), bbox=None, partition=partition)
    return Rows(table.reset_index(drop=True), source_dir)


def to_train(rows: Rows, validation_fraction: float) -> Rows:
    """Returns the train and test parts; a share of train, by sender, becomes validation."""
    table = rows.table[rows.table["partition"] != "val"]
    train = table[table["partition"] == "train"]
    drawn = splits.split(
        train.assign(label=train["category"].rank(method="dense").astype(int)), method="grouped",
        test_fraction=0.0, validation_fraction=validation_fraction)
    partition = table["partition"].where(table["partition"] == "test", drawn.map(PARTITIONS))
    return Rows(table.assign(partition=partition), rows.images_root)


def with_validation_as_test(rows: Rows) -> Rows:
    """Returns the train part, whose classes records need, and the validation part as a test."""
    table = rows.table[rows.table["partition"] != "test"]
    return Rows(table.assign(partition=table["partition"].replace("val", "test")),
                rows.images_root)


def shared(rows: Rows) -> str:
    """Says how many pictures of the test and of the validation part have a sender in train."""
    senders = rows.table.groupby("partition")["item"]
    known = set(senders.get_group("train"))
    texts = [f"{items.isin(known).sum():,} of {len(items):,} {name} pictures"
             for name, items in (("validation", senders.get_group("val")),
                                 ("test", senders.get_group("test")))]
    return f"Their sender has pictures in train: {', '.join(texts)}."
