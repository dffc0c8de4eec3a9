"""CSV files as shops and Excel write them: separator and encoding are found, bad rows collected.

A line ends at LF, CR or CRLF; blank lines, and rows whose cells are all empty, are skipped.
"""
import csv
import dataclasses
import io
import re
import string
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from fashionclf.system import text_encodings

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
SHOWN = 10  # bad rows that an error lists


@dataclasses.dataclass(frozen=True, kw_only=True)
class Form:
    """How a shop's CSV is read, as the flags of picture_flags.define_reading say."""
    path_column: str = "path"
    path_pattern: str | None = None  # the path with columns in braces, instead of path_column
    separator: str | None = None  # see `read`
    encoding: str | None = None
    bad_rows: str = "stop"  # at malformed rows, naming them all, or "drop" them


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rows:
    """What a file holds.

    Attributes:
        table: strings, indexed by the line on which each row begins; a bad row has its first
            cells, and empty ones where it has too few.
        faults: line of a bad row -> "rule; cure".
        notes: lines to print: what was found, and what was guessed.
    """
    table: pd.DataFrame
    faults: dict[int, str]
    notes: list[str]


def read(file: Path, columns: list[str], *, cure: str, others: bool = False,
         separator: str | None = None, encoding: str | None = None, least: int = 1) -> Rows:
    """Reads `columns` of a CSV file with a header.

    Args:
        cure: what to do if a column is missing.
        others: whether to read all other columns as well, after these; a repeated or empty
            name gets a number.
        separator: one of SEPARATORS; by default the one with which the header has `columns`.
        encoding: Python's name of one; by default UTF-8, UTF-16 or, where it is neither, cp1252.
        least: rows, 0 or 1.

    Raises:
        ValueError: the encoding is wrong, there is no header or no such row, or a wanted column is
            missing or repeated.
    """
    text, notes = text_encodings.read(file, encoding)
    if mark := re.match(r"sep=(.)\r?\n", text):  # a first line by which Excel knows it
        separator, text = separator or mark[1], "\n" + text[mark.end():]
    separator = separator or _separator(text, columns)
    notes.insert(0, f"{file.name}: separated by {SEPARATORS.get(separator, repr(separator))}")

    rows, faults = _parsed(text, separator)
    if len(rows) < 1 + least:
        raise ValueError(f"{file}:1: expected a header and at least one row, got {len(rows)} "
                         "lines; put a row for each picture or category under a header")
    first, header = next(iter(rows.items()))
    refuse(file, {line: faults[line] for line in faults if line == first})
    del rows[first]
    for column in columns:
        if column not in header:
            raise ValueError(f"{file}:{first}: has no column {column!r}, only "
                             f"{', '.join(header)}; {cure}")
        if header.count(column) > 1:
            raise ValueError(f"{file}:{first}: has column {column!r} twice; rename one of the two")

    places = {column: header.index(column) for column in columns}
    if others:
        places |= _others(header, rows, columns, notes)
    width = len(header)
    cells = {line: fields + [""] * (width - len(fields)) for line, fields in rows.items()}
    table = pd.DataFrame({column: [fields[place] for fields in cells.values()]
                          for column, place in places.items()}, index=list(cells), dtype=object)
    return Rows(table=table, faults=faults, notes=notes)


def read_pictures(file: Path, form: Form, columns: Sequence[str] = (), *,
                  cure: str) -> tuple[Rows, pd.Series]:
    """Reads a shop's CSV, `columns` and all others, as `read` does; also gives the paths."""
    named = pattern_columns(form.path_pattern) if form.path_pattern else [form.path_column]
    rows = read(file, list(dict.fromkeys([*named, *columns])), cure=cure, others=True,
                separator=form.separator, encoding=form.encoding)
    return rows, (formatted(form.path_pattern, rows.table) if form.path_pattern
                  else rows.table[form.path_column])


def read_table(file: Path, columns: list[str], *, cure: str, least: int = 1) -> pd.DataFrame:
    """Reads `columns` of a small UTF-8 table, as `read` does; raises ValueError at a bad row."""
    rows = read(file, columns, cure=cure, encoding="utf-8", least=least)
    refuse(file, rows.faults)
    return rows.table


def refuse(file: Path, faults: dict[int, str], more: str = "") -> None:
    """Raises ValueError if there are `faults` (line -> "rule; cure"), lists the first of them."""
    if not faults:
        return
    (line, first), *rest = sorted(faults.items())
    listed = [f"\n  line {number}: {fault.partition('; ')[0]}" for number, fault in rest]
    if len(listed) >= SHOWN:
        listed[SHOWN - 1:] = [f"\n  and {len(listed) - SHOWN + 1:,} more"]
    also = f". {len(faults):,} rows can't be used, this one and:{''.join(listed)}" if rest else ""
    raise ValueError(f"{file}:{line}: {first}{more}{also}")


def pattern_columns(pattern: str) -> list[str]:
    """The columns that a pattern such as 'images/{id}.jpg' names; raises ValueError if none."""
    try:
        parts = list(string.Formatter().parse(pattern))
    except ValueError as error:
        raise ValueError(f"--path_pattern={pattern}: {error}; write 'images/{{id}}.jpg', with the "
                         "names of columns in braces") from None
    columns = [name for _, name, _, _ in parts if name]
    if not columns:
        raise ValueError(f"--path_pattern={pattern} names no column; write 'images/{{id}}.jpg', "
                         "with the names of columns in braces")
    return columns


def formatted(pattern: str, table: pd.DataFrame) -> pd.Series:
    """Fills the cells of each row into `pattern`; "" where one of its cells is empty."""
    parts = list(string.Formatter().parse(pattern))
    pieces = [table[name].map(lambda cell, form=form: format(cell, form)) if name else ""
              for _, name, form, _ in parts]
    paths = pd.Series("", index=table.index, dtype=object)
    for (literal, *_), piece in zip(parts, pieces):
        paths = paths + literal + piece
    return paths.where((table[pattern_columns(pattern)] != "").all(axis=1), "")


def _separator(text: str, columns: list[str]) -> str:
    """The separator with which the header has all of `columns`, else most fields."""
    headers = {separator: _header(text, separator) for separator in SEPARATORS}
    return max(headers, key=lambda s: (set(columns) <= set(headers[s]), len(headers[s])))


def _header(text: str, separator: str) -> list[str]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        return next((fields for fields in reader if any(fields)), [])
    except csv.Error:
        return []


def _parsed(text: str, separator: str) -> tuple[dict[int, list[str]], dict[int, str]]:
    """The fields of each row, header included, and the faults, by the line on which they begin."""
    lines = list(io.StringIO(text, newline=""))
    rows, faults, width, begins = {}, {}, None, 0

    def following() -> Iterator[str]:
        nonlocal position
        while position < len(lines):
            position += 1
            yield lines[position - 1]

    # A reader reads on to the end of a row, in quotes over several lines. After a fault in quotes
    # a new one starts on the next line, as the quote may have swallowed good rows.
    while begins < len(lines):
        position = begins
        reader = csv.reader(following(), delimiter=separator, strict=True)
        try:
            for fields in reader:
                line, begins = begins + 1, position
                if not any(fields):
                    continue
                width = width or len(fields)
                rows[line] = fields
                if len(fields) != width:
                    faults[line] = (f"has {len(fields)} fields, but the header has {width}; put "
                                    "double quotes around a field with a "
                                    f"{SEPARATORS.get(separator, 'separator')} in it")
                    if position > line and _width(lines[line], separator) == width:
                        begins = line
                        break
        except csv.Error as error:
            line = begins + 1
            rows[line] = [lines[begins].strip("\r\n")]
            faults[line] = (f"the row that begins here is not valid CSV ({error}); close each "
                            "quote, and double a quote inside quotes")
            begins = line
    return rows, faults


def _width(line: str, separator: str) -> int | None:
    try:
        return len(next(csv.reader([line], delimiter=separator, strict=True), []))
    except csv.Error:
        return None


def _others(header: list[str], rows: dict[int, list[str]], columns: list[str],
            notes: list[str]) -> dict[str, int]:
    """The places of the other columns under names that differ; without columns that are empty."""
    places, renamed = {}, []
    for place, name in enumerate(header):
        if name in columns:
            continue
        if not name and not any(fields[place] for fields in rows.values() if place < len(fields)):
            continue
        new = name or f"column_{place + 1}"
        while new in places or new in columns or (new != name and new in header):
            new += "_2"
        places[new] = place
        if new != name:
            renamed.append(f"{name!r} as {new!r}")
    if renamed:
        notes.append(f"columns with a repeated or empty name: {', '.join(renamed)}")
    return places
