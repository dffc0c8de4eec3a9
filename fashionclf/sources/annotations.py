"""Lists and CSV files, read strictly: every error names file, line, rule and cure.

Text is UTF-8, with or without byte order mark; a line ends at LF, CR or CRLF and nowhere else;
blank lines are left out.
"""
import difflib
import re
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from fashionclf.system import tables

PARTITIONS = ("train", "val", "test")
WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
WHOLE = re.compile(r"-?[0-9]{1,9}(\.0+)?")  # pandas writes 12.0 where a column has gaps
BLANKS = " \t"


def read_list(file: Path, columns: list[str]) -> pd.DataFrame:
    """Reads one of the benchmark's lists: a count, a header, then rows.

    Returns:
        Strings in `columns`, indexed by the line number in the file. The first
        column may hold spaces.

    Raises:
        ValueError: count or header is missing, the count does not fit, there is
            no row, or a row has too few fields.
    """
    lines = [line.strip(BLANKS) for line in tables.split_lines(tables.read_text(file))]
    promised, header = [*lines, ""][:2]
    if not re.fullmatch("[0-9]{1,9}", promised):
        raise ValueError(f"{file}:1: expected the number of rows, got {promised!r}. Is this "
                         f"{file.name} of the benchmark's coarse annotation?")
    if not _is_header(header, len(columns)):
        raise ValueError(f"{file}:2: expected a header of {len(columns)} words, got {header!r}; "
                         "a header stands between the count and the rows")
    rows = {number: line for number, line in enumerate(lines[2:], start=3) if line}
    if len(rows) != int(promised):
        raise ValueError(f"{file}:1: promises {promised} rows and {len(rows)} follow; "
                         "the file is cut or was edited: unpack it again")
    if not rows:
        raise ValueError(f"{file}:1: holds no row; unpack it again, or remove it")
    return _split(file, rows, columns)


def _is_header(line: str, width: int) -> bool:
    words = re.split(f"[{BLANKS}]+", line)
    return (len(words) == width and all(map(WORD.fullmatch, words))
            and words[-1] not in PARTITIONS)


def _split(file: Path, rows: dict[int, str], columns: list[str]) -> pd.DataFrame:
    """Fields of `rows` (line number -> text); all but the first column hold no blank."""
    row = re.compile(f"(.*[^{BLANKS}])" + f"[{BLANKS}]+([^{BLANKS}]+)" * (len(columns) - 1))
    fields = []
    for line, text in rows.items():
        match = row.fullmatch(text)
        if match is None:
            raise ValueError(f"{file}:{line}: expected '{' '.join(columns)}', got {text!r}. "
                             f"Is this {file.name} of the benchmark?")
        fields.append(match.groups())
    return pd.DataFrame(fields, columns=columns, index=list(rows))


def read_names(file: Path) -> list[str]:
    """The categories of list_category_cloth.txt, in the order of their ids."""
    rows = read_list(file, ["name", "type"])
    numbers(file, rows["type"])
    names = class_names(file, rows["name"])
    once(file, names)
    return names.tolist()


def numbers(file: Path, values: pd.Series) -> pd.Series:
    """Whole numbers of at most nine digits from text; raises ValueError at the first other."""
    texts = values.tolist()
    whole = {text: int(float(text)) for text in set(texts) if WHOLE.fullmatch(text)}
    for line, text in zip(values.index, texts):
        if text not in whole:
            raise ValueError(f"{file}:{line}: expected a whole number of at most nine digits, got "
                             f"{text!r}; correct it, or unpack the benchmark's file again")
    return pd.Series([whole[text] for text in texts], index=values.index, dtype="int64")


def boxes(file: Path, sides: pd.DataFrame) -> pd.Series:
    """x1, y1, x2, y2 of each row as they are given, whatever they are."""
    corners = [numbers(file, sides[side]).tolist() for side in sides]
    return pd.Series(list(zip(*corners)), index=sides.index, dtype=object)


def partitions(file: Path, values: pd.Series) -> pd.Series:
    """The values; raises ValueError at the first that is not train, val or test."""
    wrong = ~values.isin(PARTITIONS)
    if wrong.any():
        line = wrong.idxmax()
        raise ValueError(f"{file}:{line}: {values[line]!r} is not train, val or test; correct it, "
                         "or unpack the benchmark's file again")
    return values


def class_names(file: Path, values: pd.Series) -> pd.Series:
    """The values; raises ValueError at the first that can't be the name of a class."""
    for line, name in values.drop_duplicates().items():
        if not is_class_name(name):
            raise ValueError(f"{file}:{line}: {name!r} can't name a class: it has blanks at its "
                             "ends or holds a line end; correct it")
    return values


def once(file: Path, names: pd.Series) -> None:
    """Raises ValueError at the first name that stands in an earlier line too."""
    repeated = names.duplicated()
    if repeated.any():
        line = repeated.idxmax()
        raise ValueError(f"{file}:{line}: {names[line]!r} stands in line "
                         f"{(names == names[line]).idxmax()} too; keep one of the two")


def known(file: Path | str, names: pd.Series, others: Collection[str], rule: str) -> None:
    """Raises ValueError, "`rule` 'name'", at the first name that is none of `others`."""
    for line, name in names.items():
        if name not in others:
            near = difflib.get_close_matches(name, others, n=3, cutoff=0.4) or sorted(others)[:5]
            raise ValueError(f"{file}:{line}: {rule} {name!r}; did you mean {', '.join(near)}?")


def is_class_name(name: str) -> bool:
    """Whether `name` survives in a list of a name a line, as the records keep their classes."""
    return bool(name) and name == name.strip() and len(tables.split_lines(name)) == 1


def unique(file: Path, rows: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Checks the paths of `rows` and counts rows that agree once.

    Args:
        rows: column `path` and others, on line numbers of `file`.
        notes: gets a line where rows were repeated.

    Raises:
        ValueError: a path leads out of the images root or is not written plainly, or
            stands twice with different values.
    """
    _check_paths(file, rows["path"])
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


def _check_paths(file: Path, paths: pd.Series) -> None:
    """One picture has one spelling: without it, two rows of one picture look like two pictures."""
    between = "/" + paths + "/"
    outside = paths.str.startswith("/") | between.str.contains("/../", regex=False)
    if outside.any():
        line = outside.idxmax()
        raise ValueError(f"{file}:{line}: {paths[line]!r} leads out of the images root; "
                         "paths are relative and without '..'")
    unplain = (between.str.contains("//", regex=False)
               | between.str.contains("/./", regex=False))
    if unplain.any():
        line = unplain.idxmax()
        raise ValueError(f"{file}:{line}: {paths[line]!r} is no plain path of a picture; write "
                         "folder/picture.jpg: names between single '/', none of them empty or '.'")
