"""Reads a shop's CSV file that has one row per picture."""
import os
from pathlib import Path

import pandas as pd

from fashionclf.pictures.files import Picture
from fashionclf.system import csv_files, files, missing_files


def read(csv_file: str | Path, *, source_dir: str | Path | None, path_column: str = "path",
         path_pattern: str | None = None, separator: str | None = None,
         encoding: str | None = None, bad_rows: str = "stop",
         follow_links: bool = False) -> tuple[list[Picture], pd.DataFrame, list[str]]:
    """Lists the pictures of a CSV file with a header and one row per picture.

    Args:
        source_dir: folder that the paths are relative to and must not lead out of;
            None: the folder of the CSV.
        path_column: the column with the pictures' paths.
        path_pattern: the path with columns in braces, instead; the table then has the paths in
            `path_column`, and a column of this name gets csv_ before it.
        separator, encoding: see csv_files.read.
        bad_rows: "stop" at malformed rows, or "drop" them: their pictures have a fault.
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

    columns = csv_files.pattern_columns(path_pattern) if path_pattern else [path_column]
    rows = csv_files.read(file, columns, cure="name the pictures' column with --path_column, or "
                          "--path_pattern", others=True, separator=separator, encoding=encoding)
    if bad_rows == "stop":
        csv_files.refuse(file, rows.faults, more="; or --bad_rows=drop gives such rows no class")

    table = rows.table
    if path_pattern:
        paths = csv_files.formatted(path_pattern, table)
        table = table.rename(columns={path_column: f"csv_{path_column}"})
        table.insert(0, path_column, paths)

    faults = {line: "malformed CSV row: " + fault.partition("; ")[0]
              for line, fault in rows.faults.items()}
    pictures = [Picture(path=os.path.join(root, path), root=os.sep if follow_links else root,
                        fault=faults.get(line) or (None if path else "no path in its CSV row"))
                for line, path in table[path_column].items()]
    paths = [path for path in table[path_column] if path]
    notes = rows.notes + (missing_files.check(paths, root=root, file=file) if paths else [])
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
