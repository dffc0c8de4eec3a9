"""Finds classes that are one class in several spellings, and words that mean "no class"."""
import csv
import html
import io
import re
import unicodedata
from collections.abc import Callable

import pandas as pd

from fashionclf.sources import annotations

MISSING = {"", "nan", "none", "null", "nil", "n/a", "na", "#n/a", "<na>", "?", "-"}
LOOK_ALIKE = str.maketrans("аеорсухіјѕһктмнв" "αορεικτχβμζ",  # Cyrillic, Greek
                           "aeopcyxijshktmhb" "aopeiktxbmz")
FILLERS = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u2800\ufe00-\ufe0f]")  # can't be seen
BETWEEN = re.compile(r"[\s_'\"`´’‘‚“”„‐‑‒–—―−·•.,-]+")


def same(name: str) -> str:
    """Equal for names that look equal: case, width, blanks, hyphens, quotes, invisible signs."""
    name = unicodedata.normalize("NFKC", FILLERS.sub("", html.unescape(name))).casefold()
    name = "".join(sign for sign in name if sign.isspace()
                   or unicodedata.category(sign) not in ("Cf", "Cc"))
    name = re.sub(r"(?<=\d)[.,](?=\d)", "\0", name)  # 1.5 is not 15
    return BETWEEN.sub("", FILLERS.sub("", name)).translate(LOOK_ALIKE)


def rough(name: object) -> str:
    """Equal also for names with and without accents, and for singular and plural."""
    plain = unicodedata.normalize("NFKD", same(str(name)))
    plain = "".join(sign for sign in plain if not unicodedata.combining(sign))
    plain = re.sub(r"(?<=ss|sh|ch)es$|(?<=x)es$|(?<=[^s])s$", "", plain)
    return re.sub("y$", "ie", plain)


def check(categories: pd.Series, kept: list[str]) -> list[str]:
    """Notes on names that may be one class, where one of them is in `kept`.

    Raises:
        ValueError: names look equal, or mean that there is none; gives the spellings, their
            counts and the lines of --category_map that join or drop them.
    """
    counts = categories.value_counts()
    none = [name for name in kept if name.strip().casefold() in MISSING]
    equal = _groups(counts.drop(none), same, kept)
    unclean = [name for name in kept if name not in none and not annotations.is_class_name(name)]
    if none or equal or unclean:
        lines = dict.fromkeys(none, "")
        lines |= {name: _clean(name) for name in unclean}
        lines |= {name: _clean(group[0]) for group in equal for name in group}
        said = [f"{_shown(none, counts)} stands for a missing class"] if none else []
        said += [f"{_shown(unclean, counts)} {annotations.BAD_CLASS_NAME}"] if unclean else []
        said += [f"{_shown(group, counts)} look like one class" for group in equal]
        lines = [(name, new) for name, new in lines.items() if name != new]
        raise ValueError("; ".join(said) + ". Join, rename or drop: write these lines to a file "
                         f"and name it with --category_map\n{_as_csv(lines)}")

    return [f"{_shown(group, counts)} may be one class: if so, join them with --category_map ("
            + ", ".join(_as_csv([(name, group[0])]).split("\n")[1] for name in group[1:]) + ")"
            for group in _groups(counts.drop(none), rough, kept)]


def _groups(counts: pd.Series, key: Callable[[str], str], kept: list[str]) -> list[list[str]]:
    """Several names with equal keys, one of them in `kept`; the most frequent first."""
    groups: dict[str, list[str]] = {}
    for name in sorted(counts.index, key=lambda name: (-counts[name], name)):
        groups.setdefault(key(name) or name, []).append(name)
    return [group for group in groups.values() if len(group) > 1 and set(group) & set(kept)]


def _clean(name: str) -> str:
    return " ".join(name.split())


def _shown(names: list[str], counts: pd.Series) -> str:
    """The names with counts; signs beyond ASCII as codes too, as some can't be seen."""
    return ", ".join(f"{name!r} ({'' if name.isascii() else ascii(name) + ', '}{counts[name]:,})"
                     for name in names)


def _as_csv(lines: list[tuple[str, str]]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([("from", "to"), *lines])
    return stream.getvalue().rstrip("\n")
