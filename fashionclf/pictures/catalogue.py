"""Reads a shop's CSV file that has one row per picture."""
import os
from pathlib import Path

import pandas as pd

from fashionclf.pictures.files import Picture
from fashionclf.system import files, tables


def read(csv_file: str | Path, *, path_column: str,
         source_dir: str | Path | None) -> tuple[list[Picture], pd.DataFrame]:
    """Lists the pictures of a CSV file with a header and one row per picture.

    Paths are relative to `source_dir` (None: the folder of the CSV) and must not lead out of it.

    Returns:
        The pictures, and a table of all columns as strings, both in the order of the file.

    Raises FileNotFoundError, or ValueError where the CSV is malformed or lacks `path_column`.
    """
    file = Path(csv_file)
    files.require_file(file, "--csv_file names a CSV with a header")
    root = os.fspath(file.parent if source_dir is None else source_dir)
    files.require_folder(root, f"--source_dir names the folder that the paths in {file} are "
                         "relative to")

    table = tables.read_table(file, [path_column], others=True,
                              cure="name the pictures' column with --path_column")
    table = table.reset_index(drop=True)
    pictures = [Picture(path=os.path.join(root, path), root=root,
                        fault=None if path else "no path in its CSV row")
                for path in table[path_column]]
    return pictures, table


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
