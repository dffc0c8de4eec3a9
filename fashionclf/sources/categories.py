"""From a source's categories to the classes that are trained."""
import dataclasses
import re
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fashionclf.sources import annotations, corrections, spellings
from fashionclf.system import csv_files, files, tables

NO_SUCH_CLASS = "there are no pictures of class"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Labelled:
    """The rows that `assign` kept, and those that it dropped."""
    table: pd.DataFrame  # rows of the source with `label`, 0-based into `classes`
    classes: list[str]  # in the order of the labels
    dropped: pd.DataFrame  # path, category, reason of every other row
    notes: list[str]  # to print: names that may be one class


def assign(table: pd.DataFrame, *, label_from: str, category_map: Sequence[str] = (),
           top_k: int | None = None, classes: str | None = None,
           max_per_class: int | None = None, official: bool = False,
           corrected: pd.Series | None = None, seed: int = 0) -> Labelled:
    """Labels the rows of a source's table, and says why each other row is dropped.

    The parameters are the steps, in their order, and bear the names of the flags.

    Args:
        label_from: "annotation" (the source's category), "name" (text after the last underscore of
            the item's folder) or "keyword" (see `keyword_category`).
        corrected: a person's decisions: categories of some rows, None to drop. They replace what
            label_from gives, and follow category_map like it.
        category_map: CSV files with the columns `from,to`, applied in order; an empty `to` drops.
        official: drop rows that are in no part of the source's own split.
        top_k: keep the k classes with most rows; labels by falling count, then name.
        classes: text file with the classes to keep, one per line; labels in its order.
        max_per_class: most rows that a class keeps, see `_over_cap`.

    Raises ValueError where a class, mapped or corrected category does not exist, has several
    spellings, nothing is left, or top_k and classes are both given.
    """
    if top_k and classes:
        raise ValueError("--top_k and --classes both choose the classes; give one of them")
    chosen = _read_classes(classes) if classes else None

    # A row is dropped for the first reason that applies.
    own = _categories(table, label_from, chosen)
    category, reason = own.copy(), pd.Series(None, index=table.index, dtype=object)
    if corrected is not None:
        category[corrected.index] = corrected
        reason[corrected.index[corrected.isna()]] = corrections.DROPPED
    if category.isna().all():
        raise ValueError("no row has a category: choose another --label_from")
    reason[category.isna() & reason.isna()] = "no category"
    before_map, changed = category, category.notna() & (category != own)
    for file in category_map:
        category = mapped(category, Path(file))
        reason[category.isna() & reason.isna()] = "mapped to nothing"
    renamed = dict(zip(before_map, category))

    # Before classes are counted, as the other rows will not be used.
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
    _refuse_new(category[changed], kept if chosen is not None else
                set(kept) & {renamed.get(name, name) for name in own})
    notes = spellings.check(category.dropna(), kept)

    label = category.map({name: number for number, name in enumerate(kept)})
    reason[label.isna() & reason.isna()] = why

    # Last, so that the cap counts rows that are kept otherwise.
    if max_per_class:
        over = _over_cap(table, label[reason.isna()], max_per_class, seed)
        reason[over] = f"over {max_per_class} a class"

    keep = reason.isna()
    dropped = pd.DataFrame({"path": table["path"], "category": category, "reason": reason})[~keep]
    return Labelled(table=table[keep].assign(label=label[keep].astype(int)), classes=kept,
                    dropped=dropped, notes=notes)


def _refuse_new(category: pd.Series, known: Collection[str]) -> None:
    """Raises ValueError if corrected categories are not among the classes that are `known`."""
    new = category[~category.isin(list(known))].dropna().value_counts()
    if len(new):
        listed = ", ".join(f"{name!r} ({count:,})" for name, count in new.items())
        raise ValueError(
            f"--corrections gives pictures the class {listed}, which is none of the others' "
            f"classes ({', '.join(sorted(known))}); rename it with --category_map, or name all "
            "classes to keep with --classes")


def _read_classes(file: str) -> pd.Series:
    """Names of classes, in their order, indexed by line number."""
    files.require_file(file, "--classes takes a text file with one class per line")
    lines = map(str.strip, tables.split_lines(tables.read_text(Path(file))))
    names = pd.Series({number: name for number, name in enumerate(lines, start=1)
                       if name and not name.startswith("#")}, dtype=str)
    if names.empty:
        raise ValueError(f"{file}:1: lists no classes; write one per line")
    annotations.once(Path(file), names)
    return names


def _categories(table: pd.DataFrame, label_from: str, chosen: pd.Series | None) -> pd.Series:
    if label_from == "annotation":
        return table["category"].astype(object)
    folders = table["path"].str.split("/").str[-2]
    if label_from == "name":
        return folders.str.rpartition("_")[2].astype(object).replace("", None)
    if label_from != "keyword":
        raise ValueError(f"label_from {label_from!r} is not annotation, name or keyword")

    # A folder's name is looked at once, however many pictures it holds.
    vocabulary = sorted(set(table["category"].dropna())) if chosen is None else chosen.tolist()
    if not vocabulary:
        raise ValueError("--label_from=keyword needs the words: give --classes=FILE")
    return folders.map({folder: keyword_category(folder, vocabulary)
                        for folder in folders.dropna().unique()})


def keyword_category(folder: str, vocabulary: list[str]) -> str | None:
    """Finds the first category word in a folder's name: the rule of the slides.

    Case does not matter; a word ends at `_`, `-` or the name's end, so "Tee" is found in
    "V-Neck_Tee" but not in "Teen". Of words that start at the same place the longest wins
    ("Button-Down" before "Button"). The rule fails where one garment describes another
    ("Denim_Jacket_Dress" is a Dress and becomes a Jacket, "Halter_Dress" a Halter), while the text
    after the last underscore is right for every real folder name. It is kept to reproduce the
    slides. Returns None if the name contains no word.
    """
    words = sorted(vocabulary, key=len, reverse=True)
    choice = "|".join(f"({re.escape(word)})" for word in words)
    match = re.search(rf"(?<![^_-])(?:{choice})(?![^_-])", folder, re.IGNORECASE)
    return words[match.lastindex - 1] if match else None


def mapped(category: pd.Series, file: Path) -> pd.Series:
    """The categories that a CSV with from,to makes of others; raises ValueError at a bad row."""
    files.require_file(file, "--category_map takes a CSV with from,to")
    rows = csv_files.read_table(file, ["from", "to"], cure="name its two columns from and to")
    annotations.once(file, rows["from"])
    annotations.class_names(file, rows["to"][rows["to"] != ""])
    annotations.known(file, rows["from"], category.dropna().unique(), NO_SUCH_CLASS)

    changes = {name: new or None for name, new in zip(rows["from"], rows["to"])}
    category = category.map(lambda name: changes.get(name, name), na_action="ignore")
    if category.isna().all():
        raise ValueError(f"{file}: drops every category; keep at least one")
    return category


def _over_cap(table: pd.DataFrame, label: pd.Series, cap: int, seed: int) -> pd.Index:
    """Rows beyond `cap` of each class, drawn evenly over its items.

    Each item gives one row, then each a second one, and so on; the seed decides which item and
    which of its rows come first.
    """
    # Sorted first, so that the draw does not depend on the order of the rows.
    rows = table.loc[label.index, ["path", "item"]].assign(label=label).sort_values("path")
    rows = rows.iloc[np.random.default_rng(seed).permutation(len(rows))]

    turn = rows.groupby(["label", "item"]).cumcount()
    rows = rows.loc[turn.sort_values(kind="stable").index]
    return rows.index[rows.groupby("label").cumcount() >= cap]


def counts_text(what: str, reasons: pd.Series) -> str:
    """The number of rows, and a line for each of the 20 most frequent reasons."""
    counts = reasons.value_counts()
    lines = [f"  {count:8,}  {reason}" for reason, count in counts.head(20).items()]
    if len(counts) > 20:
        lines.append(f"  {counts[20:].sum():8,}  {len(counts) - 20:,} other reasons")
    return "\n".join([f"{what}: {len(reasons):,}", *lines])
