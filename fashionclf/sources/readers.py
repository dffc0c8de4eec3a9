"""Readers of picture sources: whatever the layout, one table with a row for each picture.

Columns: `path` (POSIX, relative to the images root), `item` (group key: one garment), `category`
(str or None), `bbox` (x1, y1, x2, y2 in pixels, 1-based and inclusive, or None), `partition`
("train", "val", "test" or None). No picture is opened, nor looked for: the audit does that.
"""
import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from fashionclf.sources import annotations
from fashionclf.system import files, tables

COLUMNS = ["path", "item", "category", "bbox", "partition"]
ANNOTATION_FOLDERS = ("Anno_coarse", "AnnoCoarse", "Anno", "anno", "")
PARTITION_FOLDERS = ("Eval", "eval", *ANNOTATION_FOLDERS)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """What a reader returns."""
    table: pd.DataFrame  # a row for each picture, with COLUMNS
    images_root: Path  # that the paths start from
    notes: list[str]  # to print: what was read, and from where


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
    if categories is None and not pictures.is_dir():
        raise FileNotFoundError(
            f"{source_dir}: contains no img/, Img/img/ or img/img/, and no list_category_img.txt "
            f"in {', '.join(filter(None, ANNOTATION_FOLDERS))}; point --source_dir at DeepFashion, "
            "or use --source=folder for a folder per class")

    # The list of categories decides which pictures there are; without one, the folders do.
    notes = [f"pictures: {pictures} ({'found' if pictures.is_dir() else 'absent'})"]
    if categories is None:
        table = _table_of_folder(images_root, pictures, notes)
        notes.append("no list_category_img.txt: rows come from the folders")
        table["category"] = None
    else:
        table = _annotated(categories, source_dir, notes)
        table["item"] = table["path"].str.rpartition("/")[0]
        on_disk = _pictures(images_root, pictures, notes)[0] if pictures.is_dir() else []
        unlisted = len(set(on_disk) - set(table["path"]))
        if unlisted:
            notes.append(f"{unlisted:,} pictures on disk are in no list and are ignored")

    table["bbox"] = _listed(
        table, _find(source_dir, ANNOTATION_FOLDERS, "list_bbox.txt"), notes,
        columns=["x_1", "y_1", "x_2", "y_2"], parse=annotations.boxes, what="boxes",
        otherwise="no list_bbox.txt: whole pictures are used")
    table["partition"] = _listed(
        table, _find(source_dir, PARTITION_FOLDERS, "list_eval_partition.txt"), notes,
        columns=["value"], parse=lambda file, rows: annotations.partitions(file, rows["value"]),
        what="official split", otherwise="no list_eval_partition.txt: there is no official split")
    return Source(table=table[COLUMNS], images_root=images_root, notes=notes)


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


def _pictures(root: Path, folder: Path, notes: list[str]) -> tuple[list[str], int]:
    """Sorted POSIX paths, relative to `root`, of pictures below `folder`; count of other files."""
    paths, others, unreadable = files.walk_pictures(folder)
    if unreadable:
        notes.append(f"{len(unreadable):,} folders can't be read and are left out; the first is "
                     f"{unreadable[0].filename} ({unreadable[0].strerror})")
    return sorted(Path(os.path.relpath(path, root)).as_posix() for path in paths), others


def _table_of_folder(root: Path, folder: Path, notes: list[str]) -> pd.DataFrame:
    """`path` and `item`, the folder of a picture, of the pictures below `folder`."""
    paths, others = _pictures(root, folder, notes)
    if not paths:
        raise FileNotFoundError(f"{folder}: contains no pictures "
                                f"({', '.join(files.PICTURE_SUFFIXES)}); check --source_dir")
    if others:
        notes.append(f"{others:,} files with other suffixes are ignored")
    table = pd.DataFrame({"path": paths}, dtype=object)  # str would refuse a name not in UTF-8
    table["item"] = table["path"].str.rpartition("/")[0]
    return table


def read_folder(source_dir: str | Path) -> Source:
    """Reads a folder per class: `<class>/picture` or `<class>/<item>/picture`.

    A picture that lies directly in its class's folder is an item of its own.
    """
    root = Path(source_dir)
    files.require_folder(root, "point --source_dir at the folder that contains a folder per class")
    notes = [f"pictures: {root}, a folder per class"]
    table = _table_of_folder(root, root, notes)

    parts = table["path"].str.split("/")
    stray = table["path"][parts.str.len() < 2]
    if len(stray):
        raise ValueError(f"{root / stray.iloc[0]}: lies beside the class folders; move it into "
                         "the folder of its class")
    table["category"] = parts.str[0]
    table["item"] = table["item"].where(parts.str.len() > 2, table["path"])
    return Source(table=table.assign(bbox=None, partition=None)[COLUMNS], images_root=root,
                  notes=notes)


def read_csv(csv_file: str | Path, *, images_root: str | Path, path_column: str,
             category_column: str, item_column: str | None = None,
             bbox_columns: list[str] | None = None, partition_column: str | None = None) -> Source:
    """Reads a CSV file with a header and a row for each picture; the caller names the columns.

    Without `item_column` the item is the picture's folder, or the picture itself where its path has
    none. `bbox_columns` are x1, y1, x2, y2; a row may leave all four empty.
    """
    file = Path(csv_file)
    files.require_file(file, "--csv_file takes a CSV with a header")
    if bbox_columns and (len(bbox_columns) != 4 or len(set(bbox_columns)) != 4):
        raise ValueError(f"--bbox_columns needs the four columns x1,y1,x2,y2, got {bbox_columns}")
    columns = [path_column, category_column, item_column, partition_column, *(bbox_columns or [])]
    rows = tables.read_table(file, list(filter(None, columns)),
                             cure="name the columns with --path_column, --category_column, ...")

    table = pd.DataFrame({"path": rows[path_column], "category": _filled(rows[category_column])})
    annotations.class_names(file, table["category"].dropna())
    table["item"] = _csv_items(file, rows, path_column, item_column)
    table["bbox"] = _csv_boxes(file, rows[bbox_columns]) if bbox_columns else None
    table["partition"] = _filled(rows[partition_column]) if partition_column else None
    annotations.partitions(file, table["partition"].dropna())

    notes = [f"rows: {file}, pictures from {images_root}"]
    table = annotations.unique(file, table, notes)
    return Source(table=table[COLUMNS].reset_index(drop=True), images_root=Path(images_root),
                  notes=notes)


def _filled(values: pd.Series) -> pd.Series:
    """The values, None where they are empty."""
    return values.astype(object).where(values != "", None)


def _csv_items(file: Path, rows: pd.DataFrame, path_column: str,
               item_column: str | None) -> pd.Series:
    if item_column is None:
        folder = rows[path_column].str.rpartition("/")[0]
        return folder.where(folder != "", rows[path_column])
    items = rows[item_column]
    annotations.refuse(file, items[items == ""], lambda _: (
        "has no item, and all pictures without one would count as one garment; fill it in, or "
        "leave --item_column out"))
    return items


def _csv_boxes(file: Path, sides: pd.DataFrame) -> pd.Series:
    given = sides[(sides != "").any(axis=1)]
    boxes = annotations.boxes(file, given).reindex(sides.index)
    return boxes.where(boxes.notna(), None)
