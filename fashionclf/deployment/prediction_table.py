"""Rows of predictions, written as CSV, JSON Lines, Parquet or an Excel workbook."""
import csv
import itertools
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from fashionclf.system import cells, extras

TOP = 3  # classes in a row
FLOATS = ["probability", "probability_2", "probability_3", "probability_of_class", "similarity",
          "item_probability"]
INTEGERS = ["rank", "item_pictures", "next"]
TYPES = (dict.fromkeys(FLOATS, "float64") | dict.fromkeys(INTEGERS, "int64")
         | dict.fromkeys(["check", "outlier", "doubtful"], "bool"))  # other columns are text
COLUMNS = ["path", "class", "probability", "class_2", "probability_2", "class_3", "probability_3",
           "error", "check", "outlier", "set"]
ERROR = COLUMNS.index("error")
FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet", ".xlsx": "xlsx"}  # by suffix
EXCEL_ROWS, EXCEL_TEXT = 1_048_576, 32_767  # of a sheet, header included; characters of a cell
BOM = "\ufeff"  # by which Excel knows a CSV as UTF-8
ROW_GROUP = 10_000  # rows of a Parquet file in memory at a time


def row(path: str, answer: np.ndarray | str, classes: list[str], *, check: bool = False,
        outlier: bool | None = None, labels: str | None = None) -> list:
    """Returns the cells of COLUMNS: the most probable classes, or the reason for none.

    Probabilities are rounded to six digits; an empty cell is None.

    Args:
        answer: float32 [C] probabilities, or the reason.
        check, outlier, labels: see confidence.Judge.cells.
    """
    if isinstance(answer, str):
        return [path, *[None] * (2 * TOP), answer, check, outlier, labels]

    best = np.argsort(-answer, kind="stable")[:TOP]
    cells = [cell for i in best for cell in (classes[i], round(float(answer[i]), 6))]
    return [path, *cells, *[None] * (2 * TOP - len(cells)), None, check, outlier, labels]


def columns(others: Iterable[str], further: Iterable[str] = (), *,
            own: Iterable[str] = COLUMNS) -> list[str]:
    """Returns `own`, then `further` ones, then `others`, those of a user's CSV.

    A name of the CSV that is taken, or that the program gives to numbers, gets the prefix csv_.
    """
    names = [*own, *further]
    for name in others:
        while name in names or name in FLOATS + INTEGERS:
            name = f"csv_{name}"
        names.append(name)
    return names


def format_of(output: str, chosen: str | None, *, stream: bool = False,
              bom: bool = False) -> str:
    """Returns `chosen`, or else the format of the suffix of `output`.

    Args:
        stream: whether `output` takes text only, CSV by default, as standard output does.
        bom: whether a byte order mark is wanted.

    Raises ValueError if neither names a format, or it can't be written.
    """
    name = chosen or FORMATS.get(Path(output).suffix.lower()) or ("csv" if stream else None)
    if name is None:
        raise ValueError(f"--output={output}: unknown suffix; use one of {', '.join(FORMATS)} "
                         "(predict takes --format for any other)")
    if name in ("parquet", "xlsx") and stream:
        raise ValueError(f"--output={output}: {name} needs a plain file: give one with --output")
    if bom and name != "csv":
        raise ValueError(f"--excel is for CSV, and --output={output} is {name}: leave it out")
    if name == "parquet":
        _pyarrow()
    if name == "xlsx":
        _openpyxl()
    return name


def check_fits(form: str, output: str, rows: int, others: Iterable[Iterable[str]] = ()) -> None:
    """Raises ValueError if Excel could not show all `rows`, with the further cells `others`."""
    if form != "xlsx":
        return
    cure = f"--output={output}: write .csv or .parquet instead, or fewer pictures"
    if rows >= EXCEL_ROWS:
        raise ValueError(f"{rows:,} rows and a header do not fit the {EXCEL_ROWS:,} of an Excel "
                         f"sheet; {cure}")
    longest = max((len(excel_text(cell)) for row in others for cell in row), default=0)
    if longest > EXCEL_TEXT:
        raise ValueError(f"a cell of the CSV has {longest:,} characters, and Excel takes "
                         f"{EXCEL_TEXT:,}; {cure}")


def write(rows: Iterable[list], names: list[str], file: Path, form: str, *,
          bom: bool = False, types: Mapping[str, str] = TYPES) -> None:
    """Writes `rows` one by one, with the columns `names`, in the format `form`.

    `types` are Arrow's, for Parquet, of the columns that aren't text.
    """
    if form == "parquet":
        return _write_parquet(iter(rows), names, file, types)
    if form == "xlsx":
        return _write_excel(rows, names, file)
    with open(file, "w", encoding="utf-8", newline="") as stream:
        write_text(rows, names, stream, form, bom=bom)


def write_text(rows: Iterable[list], names: list[str], stream, form: str, *,
               bom: bool = False) -> None:
    """Writes "csv", whose cells never start a formula, or "jsonl" to a text stream."""
    if bom:
        stream.write(BOM)
    if form == "jsonl":
        stream.writelines(json.dumps(dict(zip(names, _texts(row))), ensure_ascii=False) + "\n"
                          for row in rows)
    else:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(map(cells.safe, names))
        writer.writerows(map(_csv_cell, row) for row in rows)


def _csv_cell(cell) -> str:
    if isinstance(cell, bool):
        return "yes" if cell else ""
    return f"{cell:.6f}" if isinstance(cell, float) else cells.safe(cell)


def _texts(row: list) -> Iterator:
    return (cells.readable(cell) if isinstance(cell, str) else cell for cell in row)


def _write_parquet(rows: Iterator[list], names: list[str], file: Path,
                   types: Mapping[str, str]) -> None:
    pyarrow, parquet = _pyarrow()
    schema = pyarrow.schema([(name, types.get(name, "string")) for name in names])

    with parquet.ParquetWriter(os.fspath(file), schema) as writer:
        while group := [list(_texts(row)) for row in itertools.islice(rows, ROW_GROUP)]:
            writer.write_table(pyarrow.table(list(zip(*group)), schema=schema))


def _write_excel(rows: Iterable[list], names: list[str], file: Path) -> None:
    openpyxl = _openpyxl()
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("fashionclf")

    def typed(value):
        if not isinstance(value, str):
            return value
        cell = openpyxl.cell.WriteOnlyCell(sheet, excel_text(value))
        cell.data_type = "s"  # text, also where it looks like a formula
        return cell

    for row in itertools.chain([names], rows):
        sheet.append(list(map(typed, row)))
    book.save(file)


def excel_text(text: str) -> str:
    """Returns `text` as a cell of Excel takes it: control characters become backslash escapes."""
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]",
                  lambda match: f"\\x{ord(match[0]):02x}", cells.readable(text))


def _openpyxl():
    try:
        import openpyxl
        import openpyxl.cell
    except ImportError as error:
        raise ValueError(f".xlsx needs openpyxl: {extras.install('excel')}, or choose "
                         "--format=csv") from error
    return openpyxl


def _pyarrow() -> tuple:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ValueError(f"Parquet needs pyarrow: {extras.install('parquet')}, or choose "
                         "--format=csv or jsonl") from error
    return pyarrow, pyarrow.parquet
