"""The pictures that a shop's CSV names, a row each."""
import os
from pathlib import Path

import pandas as pd

from fashionclf.pictures.files import Picture
from fashionclf.system import tables


def read(csv_file: str | Path, *, path_column: str,
         source_dir: str | Path | None) -> tuple[list[Picture], pd.DataFrame]:
    """Lists the pictures of a CSV file with a header and a row a picture.

    Args:
        path_column: the column with the pictures' paths.
        source_dir: folder that the paths start from and must not lead out of; None: the CSV's.

    Returns:
        The pictures and all columns, strings, a row each in the order of the file.

    Raises:
        FileNotFoundError, ValueError: there is no such file, or it is no such CSV.
    """
    file = Path(csv_file)
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file; --csv_file names a CSV with a header")
    root = os.fspath(file.parent if source_dir is None else source_dir)
    if not os.path.isdir(root):
        raise FileNotFoundError(f"{root}: no such folder; --source_dir names the folder that the "
                                f"paths in {file} start from")
    table = tables.read_table(file, [path_column], cure="name the pictures' column with "
                              "--path_column", others=True).reset_index(drop=True)
    pictures = [Picture(path=os.path.join(root, path), root=root,
                        fault=None if path else "its row names no file")
                for path in table[path_column]]
    return pictures, table


def known(csv_file: str | Path, table: pd.DataFrame,
          columns: dict[str, str | None]) -> list[dict[str, str]]:
    """What a CSV tells about each picture.

    Args:
        table: as `read` returns it.
        columns: name in the result -> column of the table, or None to leave it out.

    Raises:
        ValueError: the table lacks a column.
    """
    columns = {name: column for name, column in columns.items() if column}
    for column in columns.values():
        if column not in table:
            raise ValueError(f"{csv_file}: has no column {column!r}, only {', '.join(table)}; "
                             "see --class_column and --item_column")
    return table[list(columns.values())].set_axis(list(columns), axis=1).to_dict("records")
