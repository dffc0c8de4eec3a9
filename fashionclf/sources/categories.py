"""From a source's categories to the classes that are trained."""
import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fashionclf.sources import annotations
from fashionclf.system import tables

NO_SUCH_CLASS = "no picture is of class"


@dataclasses.dataclass(frozen=True)
class Labelled:
    """What `assign` kept and what it dropped.

    Attributes:
        table: rows of the catalogue with `label`, 0-based into `classes`.
        classes: names in the order of the labels.
        dropped: `path, category, reason`, every row that is not in `table`.
    """
    table: pd.DataFrame
    classes: list[str]
    dropped: pd.DataFrame


def assign(table: pd.DataFrame, *, label_from: str, category_map: Sequence[str] = (),
           top_k: int | None = None, classes: str | None = None,
           max_per_class: int | None = None, official: bool = False, seed: int = 0) -> Labelled:
    """Gives each row of a catalogue its label.

    Args:
        label_from: "annotation" (the catalogue's category), "name" (text after
            the last underscore of the item's folder) or "keyword" (see `keyword_category`).
        category_map: CSV files with the columns `from,to`, one applied on what the other
            gave; an empty `to` drops.
        top_k: keep the k classes with most rows; labels by falling count, then name.
        classes: text file with the classes to keep, one a line; labels in its order.
        max_per_class: rows a class keeps at most, see `_over_cap`.
        official: drop rows that are in no part of the source's own split.

    Raises:
        ValueError: a class or mapped category does not exist, nothing is left,
            or top_k and classes are both given.
    """
    if top_k and classes:
        raise ValueError("--top_k and --classes both choose the classes; give one of them")
    chosen = _read_classes(classes) if classes else None
    category = _categories(table, label_from, chosen)
    if category.isna().all():
        raise ValueError("no row has a category: choose another --label_from")
    reason = pd.Series(None, index=table.index, dtype=object)
    reason[category.isna()] = "no category"
    for file in category_map:
        category = _mapped(category, Path(file))
        reason[category.isna() & reason.isna()] = "mapped to nothing"
    if official:
        category = category.where(table["partition"].notna())
        reason[category.isna() & reason.isna()] = "no official part"
        if category.isna().all():
            raise ValueError("no row has an official part: choose another --split")
    counts = category.value_counts()
    if chosen is not None:
        annotations.known(classes, chosen, counts.index, NO_SUCH_CLASS)
        kept, why = chosen.tolist(), "not in the class file"
    else:
        ranked = sorted(counts.index, key=lambda name: (-counts[name], name))
        kept, why = (ranked[:top_k], f"not in top {top_k}") if top_k else (sorted(ranked), "")
    _check_names(kept)
    label = category.map({name: number for number, name in enumerate(kept)})
    reason[label.isna() & reason.isna()] = why
    if max_per_class:
        over = _over_cap(table, label[reason.isna()], max_per_class, seed)
        reason[over] = f"over {max_per_class} a class"
    keep = reason.isna()
    dropped = pd.DataFrame({"path": table["path"], "category": category, "reason": reason})[~keep]
    return Labelled(table[keep].assign(label=label[keep].astype(int)), kept, dropped)


def _read_classes(file: str) -> pd.Series:
    """Names of classes on their line numbers, in their order."""
    if not Path(file).is_file():
        raise FileNotFoundError(f"{file}: no such file; --classes names a text file, "
                                "a class a line")
    lines = tables.split_lines(tables.read_text(Path(file)))
    names = {number: line.strip() for number, line in enumerate(lines, start=1)}
    names = pd.Series({number: name for number, name in names.items()
                       if name and not name.startswith("#")}, dtype=str)
    if names.empty:
        raise ValueError(f"{file}:1: names no class; write a class a line")
    annotations.once(Path(file), names)
    return names


def _check_names(classes: list[str]) -> None:
    for name in classes:
        if not annotations.is_class_name(name):
            raise ValueError(f"{name!r} can't name a class: it has blanks at its ends or holds a "
                             "line end; rename it with --category_map")


def _categories(table: pd.DataFrame, label_from: str, chosen: pd.Series | None) -> pd.Series:
    if label_from == "annotation":
        return table["category"].astype(object)
    folders = table["path"].str.split("/").str[-2]
    if label_from == "name":
        return folders.str.rpartition("_")[2].astype(object).replace("", None)
    if label_from != "keyword":
        raise ValueError(f"label_from {label_from!r} is not annotation, name or keyword")
    vocabulary = sorted(set(table["category"].dropna())) if chosen is None else chosen.tolist()
    if not vocabulary:
        raise ValueError("--label_from=keyword needs the words: give --classes=FILE")
    rule = {folder: keyword_category(folder, vocabulary) for folder in folders.dropna().unique()}
    return folders.map(rule)


def keyword_category(folder: str, vocabulary: list[str]) -> str | None:
    """The slides' rule: the category word that stands first in the folder's name.

    Case does not matter; a word ends at `_`, `-` or the name's end, so "Tee"
    is found in "V-Neck_Tee" and not in "Teen". Of words that start at the same
    place the longest wins ("Button-Down" before "Button"). It errs where a
    garment is described by another ("Denim_Jacket_Dress" is a Dress and comes
    out as a Jacket; "Halter_Dress" as a Halter): of real folder names, the
    text after the last underscore is always right. Kept to reproduce the slides.

    Returns:
        A word of `vocabulary`, or None where the name holds none.
    """
    words = sorted(vocabulary, key=len, reverse=True)
    choice = "|".join(f"({re.escape(word)})" for word in words)
    match = re.search(rf"(?<![^_-])(?:{choice})(?![^_-])", folder, re.IGNORECASE)
    return words[match.lastindex - 1] if match else None


def _mapped(category: pd.Series, file: Path) -> pd.Series:
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file; --category_map names a CSV with from,to")
    rows = tables.read_table(file, ["from", "to"], cure="name them so in line 1")
    annotations.once(file, rows["from"])
    annotations.class_names(file, rows["to"][rows["to"] != ""])
    annotations.known(file, rows["from"], category.dropna().unique(), NO_SUCH_CLASS)
    changes = {name: new or None for name, new in zip(rows["from"], rows["to"])}
    category = category.map(lambda name: changes.get(name, name), na_action="ignore")
    if category.isna().all():
        raise ValueError(f"{file}: maps every category to nothing; leave some")
    return category


def _over_cap(table: pd.DataFrame, label: pd.Series, cap: int, seed: int) -> pd.Index:
    """Rows beyond `cap` of each class, drawn evenly over its items.

    Every item gives one row, then every item a second one, and so on; which
    item and which of its rows come first is drawn by the seed.
    """
    rows = table.loc[label.index, ["path", "item"]].assign(label=label).sort_values("path")
    rows = rows.iloc[np.random.default_rng(seed).permutation(len(rows))]
    turn = rows.groupby(["label", "item"]).cumcount()
    rows = rows.loc[turn.sort_values(kind="stable").index]
    return rows.index[rows.groupby("label").cumcount() >= cap]


def counts_text(what: str, reasons: pd.Series) -> str:
    """How many rows there are, and a line for each reason."""
    lines = [f"  {count:8,}  {reason}" for reason, count in reasons.value_counts().items()]
    return "\n".join([f"{what}: {len(reasons):,}", *lines])
