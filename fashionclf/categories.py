"""From a source's categories to the classes that are trained."""
import dataclasses
import difflib
import re
from pathlib import Path

import numpy as np
import pandas as pd


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


def assign(table: pd.DataFrame, *, label_from: str, category_map: str | None = None,
           top_k: int | None = None, classes: str | None = None,
           max_per_class: int | None = None, seed: int = 0) -> Labelled:
    """Gives each row of a catalogue its label.

    Args:
        label_from: "annotation" (the catalogue's category), "name" (text after
            the last underscore of the item's folder) or "keyword" (see `keyword_category`).
        category_map: CSV file with the columns `from,to`; an empty `to` drops.
        top_k: keep the k classes with most rows; labels by falling count, then name.
        classes: text file with the classes to keep, one a line; labels in its order.
        max_per_class: rows a class keeps at most, see `_cap`.

    Raises:
        ValueError: a class or mapped category does not exist, nothing is left,
            or top_k and classes are both given.
    """
    if top_k and classes:
        raise ValueError("--top_k and --classes both choose the classes; give one of them")
    chosen = _read_classes(classes) if classes else None
    category = _categories(table, label_from, chosen)
    reason = pd.Series(None, index=table.index, dtype=object)
    reason[category.isna()] = "no category"
    if category_map:
        category = _mapped(category, Path(category_map))
        reason[category.isna() & reason.isna()] = "mapped to nothing"
    counts = category.value_counts()
    if chosen is not None:
        _check_known(chosen, counts.index, classes)
        kept, why = chosen, "not in the class file"
    else:
        ranked = sorted(counts.index, key=lambda name: (-counts[name], name))
        kept, why = (ranked[:top_k], f"not in top {top_k}") if top_k else (sorted(ranked), "")
    if not kept:
        raise ValueError("no row has a category: choose another --label_from")
    label = category.map({name: number for number, name in enumerate(kept)})
    reason[label.isna() & reason.isna()] = why
    if max_per_class:
        over = _over_cap(table, label[reason.isna()], max_per_class, seed)
        reason[over] = f"over {max_per_class} a class"
    keep = reason.isna()
    dropped = pd.DataFrame({"path": table["path"], "category": category, "reason": reason})[~keep]
    return Labelled(table[keep].assign(label=label[keep].astype(int)), kept, dropped)


def _read_classes(file: str) -> list[str]:
    if not Path(file).is_file():
        raise FileNotFoundError(f"{file}: no such file; --classes names a text file, "
                                "a class a line")
    lines = [line.strip() for line in Path(file).read_text(encoding="utf-8").splitlines()]
    names = [line for line in lines if line and not line.startswith("#")]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"{file}: needs at least one class and none twice, got {names}")
    return names


def _check_known(chosen: list[str], known: pd.Index, file: str) -> None:
    for name in chosen:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or sorted(known)[:5]
            raise ValueError(f"{file}: no picture is of class {name!r}; "
                             f"did you mean {', '.join(near)}?")


def _categories(table: pd.DataFrame, label_from: str, chosen: list[str] | None) -> pd.Series:
    if label_from == "annotation":
        return table["category"].astype(object)
    folders = table["path"].str.split("/").str[-2]
    if label_from == "name":
        return folders.str.rpartition("_")[2]
    if label_from != "keyword":
        raise ValueError(f"label_from {label_from!r} is not annotation, name or keyword")
    vocabulary = chosen or sorted(set(table["category"].dropna()))
    if not vocabulary:
        raise ValueError("--label_from=keyword needs the words: give --classes=FILE")
    rule = {folder: keyword_category(folder, vocabulary) for folder in folders.dropna().unique()}
    return folders.map(rule)


def keyword_category(folder: str, vocabulary: list[str]) -> str | None:
    """The seeds' rule: the category word that stands first in the folder's name.

    Case does not matter; a word ends at `_`, `-` or the name's end, so "Tee"
    is found in "V-Neck_Tee" and not in "Teen". Of words that start at the same
    place the longest wins ("Button-Down" before "Button"). It errs where a
    garment is described by another ("Denim_Jacket_Dress" is a Dress and comes
    out as a Jacket; "Halter_Dress" as a Halter): of real folder names, the
    text after the last underscore is always right. Kept to reproduce the seeds.

    Returns:
        A word of `vocabulary`, or None where the name holds none.
    """
    words = "|".join(re.escape(word) for word in sorted(vocabulary, key=len, reverse=True))
    match = re.search(rf"(?<![^_-])({words})(?![^_-])", folder, re.IGNORECASE)
    if match is None:
        return None
    return {word.lower(): word for word in vocabulary}[match[1].lower()]


def _mapped(category: pd.Series, file: Path) -> pd.Series:
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file; --category_map names a CSV with from,to")
    rows = pd.read_csv(file, dtype=str, keep_default_na=False)
    if list(rows.columns) != ["from", "to"] or rows["from"].duplicated().any():
        raise ValueError(f"{file}: needs the columns from,to and each category once")
    _check_known(rows["from"].tolist(), pd.Index(category.dropna().unique()), str(file))
    changes = dict(zip(rows["from"], rows["to"].replace("", None)))
    return category.map(lambda name: changes.get(name, name), na_action="ignore")


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
