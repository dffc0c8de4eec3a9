"""Readers of picture sources: whatever the layout, one table with a row for each picture.

Columns: `path` (POSIX, relative to the images root), `item` (group key: one garment), `category`
(str or None), `bbox` (x1, y1, x2, y2 in pixels, 1-based and inclusive, or None), `partition`
("train", "val", "test" or None). No picture is opened, nor looked for: the audit does that.
"""
import dataclasses
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from fashionclf.sources import annotations, folders, sisters
from fashionclf.system import files

COLUMNS = ["path", "item", "category", "bbox", "partition"]
DROPPED = ["path", "category", "reason", "line"]
ANNOTATION_FOLDERS = ("Anno_coarse", "AnnoCoarse", "Anno", "anno", "")
UNLABELLED = "unlabelled"
PARTITION_FOLDERS = ("Eval", "eval", *ANNOTATION_FOLDERS)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """What a reader returns."""
    table: pd.DataFrame  # a row for each picture, with COLUMNS
    images_root: Path  # that the paths start from
    notes: list[str]  # to print: what was read, and from where
    # DROPPED of what can't be a row: a malformed row of a CSV file with its line, a file of
    # another kind, a folder (ends in "/") that isn't entered.
    dropped: pd.DataFrame = dataclasses.field(
        default_factory=lambda: pd.DataFrame(columns=DROPPED, dtype=object))

    @property
    def rows_read(self) -> int:
        return len(self.table) + len(self.dropped)


def read_deepfashion(source_dir: str | Path) -> Source:
    """Reads DeepFashion's Category and Attribute Prediction benchmark.

    Looks for the pictures under img/, Img/img/ and img/img/, and for the lists under each name
    that releases give their folder. Without list_category_img.txt the rows come from the picture
    folders and have no category (take it from the item's name). Anno_fine/ is never read: it
    belongs to another split.

    Raises:
        FileNotFoundError: neither pictures nor lists exist.
        ValueError: a list is malformed; names file, line and cure.
    """
    source_dir = Path(source_dir)
    files.require_folder(source_dir, "point --source_dir at the folder that contains DeepFashion's "
                         "img/ and Anno_coarse/")
    images_root = _images_root(source_dir)
    pictures = images_root / "img"
    categories = _find(source_dir, ANNOTATION_FOLDERS, "list_category_img.txt")
    if categories is None:
        sisters.refuse(source_dir)
    if categories is None and not pictures.is_dir():
        raise FileNotFoundError(
            f"{source_dir}: contains no img/, Img/img/ or img/img/, and no list_category_img.txt "
            f"in {', '.join(filter(None, ANNOTATION_FOLDERS))}; point --source_dir at DeepFashion, "
            "or use --source=folder for a folder per class")

    # The list of categories decides which pictures there are; without one, the folders do.
    notes = [f"pictures: {pictures} ({'found' if pictures.is_dir() else 'absent'})"]
    dropped = pd.DataFrame(columns=DROPPED, dtype=object)
    if categories is None:
        paths, dropped = _found(images_root, pictures, notes)
        notes.append("no list_category_img.txt: rows come from the folders")
        # str would refuse a name that is not in UTF-8
        table = pd.DataFrame({"path": paths, "category": None}, dtype=object)
    else:
        table = _annotated(categories, source_dir, notes)
        on_disk = []
        if pictures.is_dir():
            on_disk, left_out = folders.find(pictures, root=images_root)
            notes += folders.note(left_out)
        unlisted = len(set(on_disk) - set(table["path"]))
        if unlisted:
            notes.append(f"{unlisted:,} pictures on disk are in no list and are ignored")
    table["item"] = table["path"].str.rpartition("/")[0]

    table["bbox"] = _listed(
        table, _find(source_dir, ANNOTATION_FOLDERS, "list_bbox.txt"), notes,
        columns=["x_1", "y_1", "x_2", "y_2"], parse=annotations.boxes, what="boxes",
        otherwise="no list_bbox.txt: whole pictures are used")
    table["partition"] = _listed(
        table, _find(source_dir, PARTITION_FOLDERS, "list_eval_partition.txt"), notes,
        columns=["value"], parse=lambda file, rows: annotations.partitions(file, rows["value"]),
        what="official split", otherwise="no list_eval_partition.txt: there is no official split")
    return Source(table=table[COLUMNS], images_root=images_root, notes=notes, dropped=dropped)


def _images_root(source_dir: Path) -> Path:
    """The folder in which `img/<item>/<picture>` lies: the first whose img/ exists."""
    for parent in ("Img", "img", ""):
        if (source_dir / parent / "img").is_dir():
            return source_dir / parent
    return source_dir


def _find(source_dir: Path, folders: tuple[str, ...], name: str) -> Path | None:
    return next((source_dir / folder / name for folder in folders
                 if (source_dir / folder / name).is_file()), None)


def _annotated(file: Path, source_dir: Path, notes: list[str]) -> pd.DataFrame:
    """`path` and `category` from list_category_img.txt, whose ids count from 1."""
    rows = annotations.read_list(file, ["path", "id"])
    rows["id"] = annotations.numbers(file, rows["id"])
    rows = annotations.unique(file, rows, notes)
    notes.append(f"categories: {file}")

    names_file = _find(source_dir, ANNOTATION_FOLDERS, "list_category_cloth.txt")
    if names_file is None:
        notes.append("no list_category_cloth.txt: ids have no names, use --label_from=name")
        category = None
    else:
        names = annotations.read_names(names_file)
        annotations.refuse(file, rows["id"][~rows["id"].between(1, len(names))], lambda number: (
            f"category {number} is not in 1..{len(names)}, the rows of {names_file}; use two files "
            "of the same release"))
        category = rows["id"].map(dict(enumerate(names, start=1)))
    return pd.DataFrame({"path": rows["path"], "category": category}).reset_index(drop=True)


def _listed(table: pd.DataFrame, file: Path | None, notes: list[str], *, columns: list[str],
            parse: Callable, what: str, otherwise: str) -> pd.Series | None:
    """The parsed `columns` of a list for the pictures of `table`; None where there are none."""
    if file is None:
        notes.append(otherwise)
        return None
    rows = annotations.read_list(file, ["path", *columns])
    rows["value"] = parse(file, rows[columns])
    rows = annotations.unique(file, rows[["path", "value"]], notes)

    values = table["path"].map(rows.set_index("path")["value"]).astype(object)
    known = values.notna().sum()
    notes.append(f"{what}: {file}, for {known:,} of {len(table):,} pictures")
    if known < len(rows):
        notes.append(f"{len(rows) - known:,} more of its rows belong to other pictures")
    return values.where(values.notna(), None)


def _found(root: Path, folder: Path, notes: list[str], *,
           follow_links: bool = False) -> tuple[list[str], pd.DataFrame]:
    """The pictures below `folder`, and DROPPED of all else; FileNotFoundError if there is none."""
    paths, left_out = folders.find(folder, root=root, follow_links=follow_links)
    notes += folders.note(left_out)
    if not paths:
        reasons = "; ".join(dict.fromkeys(left_out["reason"])) or "it is empty"
        raise FileNotFoundError(f"{folder}: contains no pictures "
                                f"({', '.join(files.PICTURE_SUFFIXES)}), {reasons}; check "
                                "--source_dir")
    return paths, left_out.reindex(columns=DROPPED, fill_value="").astype(object)


def read_folder(source_dir: str | Path, *, follow_links: bool = False) -> Source:
    """Reads a folder per class: `<class>/picture` or `<class>/<item>/picture`.

    A picture that lies directly in its class's folder is an item of its own. Folders named train,
    val and test above or below those of the classes are the source's partition (folders.table,
    which refuses folders that are not those of classes). `follow_links`: enter linked folders.
    """
    root = Path(source_dir)
    files.require_folder(root, "point --source_dir at the folder that contains a folder per class")
    sisters.refuse(root)
    notes = [f"pictures: {root}, a folder per class"]
    paths, dropped = _found(root, root, notes, follow_links=follow_links)
    table = folders.table(root, paths, dropped, notes)
    return Source(table=table.assign(bbox=None)[COLUMNS], images_root=root, notes=notes,
                  dropped=dropped)


def read_unlabelled(source_dir: str | Path, *, follow_links: bool = False) -> Source:
    """Reads pictures in any folders, all of the one class UNLABELLED; each is an item of its own.

    They are for train --unlabelled. `follow_links`: enter linked folders.
    """
    root = Path(source_dir)
    notes = [f"pictures: {root}, without classes"]
    paths, dropped = _found(root, root, notes, follow_links=follow_links)
    table = pd.DataFrame({"path": paths, "item": paths, "category": UNLABELLED}, dtype=object)
    return Source(table=table.assign(bbox=None, partition=None)[COLUMNS], images_root=root,
                  notes=notes, dropped=dropped)
