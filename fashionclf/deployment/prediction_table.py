"""Rows of predictions, written as CSV, JSON Lines or Parquet."""
import csv
import itertools
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from fashionclf.system import cells, extras

TOP = 3  # classes in a row
PROBABILITIES = ["probability", "probability_2", "probability_3"]
COLUMNS = ["path", "class", "probability", "class_2", "probability_2", "class_3", "probability_3",
           "error", "check"]
ERROR = COLUMNS.index("error")
FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet"}  # by suffix
ROW_GROUP = 10_000  # rows of a Parquet file in memory at a time


def row(path: str, answer: np.ndarray | str, classes: list[str], *,
        min_probability: float = 0.0) -> list:
    """Returns the cells of COLUMNS: the most probable classes, or the reason for none.

    Probabilities are rounded to six digits; an empty cell is None.

    Args:
        answer: float32 [C] probabilities, or the reason.
        min_probability: `check` is True if the first probability is below it; without
            probabilities, if it is above 0.
    """
    if isinstance(answer, str):
        return [path, *[None] * (2 * TOP), answer, min_probability > 0]

    best = np.argsort(-answer, kind="stable")[:TOP]
    cells = [cell for i in best for cell in (classes[i], round(float(answer[i]), 6))]
    return [path, *cells, *[None] * (2 * TOP - len(cells)), None, cells[1] < min_probability]


def columns(others: Iterable[str]) -> list[str]:
    """Returns COLUMNS, then `others`, those of a user's CSV; a taken name gets the prefix csv_."""
    names = list(COLUMNS)
    for name in others:
        while name in names:
            name = f"csv_{name}"
        names.append(name)
    return names


def format_of(output: str, chosen: str | None) -> str:
    """Returns `chosen`, or else the format of the suffix of `output`; "-" is standard output.

    Raises ValueError if neither names a format, or it can't be written.
    """
    name = chosen or ("csv" if output == "-" else FORMATS.get(Path(output).suffix.lower()))
    if name is None:
        raise ValueError(f"--output={output}: unknown suffix; use one of {', '.join(FORMATS)}, or "
                         "give --format")
    if name == "parquet":
        if output == "-":
            raise ValueError("Parquet cannot go to standard output: give a file with --output")
        _pyarrow()
    return name


def write(rows: Iterable[list], names: list[str], file: Path, form: str) -> None:
    """Writes `rows` one by one, with the columns `names`, in the format `form`."""
    if form == "parquet":
        return _write_parquet(iter(rows), names, file)
    with open(file, "w", encoding="utf-8", newline="") as stream:
        write_text(rows, names, stream, form)


def write_text(rows: Iterable[list], names: list[str], stream, form: str) -> None:
    """Writes "csv", whose cells never start a formula, or "jsonl" to a text stream."""
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


def _write_parquet(rows: Iterator[list], names: list[str], file: Path) -> None:
    pyarrow, parquet = _pyarrow()
    types = dict.fromkeys(PROBABILITIES, pyarrow.float64()) | {"check": pyarrow.bool_()}
    schema = pyarrow.schema([(name, types.get(name, pyarrow.string())) for name in names])

    with parquet.ParquetWriter(os.fspath(file), schema) as writer:
        while group := [list(_texts(row)) for row in itertools.islice(rows, ROW_GROUP)]:
            writer.write_table(pyarrow.table(list(zip(*group)), schema=schema))


def _pyarrow() -> tuple:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ValueError(f"Parquet needs pyarrow: {extras.install('parquet')}, or choose "
                         "--format=csv or jsonl") from error
    return pyarrow, pyarrow.parquet
