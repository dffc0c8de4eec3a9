"""An output that exists is replaced only by one with a row for each of its pictures."""
import csv
import json
import os
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from fashionclf.deployment import prediction_table
from fashionclf.system import cells, files

NPY = b"\x93NUMPY"  # begins such a file


def check(output: str, form: str, column: str, pictures: Iterable[str]) -> None:
    """Raises FileExistsError if `output` has rows of others than `pictures`, or is something else.

    Args:
        form: one of prediction_table.FORMATS.
        column: its first one, which names the picture.
        pictures: as the rows would name them.
    """
    file = files.followed(output)
    if not file.is_file() or not file.stat().st_size:
        return
    try:
        earlier = dict.fromkeys(_column(file, form, column))
    except (ValueError, LookupError, TypeError, OSError, csv.Error,
            zipfile.BadZipFile) as error:
        raise FileExistsError(f"{output} exists and is no {form} table of this program: name "
                              "another --output, or replace it with --overwrite") from error

    now = {_shown(name, form) for name in pictures}
    lost = [name for name in earlier if name not in now]
    if lost:
        raise FileExistsError(
            f"{output} has rows of {len(lost):,} pictures that are not named now ({lost[0]!r}): "
            "name all in one call (--files_from), choose another --output, or replace it with "
            "--overwrite")


def check_embeddings(embeddings: str, output: str) -> None:
    """Raises FileExistsError if `embeddings` exists without `output`, its rows, or isn't .npy."""
    file = Path(embeddings)
    if not file.is_file() or not file.stat().st_size:
        return
    with open(file, "rb") as stream:
        foreign = stream.read(len(NPY)) != NPY
    rows = files.followed(output)
    if foreign or not (rows.is_file() or files.incomplete(rows).is_file()):
        raise FileExistsError(f"{embeddings} exists and does not belong to {output}: choose "
                              "another --embeddings, or replace it with --overwrite")


def _shown(name: str, form: str) -> str:
    return prediction_table.excel_text(name) if form == "xlsx" else cells.readable(name)


def _column(file: Path, form: str, column: str) -> Iterator[str]:
    """Yields the first column of a table; raises LookupError, ValueError if it isn't `column`."""
    if form == "parquet":
        import pyarrow.parquet
        yield from pyarrow.parquet.read_table(os.fspath(file), columns=[column])[column].to_pylist()
    elif form == "xlsx":
        import openpyxl
        with open(file, "rb") as stream:  # else a file that is none stays open
            rows = openpyxl.load_workbook(stream, read_only=True).active.values
            yield from _below(column, rows)
    else:
        with open(file, encoding="utf-8-sig", newline="") as stream:
            if form == "jsonl":
                yield from (json.loads(line)[column] for line in stream)
            else:
                yield from map(cells.original, _below(column, csv.reader(stream, strict=True)))


def _below(column: str, rows: Iterable) -> Iterator[str]:
    for number, row in enumerate(rows):
        if number:
            yield row[0]
        elif row[0] != column or "error" not in row:
            raise LookupError(column)
