"""One table of the pictures that exist: a row a picture, whatever the source.

Columns: `path` (POSIX, relative to the images root), `item` (group key: one
garment), `category` (str or None), `bbox` (x1, y1, x2, y2 in pixels, 1-based
and inclusive, or None), `partition` ("train", "val", "test" or None).
Reading only: whether a file exists or can be decoded is not looked at here.
"""
import dataclasses
import os
from pathlib import Path

import pandas as pd

from fashionclf.sources import annotations
from fashionclf.system import tables

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
COLUMNS = ["path", "item", "category", "bbox", "partition"]
ANNOTATION_FOLDERS = ("Anno_coarse", "AnnoCoarse", "Anno", "anno", "")
PARTITION_FOLDERS = ("Eval", "eval", *ANNOTATION_FOLDERS)


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """A source's table, the folder its paths start from, and what should be said of it."""
    table: pd.DataFrame
    images_root: Path
    notes: list[str]


def read_deepfashion(source_dir: str | Path) -> Catalogue:
    """Reads DeepFashion's Category and Attribute Prediction benchmark.

    Looks for the pictures under img/, Img/img/ and img/img/, and for
    list_category_img.txt, list_category_cloth.txt and list_bbox.txt under the
    names that the annotation folder is given. Without these lists the picture
    folders alone make the table, without categories (use the item's name).
    Anno_fine/ is never read: it belongs to another split.

    Raises:
        FileNotFoundError: neither pictures nor lists are there.
        ValueError: a list is not what it should be; names file, line and cure.
    """
    source_dir = Path(source_dir)
    if not source_dir.is_dir():
        raise FileNotFoundError(f"{source_dir}: no such folder; point --source_dir to the folder "
                                "that holds DeepFashion's img/ and Anno_coarse/")
    images_root = _images_root(source_dir)
    rows = _find(source_dir, ANNOTATION_FOLDERS, "list_category_img.txt")
    if rows is None and not (images_root / "img").is_dir():
        raise FileNotFoundError(
            f"{source_dir}: holds neither img/, Img/img/ or img/img/ nor list_category_img.txt in "
            f"{', '.join(filter(None, ANNOTATION_FOLDERS))}; point --source_dir to DeepFashion, "
            "or use --source=folder for a folder per class")
    where = "found" if (images_root / "img").is_dir() else "absent"
    notes = [f"pictures: {images_root / 'img'} ({where})"]
    if rows is None:
        table = _walk(images_root, images_root / "img", notes)
        notes.append("no list_category_img.txt: rows come from the folders")
        table["category"] = None
    else:
        table = _annotated(rows, source_dir, notes)
        table["item"] = table["path"].str.rpartition("/")[0]
        _note_unnamed(table, images_root, notes)
    _merge_boxes(table, _find(source_dir, ANNOTATION_FOLDERS, "list_bbox.txt"), notes)
    _merge_partition(table, _find(source_dir, PARTITION_FOLDERS, "list_eval_partition.txt"), notes)
    return Catalogue(table[COLUMNS], images_root, notes)


def _images_root(source_dir: Path) -> Path:
    """The folder in which `img/<item>/<picture>` lies; the one that holds item folders wins."""
    for parent in ("Img", "img", ""):
        if (source_dir / parent / "img").is_dir():
            return source_dir / parent
    return source_dir


def _find(source_dir: Path, folders: tuple[str, ...], name: str) -> Path | None:
    return next((source_dir / folder / name for folder in folders
                 if (source_dir / folder / name).is_file()), None)


def _annotated(file: Path, source_dir: Path, notes: list[str]) -> pd.DataFrame:
    """`path` and `category` from list_category_img.txt; ids count from 1."""
    rows = annotations.read_list(file, ["path", "id"])
    rows["id"] = annotations.numbers(file, rows["id"])
    rows = annotations.unique(file, rows, notes)
    names_file = _find(source_dir, ANNOTATION_FOLDERS, "list_category_cloth.txt")
    notes.append(f"categories: {file}")
    if names_file is None:
        notes.append("no list_category_cloth.txt: ids have no names, use --label_from=name")
        return pd.DataFrame({"path": rows["path"], "category": None}).reset_index(drop=True)
    names = annotations.read_names(names_file)
    wrong = (rows["id"] < 1) | (rows["id"] > len(names))
    if wrong.any():
        line = wrong.idxmax()
        raise ValueError(f"{file}:{line}: category {rows['id'][line]} is not in 1..{len(names)}, "
                         f"the rows of {names_file}; the two files belong to different releases")
    category = rows["id"].map(dict(enumerate(names, start=1)))
    return pd.DataFrame({"path": rows["path"], "category": category}).reset_index(drop=True)


def _merge_boxes(table: pd.DataFrame, file: Path | None, notes: list[str]) -> None:
    table["bbox"] = None
    if file is None:
        notes.append("no list_bbox.txt: whole pictures are used")
        return
    sides = ["x_1", "y_1", "x_2", "y_2"]
    rows = annotations.read_list(file, ["path", *sides])
    rows["value"] = annotations.boxes(file, rows[sides])
    rows = annotations.unique(file, rows[["path", "value"]], notes)
    table["bbox"] = _merged(table, rows, notes, f"boxes: {file}")


def _merge_partition(table: pd.DataFrame, file: Path | None, notes: list[str]) -> None:
    table["partition"] = None
    if file is None:
        notes.append("no list_eval_partition.txt: there is no official split")
        return
    rows = annotations.read_list(file, ["path", "value"])
    annotations.partitions(file, rows["value"])
    rows = annotations.unique(file, rows, notes)
    table["partition"] = _merged(table, rows, notes, f"official split: {file}")


def _merged(table: pd.DataFrame, rows: pd.DataFrame, notes: list[str], what: str) -> pd.Series:
    """The column `value` of `rows` for the pictures of `table`, None where a picture has none."""
    merged = table["path"].map(rows.set_index("path")["value"]).astype(object)
    known = merged.notna().sum()
    notes.append(f"{what}, for {known:,} of {len(table):,} pictures")
    if known < len(rows):
        notes.append(f"{len(rows) - known:,} more of its rows are of other pictures")
    return merged.where(merged.notna(), None)


def _note_unnamed(table: pd.DataFrame, images_root: Path, notes: list[str]) -> None:
    if (images_root / "img").is_dir():
        unnamed = len(set(_pictures(images_root, images_root / "img")[0]) - set(table["path"]))
        if unnamed:
            notes.append(f"{unnamed:,} pictures on disk are in no row and are left alone")


def _pictures(root: Path, folder: Path) -> tuple[list[str], int]:
    """Sorted paths (POSIX, relative to `root`) of pictures below `folder`; number of other files.

    Links to folders are not followed, so nothing outside is found.
    """
    found, others = [], 0
    for where, folders, files in os.walk(folder):
        folders.sort()
        for name in files:
            if name.lower().endswith(SUFFIXES):
                found.append(Path(where, name).relative_to(root).as_posix())
            else:
                others += 1
    return sorted(found), others


def _walk(root: Path, folder: Path, notes: list[str]) -> pd.DataFrame:
    paths, others = _pictures(root, folder)
    if not paths:
        raise FileNotFoundError(f"{folder}: holds no picture ({', '.join(SUFFIXES)}); "
                                "check --source_dir")
    if others:
        notes.append(f"{others:,} files that are no pictures by their name were left alone")
    table = pd.DataFrame({"path": paths}, dtype=object)  # a name may be no UTF-8: the audit says so
    table["item"] = table["path"].str.rpartition("/")[0]
    return table


def read_folder(source_dir: str | Path) -> Catalogue:
    """Reads a folder per class: `<class>/picture` or `<class>/<item>/picture`.

    A picture that lies directly in its class's folder is an item of its own.
    """
    root = Path(source_dir)
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: no such folder; point --source_dir to the folder that "
                                "holds a folder per class")
    notes = [f"pictures: {root}, a folder per class"]
    table = _walk(root, root, notes)
    parts = table["path"].str.split("/")
    if (parts.str.len() < 2).any():
        stray = table["path"][parts.str.len() < 2].iloc[0]
        raise ValueError(f"{root / stray}: lies beside the class folders; every picture belongs "
                         "into the folder of its class")
    table["category"] = parts.str[0]
    table["item"] = table["item"].where(parts.str.len() > 2, table["path"])
    return Catalogue(table.assign(bbox=None, partition=None)[COLUMNS], root, notes)


def read_csv(csv_file: str | Path, *, images_root: str | Path, path_column: str,
             category_column: str, item_column: str | None = None,
             bbox_columns: list[str] | None = None,
             partition_column: str | None = None) -> Catalogue:
    """Reads a CSV file with a header and a row a picture; columns are named by the caller.

    Without `item_column` the item is the picture's folder, or the picture
    itself where it lies in none. `bbox_columns` are x1, y1, x2, y2; a row may
    leave all four empty.
    """
    file = Path(csv_file)
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file; --csv_file names a CSV with a header")
    if bbox_columns and (len(bbox_columns) != 4 or len(set(bbox_columns)) != 4):
        raise ValueError(f"--bbox_columns needs the four columns x1,y1,x2,y2, got {bbox_columns}")
    wanted = [path_column, category_column, item_column, partition_column, *(bbox_columns or [])]
    read = tables.read_table(file, list(filter(None, wanted)),
                             cure="name them with --path_column, --category_column, ...")
    notes = [f"rows: {file}, pictures from {images_root}"]
    table = pd.DataFrame({"path": read[path_column], "category": _filled(read[category_column])})
    annotations.class_names(file, table["category"].dropna())
    table["item"] = _csv_items(file, read, path_column, item_column)
    table["bbox"] = _csv_boxes(file, read[bbox_columns]) if bbox_columns else None
    table["partition"] = _filled(read[partition_column]) if partition_column else None
    annotations.partitions(file, table["partition"].dropna())
    table = annotations.unique(file, table, notes)
    return Catalogue(table[COLUMNS].reset_index(drop=True), Path(images_root), notes)


def _filled(values: pd.Series) -> pd.Series:
    return values.astype(object).where(values != "", None)


def _csv_items(file: Path, read: pd.DataFrame, path_column: str,
               item_column: str | None) -> pd.Series:
    if item_column is None:
        folder = read[path_column].str.rpartition("/")[0]
        return folder.where(folder != "", read[path_column])
    empty = read[item_column] == ""
    if empty.any():
        raise ValueError(f"{file}:{empty.idxmax()}: has no item, and pictures without one would "
                         "count as one garment; fill it in, or leave --item_column out")
    return read[item_column]


def _csv_boxes(file: Path, sides: pd.DataFrame) -> pd.Series:
    given = sides[(sides != "").any(axis=1)]
    boxes = annotations.boxes(file, given).reindex(sides.index)
    return boxes.where(boxes.notna(), None)
