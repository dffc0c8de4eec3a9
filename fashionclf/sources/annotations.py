"""Lists and CSV files, read strictly: every error names file, line, rule and cure.

Text is UTF-8, with or without byte order mark; a line ends at LF, CR or CRLF and nowhere else;
blank lines are skipped.
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
BAD_CLASS_NAME = "can't be a class name: it is empty, or has spaces at its ends or a line break"


def read_list(file: Path, columns: list[str]) -> pd.DataFrame:
    """Reads one of the benchmark's lists: a count, a header, then rows.

    Returns:
        Strings in `columns`, indexed by the line number in the file. The first
        column may contain spaces.

    Raises:
        ValueError: count or header is missing, the count is wrong, there are no
            rows, or a row has too few fields.
    """
    lines = [line.strip(BLANKS) for line in tables.split_lines(tables.read_text(file))]
    announced, header = [*lines, ""][:2]
    if not re.fullmatch("[0-9]{1,9}", announced):
        raise ValueError(f"{file}:1: expected the number of rows, got {announced!r}. Is this "
                         f"{file.name} of the benchmark's coarse annotation?")
    if not _is_header(header, len(columns)):
        raise ValueError(f"{file}:2: expected a header of {len(columns)} words, got {header!r}; "
                         "put the columns' names between the count and the rows")

    rows = {number: line for number, line in enumerate(lines[2:], start=3) if line}
    if len(rows) != int(announced):
        raise ValueError(f"{file}:1: announces {announced} rows, but {len(rows)} follow; "
                         "unpack the file again: it was cut off or edited")
    if not rows:
        raise ValueError(f"{file}:1: lists no rows; unpack it again or remove it")
    return _split(file, rows, columns)


def _is_header(line: str, width: int) -> bool:
    words = re.split(f"[{BLANKS}]+", line)
    return (len(words) == width and all(map(WORD.fullmatch, words))
            and words[-1] not in PARTITIONS)


def _split(file: Path, rows: dict[int, str], columns: list[str]) -> pd.DataFrame:
    """Fields of `rows` (line number -> text); only the first column may contain blanks."""
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
    """Parses whole numbers of at most nine digits; raises ValueError at the first other text."""
    texts = values.tolist()
    whole = {text: int(float(text)) for text in set(texts) if WHOLE.fullmatch(text)}
    for line, text in zip(values.index, texts):
        if text not in whole:
            raise ValueError(f"{file}:{line}: expected a whole number of at most nine digits, got "
                             f"{text!r}; correct it or unpack the file again")
    return pd.Series([whole[text] for text in texts], index=values.index, dtype="int64")


def boxes(file: Path, sides: pd.DataFrame) -> pd.Series:
    """x1, y1, x2, y2 of each row as given; whether they make sense is for the audit to say."""
    corners = [numbers(file, sides[side]).tolist() for side in sides]
    return pd.Series(list(zip(*corners)), index=sides.index, dtype=object)


def partitions(file: Path, values: pd.Series) -> pd.Series:
    """Returns the values; raises ValueError at the first that is not train, val or test."""
    wrong = ~values.isin(PARTITIONS)
    if wrong.any():
        line = wrong.idxmax()
        raise ValueError(f"{file}:{line}: {values[line]!r} is not train, val or test; correct it "
                         "or unpack the file again")
    return values


def class_names(file: Path, values: pd.Series) -> pd.Series:
    """Returns the values; raises ValueError at the first that can't be the name of a class."""
    for line, name in values.drop_duplicates().items():
        if not is_class_name(name):
            raise ValueError(f"{file}:{line}: {name!r} {BAD_CLASS_NAME}; correct it")
    return values


def once(file: Path, names: pd.Series) -> None:
    """Raises ValueError at the first name that is repeated."""
    repeated = names.duplicated()
    if repeated.any():
        line = repeated.idxmax()
        first = (names == names[line]).idxmax()
        raise ValueError(f"{file}:{line}: {names[line]!r} is repeated (first on line {first}); "
                         "remove one")


def known(file: Path | str, names: pd.Series, others: Collection[str], rule: str) -> None:
    """Raises ValueError, "`rule` 'name'", at the first name that is not one of `others`."""
    for line, name in names.items():
        if name not in others:
            near = difflib.get_close_matches(name, others, n=3, cutoff=0.4) or sorted(others)[:5]
            raise ValueError(f"{file}:{line}: {rule} {name!r}; did you mean {', '.join(near)}?")


def is_class_name(name: str) -> bool:
    """Whether `name` survives in a file with a name on each line, as the records keep them."""
    return bool(name) and name == name.strip() and len(tables.split_lines(name)) == 1


def unique(file: Path, rows: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Checks the paths of `rows` and drops rows that repeat another.

    Args:
        rows: column `path` and others, indexed by line number of `file`.
        notes: receives a line if rows were repeated.

    Raises:
        ValueError: a path leads out of the images root or is not written plainly, or
            is repeated with other values.
    """
    _check_paths(file, rows["path"])

    single = rows.drop_duplicates()
    repeated = single["path"].duplicated()
    if repeated.any():
        line = repeated.idxmax()
        first = single.index[single["path"] == single["path"][line]][0]
        raise ValueError(f"{file}:{line}: {single['path'][line]!r} is repeated with other values "
                         f"(first on line {first}); remove one of the rows")
    if len(single) < len(rows):
        notes.append(f"{file.name}: {len(rows) - len(single)} repeated rows counted once")
    return single


def _check_paths(file: Path, paths: pd.Series) -> None:
    """Allows one spelling of each path, as two would make one picture look like two."""
    between = "/" + paths + "/"
    outside = paths.str.startswith("/") | between.str.contains("/../", regex=False)
    if outside.any():
        line = outside.idxmax()
        raise ValueError(f"{file}:{line}: {paths[line]!r} leads out of the images root; "
                         "use relative paths without '..'")

    unplain = (between.str.contains("//", regex=False)
               | between.str.contains("/./", regex=False))
    if unplain.any():
        line = unplain.idxmax()
        raise ValueError(f"{file}:{line}: {paths[line]!r} is not a plain path; write "
                         "folder/picture.jpg, without '//', './' or a '/' at the end")
