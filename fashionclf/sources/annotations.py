"""Lists and CSV files, read strictly: every error names file, line, rule and cure.

Text is UTF-8, with or without byte order mark; a line ends at LF, CR or CRLF and nowhere else;
blank lines are skipped.
"""
import difflib
import re
from collections.abc import Callable, Collection
from pathlib import Path

import pandas as pd

from fashionclf.system import tables

PARTITIONS = ("train", "val", "test")
PART_NAMES = {"train": "train", "training": "train", "val": "val", "valid": "val",
              "validation": "val", "dev": "val", "test": "test", "testing": "test"}
WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
WHOLE = re.compile(r"-?[0-9]{1,9}(\.0+)?")  # pandas writes 12.0 where a column has gaps
BLANKS = " \t"
BAD_CLASS_NAME = "can't be a class name: it is empty, or has spaces at its ends or a line break"


def read_list(file: Path, columns: list[str]) -> pd.DataFrame:
    """Reads one of the benchmark's lists: a count, a header, then rows.

    Returns:
        Strings in `columns`, of which the first may contain spaces, indexed by line number.

    Raises:
        ValueError: count, header or rows are missing, the count is wrong, or a row's fields are.
    """
    lines = [line.strip(BLANKS) for line in tables.split_lines(tables.read_text(file))]
    announced, header = [*lines, ""][:2]
    if not re.fullmatch("[0-9]{1,9}", announced):
        raise ValueError(f"{file}:1: expected the number of rows, got {announced!r}. Is this "
                         f"{file.name} of the benchmark's coarse annotation?")
    words = re.split(f"[{BLANKS}]+", header)
    if (len(words) != len(columns) or not all(map(WORD.fullmatch, words))
            or words[-1] in PARTITIONS):
        raise ValueError(f"{file}:2: expected a header of {len(columns)} words, got {header!r}; "
                         "put the columns' names between the count and the rows")

    rows = {number: line for number, line in enumerate(lines[2:], start=3) if line}
    if len(rows) != int(announced):
        raise ValueError(f"{file}:1: announces {announced} rows, but {len(rows)} follow; "
                         "unpack the file again: it was cut off or edited")
    if not rows:
        raise ValueError(f"{file}:1: lists no rows; unpack it again or remove it")

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


def refuse(file: Path, wrong: pd.Series, why: Callable[[str], str]) -> None:
    """Raises ValueError, for the reason `why`, at the first value in `wrong`, if there is one."""
    for line, value in wrong.head(1).items():
        raise ValueError(f"{file}:{line}: {why(value)}")


def numbers(file: Path, values: pd.Series) -> pd.Series:
    """Parses whole numbers of at most nine digits; raises ValueError at the first other text."""
    whole = {text: int(float(text)) for text in set(values) if WHOLE.fullmatch(text)}
    refuse(file, values[~values.isin(list(whole))], lambda text: (
        f"expected a whole number of at most nine digits, got {text!r}; correct it or unpack the "
        "file again"))
    return values.map(whole).astype("int64")


def boxes(file: Path, sides: pd.DataFrame) -> pd.Series:
    """x1, y1, x2, y2 of each row as given; whether they make sense is for the audit to say."""
    corners = [numbers(file, sides[side]).tolist() for side in sides]
    return pd.Series(list(zip(*corners)), index=sides.index, dtype=object)


def partitions(file: Path, values: pd.Series) -> pd.Series:
    """Returns the values; raises ValueError at the first that is not train, val or test."""
    refuse(file, values[~values.isin(PARTITIONS)], lambda value: (
        f"{value!r} is not train, val or test; correct it or unpack the file again"))
    return values


def class_names(file: Path, values: pd.Series) -> pd.Series:
    """Returns the values; raises ValueError at the first that can't be the name of a class."""
    names = values.drop_duplicates()
    refuse(file, names[~names.map(is_class_name).astype(bool)],
           lambda name: f"{name!r} {BAD_CLASS_NAME}; correct it")
    return values


def once(file: Path, names: pd.Series) -> None:
    """Raises ValueError at the first name that is repeated."""
    refuse(file, names[names.duplicated()], lambda name: (
        f"{name!r} is repeated (first on line {(names == name).idxmax()}); remove one"))


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
    """Checks the column `path` of `rows`, and drops rows that repeat another; `notes` counts them.

    Raises ValueError if a path leads out of the images root, is not plain, or has other values too.
    """
    for line, fault in sorted(path_faults(rows["path"]).items()):
        raise ValueError(f"{file}:{line}: {fault}")

    single = rows.drop_duplicates()
    paths = single["path"]
    refuse(file, paths[paths.duplicated()], lambda path: (
        f"{path!r} is repeated with other values (first on line {(paths == path).idxmax()}); "
        "remove one of the rows"))
    if len(single) < len(rows):
        notes.append(f"{file.name}: {len(rows) - len(single)} repeated rows counted once")
    return single


def path_faults(paths: pd.Series) -> dict[int, str]:
    """Line -> "rule; cure" of the paths that are not plain: two spellings would be two pictures."""
    between = "/" + paths + "/"
    outside = paths.str.startswith("/") | between.str.contains("/../", regex=False)
    unplain = (between.str.contains("//", regex=False)
               | between.str.contains("/./", regex=False)) & ~outside

    faults = {line: f"{path!r} leads out of the images root; use relative paths without '..'"
              for line, path in paths[outside].items()}
    return faults | {line: f"{path!r} is not a plain path; write folder/picture.jpg, without '//', "
                     "'./' or a '/' at the end" for line, path in paths[unplain].items()}


def part_of(name: str) -> str | None:
    """The part of a split that a folder or cell names: one of PARTITIONS, or None."""
    word = re.sub(r"[ _-]?(set|data|images|split)$", "", name.strip().casefold())
    return PART_NAMES.get(word)
