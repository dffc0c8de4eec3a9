"""Shows the answers of a visual search: their pictures, by what they are known and named."""
import itertools
import os
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from fashionclf.deployment.search_index import Index
from fashionclf.model.spec import Spec
from fashionclf.pictures import reading
from fashionclf.pictures.files import Picture

if TYPE_CHECKING:  # they take seconds to load
    import pandas as pd
    from matplotlib.figure import Figure

NAME_WIDTH = 26  # characters in a line of a picture's name


def sheet(index: Index, queries: list[dict], found: "pd.DataFrame", spec: Spec) -> "Figure":
    """Draws a row per query: its picture, then its neighbours with class, similarity and name.

    Args:
        queries: some rows of the queries given to visual_search.answers, which returned `found`.
        spec: of the run of the index.
    """
    from fashionclf.evaluation import figures

    paths = [query["path"] for query in queries]
    shown = found[found["query"].isin(paths) & found["error"].isna()]
    drawn = pictures(index, shown["place"].unique().tolist(), spec)
    names = {path: _lines(name)
             for path, name in short_names([*paths, *shown["path"]]).items()}

    rows = []
    for query in queries:
        caption = f"{names[query['path']]}\npredicted {query['predicted']}"
        cells = [(_pixels(os.getcwd(), query["path"]), caption)]
        for neighbour in shown[shown["query"] == query["path"]].itertuples():
            picture = index.pictures[neighbour.place]
            facts = [known_class(picture), f"{neighbour.similarity:.3f}", names[picture["path"]]]
            cells.append((drawn[neighbour.place], "\n".join(filter(None, facts))))
        rows.append(cells)
    return figures.contact_sheet(rows)


def known_class(picture: dict) -> str:
    """Returns the class of a picture of an index, or its predicted class, or ""."""
    predicted = picture.get("predicted")
    return picture.get("class") or (f"predicted {predicted}" if predicted else "")


def short_names(paths: Iterable[str]) -> dict[str, str]:
    """Returns path -> its last parts, of each as many as it takes to tell all of them apart."""
    parts = {path: path.split("/") for path in paths}
    for count in itertools.count(1):
        names = {path: "/".join(words[-count:]) for path, words in parts.items()}
        if len(set(names.values())) == len(parts):
            return names


def _lines(name: str) -> str:
    parts = name.split("/") if len(name) > NAME_WIDTH else [name]
    return "/\n".join(textwrap.fill(part, NAME_WIDTH) for part in parts)


def pictures(index: Index, places: list[int], spec: Spec) -> dict[int, np.ndarray | str]:
    """Returns place -> uint8 [H, W, 3], or the reason why it can't be shown."""
    root = index.facts["root"]
    if root is not None:
        return {place: _pixels(root, index.pictures[place]["path"]) for place in places}

    from fashionclf.records.input_pipeline import Records

    records = Records.open(index.facts["records"], spec.framing)
    shown, rows = {}, [(place, index.pictures[place]) for place in places]
    for split in {row["split"] for _, row in rows}:
        place_of = {row["path"]: place for place, row in rows if row["split"] == split}
        pixels = records.pictures(split, list(place_of))
        shown |= {place: pixels.get(path, "no longer in the records")
                  for path, place in place_of.items()}
    return shown


def _pixels(root: str, path: str) -> np.ndarray | str:
    """Returns uint8 [H, W, 3], or the reason why it can't be shown."""
    # The user, or an index built by the user, named this file: it may be anywhere.
    return reading.pixels_or_reason(Picture(path=os.path.join(root, path), root=os.sep))
