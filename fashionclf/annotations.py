"""The benchmark's text lists: a count, a header, then rows; every error names file and line."""
from pathlib import Path

import pandas as pd


def read_list(file: Path, columns: list[str]) -> pd.DataFrame:
    """Reads one of the benchmark's lists.

    Returns:
        Strings in `columns`, indexed by the line number in the file. The first
        column may hold spaces.

    Raises:
        ValueError: the count does not fit, or a row has too few fields.
    """
    lines = pd.Series(file.read_text(encoding="utf-8-sig").splitlines())
    if len(lines) < 2 or not lines[0].strip().isdigit():
        raise ValueError(f"{file}:1: expected the number of rows, got {_first(lines)!r}. Is this "
                         f"{file.name} of the benchmark's coarse annotation?")
    lines.index += 1
    rows = lines[2:].str.strip()
    rows = rows[rows != ""]
    if len(rows) != int(lines[1]):
        raise ValueError(f"{file}:1: promises {lines[1].strip()} rows and {len(rows)} follow; "
                         "the file is cut or was edited: unpack it again")
    fields = rows.str.rsplit(n=len(columns) - 1, expand=True).reindex(columns=range(len(columns)))
    short = fields.isna().any(axis=1)
    if short.any():
        line = short.idxmax()
        raise ValueError(f"{file}:{line}: expected '{' '.join(columns)}', got {rows[line]!r}. "
                         f"Is this {file.name} of the benchmark?")
    fields.columns = columns
    fields[columns[0]] = fields[columns[0]].str.strip()
    return fields


def _first(lines: pd.Series) -> str:
    return lines[0] if len(lines) else ""


def numbers(file: Path, values: pd.Series) -> pd.Series:
    """Whole numbers from text; raises ValueError at the first line that holds none."""
    numbers = pd.to_numeric(values, errors="coerce")
    wrong = numbers.isna() | (numbers % 1 != 0)
    if wrong.any():
        line = wrong.idxmax()
        raise ValueError(f"{file}:{line}: expected a whole number, got {values[line]!r}; "
                         "unpack the benchmark's file again")
    return numbers.astype(int)


def unique(file: Path, rows: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Checks the paths of `rows` and counts rows that agree once.

    Args:
        rows: column `path` and others, on line numbers of `file`.
        notes: gets a line where rows were repeated.

    Raises:
        ValueError: a path leads out of the images root, or stands twice with different values.
    """
    outside = rows["path"].str.match(r"/|(.*/)?\.\.(/|$)")
    if outside.any():
        line = outside.idxmax()
        raise ValueError(f"{file}:{line}: {rows['path'][line]!r} leads out of the images root; "
                         "paths are relative and without '..'")
    single = rows.drop_duplicates()
    repeated = single["path"].duplicated()
    if repeated.any():
        line = repeated.idxmax()
        first = single.index[single["path"] == single["path"][line]][0]
        raise ValueError(f"{file}:{line}: {single['path'][line]!r} stands in line {first} too, "
                         "with other values; keep one of the two")
    if len(single) < len(rows):
        notes.append(f"{file.name}: {len(rows) - len(single)} repeated rows counted once")
    return single
