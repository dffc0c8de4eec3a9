"""Cards of the label page from the rows of a prediction."""
import collections
import functools
import os
from collections.abc import Sequence

from fashionclf.curation.cards import Card
from fashionclf.pictures import loading, reading
from fashionclf.pictures.files import Picture
from fashionclf.sources import spellings
from fashionclf.system import files
from fashionclf.system.progress import progress_bar

OTHER_CLASS, NO_GARMENT = "differs from the CSV", "may show no garment"
LABEL_NEXT = "label next"
NEXT = 1e6  # priority of the first picture to label next: above those of all other reasons


def cards(pictures: Sequence[Picture], rows: Sequence[dict], *, given: Sequence[str] = (),
          classes: Sequence[str]) -> tuple[list[Card], list[str]]:
    """Returns a card for each picture, and the classes to choose from.

    The model's classes are shown in the spelling of `given`, so that decisions fit the shop's CSV:
    "T-Shirt" as "Tshirts". A given category that isn't one of the model's classes is not compared.

    Args:
        rows: column -> cell, as prediction.Work.seen has them; `outlier` and `next` may be missing.
        given: the category of each picture in the shop's CSV, "" for none; or empty.
        classes: the model's.
    """
    known = set(map(spellings.rough, classes))
    words = {spellings.rough(name): name for name, _ in
             reversed(collections.Counter(filter(None, given)).most_common())}

    def word(name: str) -> str:
        return words.get(spellings.rough(name), name)

    digests = progress_bar(loading.map_ahead(_digest, pictures, 256, threads=os.cpu_count()),
                           total=len(pictures), desc="reading", unit="pictures")
    made = []
    for picture, digest, row, own in zip(pictures, digests, rows, given or [""] * len(rows)):
        suggested, *others = [word(row[name]) for name in ("class", "class_2", "class_3")
                              if row[name]] or [None]
        judged = suggested and own and spellings.rough(own) in known
        reasons = _reasons(row, judged and spellings.rough(own) != spellings.rough(suggested))
        made.append(Card(
            path=row["path"], digest=digest,
            pixels=functools.partial(reading.pixels_or_reason, picture), given=own or None,
            suggested=suggested, probability=row["probability"], alternatives=tuple(others),
            reasons=tuple(reasons), priority=max(reasons.values(), default=0.0),
            error=row["error"]))
    return made, list(dict.fromkeys([*map(word, classes), *sorted(words.values())]))


def _digest(picture: Picture) -> str:
    encoded = picture.bytes_or_reason()
    return "" if isinstance(encoded, str) else files.digest(encoded)


def _reasons(row: dict, differs: bool) -> dict[str, float]:
    """Returns the reasons to look at a picture, with their priorities."""
    if row["error"]:
        return {}
    reasons = {OTHER_CLASS: 1 + row["probability"]} if differs else {}
    if row.get("outlier"):
        reasons[NO_GARMENT] = 1.0
    if row.get("next"):
        reasons[f"{LABEL_NEXT}: number {row['next']:,}"] = NEXT - row["next"]
    if row["check"]:
        reasons[f"unsure: {row['probability']:.2f}"] = 1 - row["probability"]
    return reasons


def summary(cards: Sequence[Card], classes: Sequence[str]) -> str:
    """Returns the counts in words; `classes` are the model's."""
    bad = sum(card.error is not None for card in cards)
    ranked = sum(any(reason.startswith(LABEL_NEXT) for reason in card.reasons) for card in cards)
    check = sum(any(not reason.startswith(LABEL_NEXT) for reason in card.reasons)
                for card in cards)
    known = set(map(spellings.rough, classes))
    foreign = sum(card.given is not None and spellings.rough(card.given) not in known
                  for card in cards)
    text = f"of {len(cards):,}: {len(cards) - bad - check:,} labelled, {check:,} to check"
    text += f", {bad:,} unreadable" if bad else ""
    text += f"; {ranked:,} to label next come first" if ranked else ""
    return text + (f". {foreign:,} have a category in the CSV that is not one of the model's "
                   "classes, so it was not compared" if foreign else "")
