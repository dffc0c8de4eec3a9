"""Rows of predictions, and the files they go to: CSV, JSON Lines, Parquet."""
import csv
import itertools
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from fashionclf.system import cells, extras

NAMED = 3  # classes in a row
PROBABILITIES = ["probability", "probability_2", "probability_3"]
COLUMNS = ["path", "class", "probability", "class_2", "probability_2", "class_3", "probability_3",
           "error", "check"]
ERROR = COLUMNS.index("error")
FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet"}  # by suffix
ROW_GROUP = 10_000  # rows of a Parquet file that are in memory together


def row(path: str, found: np.ndarray | str, classes: list[str], *,
        min_probability: float = 0.0) -> list:
    """The cells under COLUMNS: the most probable classes, or the reason why there are none.

    Args:
        found: float32 [C] probabilities, or the reason.
        min_probability: `check` is True where the first probability is below it or, if it is
            above 0, where there is none.

    Cells without a meaning are None; probabilities have six digits.
    """
    if isinstance(found, str):
        return [path, *[None] * (2 * NAMED), found, min_probability > 0]
    best = np.argsort(-found, kind="stable")[:NAMED]
    cells = [cell for i in best for cell in (classes[i], round(float(found[i]), 6))]
    return [path, *cells, *[None] * (2 * NAMED - len(cells)), None, cells[1] < min_probability]


def columns(others: Iterable[str]) -> list[str]:
    """COLUMNS, then `others`, the columns of a user's CSV; a name that is taken gets csv_ first."""
    names = list(COLUMNS)
    for name in others:
        while name in names:
            name = f"csv_{name}"
        names.append(name)
    return names


def format_of(output: str, chosen: str | None) -> str:
    """The format `chosen`, or that of the suffix of `output`, where "-" is standard output.

    Raises:
        ValueError: neither says it, or it can't be written.
    """
    name = chosen or ("csv" if output == "-" else FORMATS.get(Path(output).suffix.lower()))
    if name is None:
        raise ValueError(f"--output={output}: ends in none of {', '.join(FORMATS)}; name the file "
                         "so, or say which with --format")
    if name == "parquet" and output == "-":
        raise ValueError("Parquet is written to a file: name one with --output")
    if name == "parquet":
        _pyarrow()
    return name


def write(rows: Iterable[list], names: list[str], file: Path, form: str) -> None:
    """Writes all of `rows`, as they come, with the columns `names`, in the format `form`."""
    if form == "parquet":
        return _write_parquet(iter(rows), names, file)
    with open(file, "w", encoding="utf-8", newline="") as stream:
        write_text(rows, names, stream, form)


def write_text(rows: Iterable[list], names: list[str], stream, form: str) -> None:
    """Writes "csv", no cell of which starts a formula, or "jsonl" to an open text file."""
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
        while part := [list(_texts(row)) for row in itertools.islice(rows, ROW_GROUP)]:
            writer.write_table(pyarrow.table(list(zip(*part)), schema=schema))


def _pyarrow() -> tuple:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ValueError(f"Parquet needs pyarrow: {extras.install('parquet')}, or choose "
                         "--format=csv or jsonl") from error
    return pyarrow, pyarrow.parquet
