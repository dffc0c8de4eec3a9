"""Reads a shop's CSV file as a source: the user names the columns."""
import os
from pathlib import Path

import pandas as pd

from fashionclf.sources import annotations, garments
from fashionclf.sources.readers import COLUMNS, DROPPED, Source
from fashionclf.system import csv_files, files, missing_files
from fashionclf.system.csv_files import Form

NO_ITEM = ("has no item, and all pictures without one would count as one garment; fill it in, or "
           "leave --item_column out")


def read(csv_file: str | Path, form: Form, *, images_root: str | Path, category_column: str,
         item_column: str | None = None, bbox_columns: list[str] | None = None,
         partition_column: str | None = None) -> Source:
    """Reads a CSV file with a header and a row for each picture.

    Without `item_column` garments.by_folder chooses the item. `bbox_columns` are x1, y1, x2, y2;
    a row may leave all four empty.

    Raises:
        FileNotFoundError: the file doesn't exist.
        ValueError: a column is missing, the text can't be read, or rows are malformed.
    """
    file = Path(csv_file)
    files.require_file(file, "--csv_file takes a CSV with a header")
    if bbox_columns and (len(bbox_columns) != 4 or len(set(bbox_columns)) != 4):
        raise ValueError(f"--bbox_columns needs the four columns x1,y1,x2,y2, got {bbox_columns}")
    columns = [category_column, item_column, partition_column, *(bbox_columns or [])]
    columns = list(filter(None, columns))
    found, path = csv_files.read_pictures(
        file, form, columns, cure="name the columns with --path_column (or --path_pattern), "
                                  "--category_column, ...")
    rows, category = found.table, _filled(found.table[category_column])

    faults = _faults(rows, path, images_root, item_column, bbox_columns, partition_column)
    faults |= found.faults
    if form.bad_rows == "stop":
        csv_files.refuse(file, faults, more="; or leave such rows out with --bad_rows=drop")
    good = ~rows.index.isin(list(faults))
    if not good.any():
        csv_files.refuse(file, faults)

    table = pd.DataFrame({"path": path, "category": category})[good]
    notes = [f"rows: {file}, pictures from {images_root}", *found.notes]
    table["item"] = rows[item_column] if item_column else None
    table["bbox"] = _csv_boxes(file, rows.loc[good, bbox_columns]) if bbox_columns else None
    table["partition"] = pd.Series(  # map would turn None into NaN
        [annotations.part_of(part) for part in rows[partition_column]], rows.index, dtype=object
    ) if partition_column else None
    table = annotations.unique(file, table, notes)
    if not item_column:
        table["item"], note = garments.by_folder(table["path"], table["category"])
        notes += [note, *garments.unused_column(list(rows), columns)]

    reasons = ["malformed row: " + faults[line].partition("; ")[0] for line in rows.index[~good]]
    dropped = pd.DataFrame({"path": path, "category": category, "line": rows.index.map(str)})[~good]
    return Source(table=table[COLUMNS].reset_index(drop=True), images_root=Path(images_root),
                  notes=notes, dropped=dropped.assign(reason=reasons)[DROPPED])


def _faults(rows: pd.DataFrame, path: pd.Series, images_root: str | Path, item_column: str | None,
            bbox_columns: list[str] | None, partition_column: str | None) -> dict[int, str]:
    """All that is wrong with the cells of any row, by its line, before any row is used."""
    faults = annotations.path_faults(path)
    for line in list(faults)[:1]:
        hint = missing_files.hint(os.path.abspath(images_root), path[line])
        faults[line] += f" ({hint})" if hint else ""
    if item_column:
        faults |= dict.fromkeys(rows.index[rows[item_column] == ""], NO_ITEM)
    if partition_column:
        faults |= {line: f"{part!r} is not train, val or test; correct it"
                   for line, part in rows[partition_column].items()
                   if part.strip() and annotations.part_of(part) is None}
    if bbox_columns:
        faults |= _box_faults(rows[bbox_columns])
    return faults


def _filled(values: pd.Series) -> pd.Series:
    """The values, None where they are blank."""
    return values.astype(object).where(values.str.strip() != "", None)


def _box_faults(sides: pd.DataFrame) -> dict[int, str]:
    given = sides[(sides != "").any(axis=1)]
    return {row[0]: f"expected a whole number of at most nine digits, got {text!r}; correct it"
            for row in given.itertuples() for text in row[:0:-1]
            if not annotations.WHOLE.fullmatch(text)}


def _csv_boxes(file: Path, sides: pd.DataFrame) -> pd.Series:
    given = sides[(sides != "").any(axis=1)]
    boxes = annotations.boxes(file, given).reindex(sides.index)
    return boxes.where(boxes.notna(), None)
