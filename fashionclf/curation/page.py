"""The label page: pictures and a person's decisions on them, as one file that needs no other.

A decision is right, wrong (and which class), drop, or same (the garment of other pictures). The
page keeps decisions in the browser and saves them as a CSV, `path,digest,decision,class,group`,
which sources/corrections.py reads. Python sorts the pictures; the scripts draw those in sight.
"""
import base64
import functools
import hashlib
import io
import itertools
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import jinja2
import numpy as np
from PIL import Image

from fashionclf.curation.cards import Card
from fashionclf.pictures import loading, reading
from fashionclf.system import cells, files
from fashionclf.system.progress import progress_bar

MOST = 10_000  # pictures: more would take a browser too long to open
FEW = 2_000  # pictures: up to here thumbnails can be larger
SIDES = 192, 112  # pixels of a thumbnail's longer side, of few and of many pictures
QUALITY = 70  # of its JPEG
SHEET = 100  # thumbnails that a browser unpacks at a time
SCRIPTS = "decisions.js", "grid.js", "labels.js", "controls.js"  # in the order in which they run
TO_DECIDE, UNUSABLE, NO_CLASS = "To decide", "Can't be used", "Without a class"


def write(file: str | Path, cards: Iterable[Card], *, title: str, classes: list[str],
          summary: str) -> int:
    """Writes the page; every text is escaped.

    Args:
        cards: each picture is loaded once, in threads.
        classes: that a person may choose, in the order in which they are offered.
        summary: the counts, in words.

    Returns:
        The number of pictures that are left out, as a page shows no more than MOST; the page says
        so too. Those with reasons come first, then those with errors, then the least probable.
    """
    cards = list(cards)
    sections = _sections(cards, classes)
    shown = [card for _, inside in sections for card in inside]
    side = SIDES[len(shown) > FEW]

    environment = _environment()
    script = "\n".join(environment.get_template(name).render() for name in SCRIPTS)
    script_sha256 = hashlib.sha256(script.encode()).digest()
    page = environment.get_template("labels.html").stream(
        title=title, summary=summary, shown=len(shown), total=len(cards),
        data=_data(sections, classes), sheets=_sheets(shown, side), script=script,
        script_hash=f"sha256-{base64.b64encode(script_sha256).decode()}")
    with files.replaced(file) as partial:
        page.dump(os.fspath(partial), encoding="utf-8", errors="backslashreplace")
    return len(cards) - len(shown)


def _sections(cards: list[Card], classes: list[str]) -> list[tuple[str, list[Card]]]:
    """Returns headings with their cards, MOST in all: to decide, unusable, then by class."""
    # What a person is asked about brings the other pictures of its group along.
    lead: dict[str, float] = {}
    for card in cards:
        if card.reasons and card.group is not None:
            lead[card.group] = max(card.priority, lead.get(card.group, card.priority))
    asked = [card for card in cards if not card.error and (card.reasons or card.group in lead)]
    asked.sort(key=lambda card: (-lead.get(card.group, card.priority), card.group or "",
                                 -card.priority))
    unusable = [card for card in cards if card.error]

    # The others are cut to what has room, the least probable first.
    others = [card for card in cards
              if not (card.error or card.reasons or card.group in lead)]
    others.sort(key=lambda card: 1 if card.probability is None else card.probability)
    asked, unusable = asked[:MOST], unusable[:max(0, MOST - len(asked))]
    others = others[:MOST - len(asked) - len(unusable)]

    labels = dict.fromkeys([*classes, *sorted({card.label for card in others if card.label}), None])
    sections = [(TO_DECIDE, asked), (UNUSABLE, unusable)] + [
        (label or NO_CLASS, [card for card in others if card.label == label]) for label in labels]
    return [(heading, inside) for heading, inside in sections if inside]


def _data(sections: list[tuple[str, list[Card]]], classes: list[str]) -> dict:
    """Returns what the scripts read, as JSON values."""
    rows = [[cells.readable(card.path), card.digest, card.given, card.suggested, card.probability,
             card.alternatives, card.reasons, card.group,
             card.error and cells.readable(card.error)]
            for _, inside in sections for card in inside]
    content = json.dumps(rows).encode()  # by which the browser finds earlier decisions
    return {"key": hashlib.sha256(content).hexdigest(), "classes": classes, "cards": rows,
            "sections": [[heading, len(inside)] for heading, inside in sections],
            "sheet": SHEET}


def _sheets(cards: list[Card], side: int) -> Iterator[list[str]]:
    """Yields the thumbnails of SHEET cards at a time, base64, "" for a picture without one."""
    thumbnails = loading.map_ahead(functools.partial(_thumbnail, side), cards, SHEET,
                                   threads=os.cpu_count())
    thumbnails = progress_bar(thumbnails, total=len(cards), desc="drawing", unit="pictures")
    thumbnails = iter(thumbnails)
    while sheet := list(itertools.islice(thumbnails, SHEET)):
        yield sheet


def _thumbnail(side: int, card: Card) -> str:
    pixels: np.ndarray | str = card.error or card.pixels()
    if isinstance(pixels, str):  # it may have changed since the card was made
        return ""
    buffer = io.BytesIO()
    Image.fromarray(reading.shrunk(pixels, side)).save(buffer, "JPEG", quality=QUALITY,
                                                       optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("fashionclf.curation"), autoescape=True, trim_blocks=True,
        lstrip_blocks=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
