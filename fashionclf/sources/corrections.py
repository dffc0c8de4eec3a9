"""A person's decisions on pictures, as the label page saves them, and lists of duplicates.

Both name pictures by paths that may start from another folder than those of the source.
"""
import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from fashionclf.sources import annotations
from fashionclf.system import cells, csv_files, files
from fashionclf.system.progress import progress_bar

COLUMNS = ["path", "digest", "decision", "class", "group"]
DECISIONS = ["right", "wrong", "drop", "same"]
DROPPED = "correction: dropped"  # the reason in dropped.csv
CURE = "save the decisions on the label page again"
SHOWN = 5  # pictures that an error names


@dataclasses.dataclass(frozen=True, kw_only=True)
class Corrections:
    """Decisions on the pictures of a source.

    Attributes:
        table: COLUMNS, strings, on the index of the source's rows, whose paths they have. A picture
            has at most one row that isn't "same".
        classes: of each picture that has such a row, its class; None for those to drop.
    """
    table: pd.DataFrame
    classes: pd.Series

    @property
    def counts(self) -> dict[str, int]:
        """Returns the number of rows of each decision."""
        return {name: int((self.table["decision"] == name).sum()) for name in DECISIONS}

    @property
    def groups(self) -> pd.Series:
        """Returns the keys that pictures of one garment share; a picture may have several."""
        return self.table.loc[self.table["decision"] == "same", "group"]


def read(decision_files: Sequence[str], paths: pd.Series) -> Corrections:
    """Reads decisions and finds their pictures among `paths` of a source, as `matched` does.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a file isn't one of decisions, a decision is unknown or incomplete, a picture
            isn't one of the source, or two decisions contradict each other.
    """
    parts = []
    for file in map(Path, decision_files):
        files.require_file(file, "--corrections names CSV files that the label page saved")
        rows = csv_files.read_table(file, COLUMNS, cure=CURE)
        csv_files.refuse(file, _faults(rows))
        index = matched(file, rows["path"], paths)
        parts.append(rows.set_axis(index).assign(path=paths[index], file=str(file)))
    table = pd.concat(parts)

    is_same = table["decision"] == "same"
    labels, same = table[~is_same], table[is_same]
    classes = labels["class"].where(labels["decision"] != "drop", None)
    _refuse_contradictions(labels, classes)

    once = ~labels.index.duplicated()
    same = same[~same.assign(row=same.index).duplicated(["row", "group"])]
    return Corrections(table=pd.concat([labels[once], same])[COLUMNS], classes=classes[once])


def _faults(rows: pd.DataFrame) -> dict[int, str]:
    """Line -> "rule; cure" of the rows that are no decision."""
    faults = {}
    for line, digest, word, name, group in rows[COLUMNS[1:]].itertuples(name=None):
        if word not in DECISIONS:
            faults[line] = f"unknown decision {word!r}; write {', '.join(DECISIONS)}"
        elif word in ("right", "wrong") and not annotations.is_class_name(name):
            faults[line] = f"class {name!r} {annotations.BAD_CLASS_NAME}; name the picture's class"
        elif word == "same" and not group:
            faults[line] = ("has no group; give the pictures of one garment the same word in the "
                            "column group")
        elif digest and not re.fullmatch("[0-9a-f]{64}", digest):
            faults[line] = f"{digest!r} should be a SHA-256 of 64 hex digits; {CURE}"
    return faults


def _refuse_contradictions(labels: pd.DataFrame, classes: pd.Series) -> None:
    """Raises ValueError if a picture has two decisions that leave it with different classes."""
    differ = classes.fillna("").groupby(level=0).nunique() > 1
    if differ.any():
        both = labels.loc[differ.idxmax()]
        told = ", ".join(f"{word} {name}".strip() for word, name in
                         zip(both["decision"], both["class"]))
        raise ValueError(
            f"{' and '.join(both['file'].unique())}: the decisions on {differ.sum():,} pictures "
            f"contradict each other; the first is {both['path'].iloc[0]!r}: {told}. Remove one of "
            "the rows")


def matched(file: Path, named: pd.Series, paths: pd.Series) -> pd.Index:
    """Finds the pictures that a file names: returns an index of `paths` for each of `named`.

    A path stands for the equal one. Otherwise folders in front are left out, of the path or of
    those of the source, if that leaves one picture: "shop/Dress/1.jpg" is "Dress/1.jpg".

    Raises ValueError, with some of them, if pictures are not in the source or could be several.
    """
    by_path = pd.Series(paths.index, index=paths)
    wanted = {name.rpartition("/")[2] for name in named}
    by_name = {name: rows for name, rows in paths.groupby(paths.str.rpartition("/")[2])
               if name in wanted}

    found, absent, several = [], [], []
    for name in named:
        candidates = _candidates(name, by_path, by_name)
        found += candidates[:1]
        if len(candidates) != 1:
            (several if candidates else absent).append(name)
    for names, rule in ((absent, "are not in the source"),
                        (several, "could be several of the source")):
        if names:
            raise ValueError(
                f"{file}: {len(names):,} of {len(named):,} pictures {rule}: {_some(names)}. Name "
                "the pictures and --source_dir as when the file was made, or remove these rows")
    return pd.Index(found)


def _candidates(name: str, by_path: pd.Series, by_name: dict[str, pd.Series]) -> list:
    """The rows that a path can mean: of those that it ends in, the longest."""
    parts = name.split("/")
    for start in range(len(parts)):
        if (tail := "/".join(parts[start:])) in by_path.index:
            return [by_path[tail]]
    rows = by_name.get(parts[-1], pd.Series(dtype=object))
    return [row for row, path in rows.items() if path.endswith(f"/{name}")]


def refuse_changed(corrections: Corrections, images_root: Path) -> None:
    """Raises ValueError, naming them, if pictures have changed since the decisions on them.

    Prints how many decisions have no digest to compare: those on files that couldn't be read, and
    on records of other bytes than their files. A picture that is gone is left to the audit.
    """
    table = corrections.table
    unknown = int((table["digest"] == "").sum())
    if unknown:
        print(f"corrections: {unknown:,} of {len(table):,} have no digest, so their pictures are "
              "not checked for changes")
    told = table[table["digest"] != ""].drop_duplicates(["path", "digest"])
    changed = []
    for path, digest in progress_bar(list(zip(told["path"], told["digest"])), unit="pictures",
                                     desc="comparing corrected pictures"):
        file = images_root / path
        if file.is_file() and files.sha256(file) != digest:
            changed.append(path)
    if changed:
        raise ValueError(
            f"--corrections: {len(changed):,} pictures have changed since a person decided on "
            f"them: {_some(changed)}. Decide on them again, or remove their rows")


def read_duplicates(file: str, paths: pd.Series) -> pd.Series:
    """Reads groups of pictures that `fashionclf duplicates` wrote, as keys on the index of `paths`.

    Raises FileNotFoundError, ValueError as `read` does.
    """
    files.require_file(file, "--duplicates names the CSV that fashionclf duplicates wrote")
    rows = csv_files.read_table(Path(file), ["group", "path"],
                                cure="name the output of fashionclf duplicates",
                                least=0)  # where no picture has a copy
    annotations.once(Path(file), rows["path"])
    index = matched(Path(file), rows["path"].map(cells.original), paths)
    return rows["group"].set_axis(index)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(map(repr, names[:SHOWN])) + more
