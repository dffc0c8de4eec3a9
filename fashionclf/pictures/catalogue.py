"""Reads a shop's CSV file that has one row per picture."""
import os
from pathlib import Path

import pandas as pd

from fashionclf.pictures.files import Picture
from fashionclf.system import csv_files, files, missing_files
from fashionclf.system.csv_files import Form


def read(csv_file: str | Path, form: Form, *, source_dir: str | Path | None,
         follow_links: bool = False) -> tuple[list[Picture], pd.DataFrame, list[str]]:
    """Lists the pictures of a CSV file with a header and one row per picture.

    Args:
        form: how to read it. With a pattern the table has the paths in `form.path_column`, and a
            column of that name gets csv_ before it. Bad rows that are dropped have a fault.
        source_dir: folder that the paths are relative to and must not lead out of;
            None: the folder of the CSV.
        follow_links: whether a picture may be a link that leads out of `source_dir`.

    Returns:
        The pictures, and a table of all columns as strings, both in the order of the file; lines
        to print about what was found.

    Raises:
        FileNotFoundError: the CSV or the folder does not exist, or none of the pictures.
        ValueError: the CSV is malformed or lacks a column.
    """
    file = Path(csv_file)
    files.require_file(file, "--csv_file names a CSV with a header")
    root = os.fspath(file.parent if source_dir is None else source_dir)
    files.require_folder(root, f"--source_dir names the folder that the paths in {file} are "
                         "relative to")

    rows, paths = csv_files.read_pictures(
        file, form, cure="name the pictures' column with --path_column, or --path_pattern")
    if form.bad_rows == "stop":
        csv_files.refuse(file, rows.faults, more="; or --bad_rows=drop gives such rows no class")

    table = rows.table
    if form.path_pattern:
        table = table.rename(columns={form.path_column: f"csv_{form.path_column}"})
        table.insert(0, form.path_column, paths)

    faults = {line: "malformed CSV row: " + fault.partition("; ")[0]
              for line, fault in rows.faults.items()}
    pictures = [Picture(path=os.path.join(root, path), root=os.sep if follow_links else root,
                        fault=faults.get(line) or (None if path else "no path in its CSV row"))
                for line, path in paths.items()]
    named = [path for path in paths if path]
    notes = rows.notes + (missing_files.check(named, root=root, file=file) if named else [])
    return pictures, table.reset_index(drop=True), notes


def known(csv_file: str | Path, table: pd.DataFrame,
          columns: dict[str, str | None]) -> list[dict[str, str]]:
    """Returns the wanted columns of the table of `read` as one dictionary per picture.

    `columns` maps a key to a column, or to None to leave it out; ValueError if one is missing.
    """
    columns = {name: column for name, column in columns.items() if column}
    for column in columns.values():
        if column not in table:
            raise ValueError(f"{csv_file}: has no column {column!r}, only {', '.join(table)}; "
                             "see --class_column and --item_column")
    return table[list(columns.values())].set_axis(list(columns), axis=1).to_dict("records")
