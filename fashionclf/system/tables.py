"""Tables as CSV: read strictly, written so that no cell starts a formula (OWASP, CSV injection)."""
import codecs
import contextlib
import csv
import io
from pathlib import Path
from typing import TextIO

import pandas as pd

from fashionclf.system import files
from fashionclf.system.cells import safe


def write(table: pd.DataFrame, file: str | Path | TextIO, float_format: str | None = None) -> None:
    """Writes `table` without its index, every cell `safe`: a file whole or not at all."""
    cells = table.astype(object).map(safe)
    with contextlib.ExitStack() as stack:
        if isinstance(file, (str, Path)):
            file = stack.enter_context(files.replaced(file))
        cells.to_csv(file, index=False, float_format=float_format)


def read_text(file: Path) -> str:
    """Reads a file without its byte order mark; raises ValueError if it is not UTF-8 text."""
    data = file.read_bytes().removeprefix(codecs.BOM_UTF8)
    try:
        text, wrong = data.decode(), data.find(b"\0")
    except UnicodeDecodeError as error:
        wrong = error.start
    if wrong >= 0:
        line = len(split_lines(data[:wrong].decode()))
        raise ValueError(f"{file}:{line}: byte {data[wrong]:#04x} is not UTF-8 text; "
                         "save the file as UTF-8, or unpack it again")
    return text


def split_lines(text: str) -> list[str]:
    """Splits at line ends; `str.splitlines` would split at form feeds and others too."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def read_table(file: Path, columns: list[str], *, cure: str, others: bool = False) -> pd.DataFrame:
    """Reads `columns` of a CSV file with a header, and with `others` all other columns after them.

    Returns:
        Strings, indexed by the line on which each row begins.

    Raises:
        ValueError: there is no header or no row, a column is missing or repeated, a quote is never
            closed, or a row has too many or too few fields; `cure` is for a missing column.
    """
    rows = _csv_rows(file)
    if len(rows) < 2:
        raise ValueError(f"{file}:1: expected a header and at least one row, got {len(rows)} "
                         "lines; put a row for each picture or category under a header")

    (first, header), *rows = rows
    if others:
        columns = [*columns, *(name for name in header if name not in columns)]

    for column in columns:
        if column not in header:
            raise ValueError(f"{file}:{first}: has no column {column!r}, only "
                             f"{', '.join(header)}; {cure}")
        if header.count(column) > 1:
            raise ValueError(f"{file}:{first}: has column {column!r} twice; rename one of the two")

    for line, fields in rows:
        if len(fields) != len(header):
            raise ValueError(f"{file}:{line}: has {len(fields)} fields, but the header has "
                             f"{len(header)}; put double quotes around a field with a comma in it")

    places = {column: header.index(column) for column in columns}
    return pd.DataFrame({column: [fields[place] for _, fields in rows]
                         for column, place in places.items()}, index=[line for line, _ in rows])


def _csv_rows(file: Path) -> list[tuple[int, list[str]]]:
    """Rows that are not blank, each with the line on which it begins."""
    # A field in quotes may contain line ends, so a row can take several lines.
    reader = csv.reader(io.StringIO(read_text(file), newline=""), strict=True)
    rows, begins = [], 1
    try:
        for fields in reader:
            if fields:
                rows.append((begins, fields))
            begins = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f"{file}:{begins}: the row that begins here is not valid CSV ({error}); "
                         "close each quote, and double a quote inside quotes") from None
    return rows
