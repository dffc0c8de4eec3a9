"""Shows the answers of a visual search: their pictures, by what they are known and named."""
import collections
import itertools
import os
import textwrap
from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fashionclf.deployment.search_index import Index
from fashionclf.evaluation import figures
from fashionclf.model.weights import Run
from fashionclf.pictures import inspection
from fashionclf.pictures.files import Picture
from fashionclf.records.input_pipeline import Records

NAME_WIDTH = 26  # characters in a line of a picture's name


def sheet(index: Index, queries: list[dict], found: pd.DataFrame, run: Run) -> Figure:
    """Draws a row per query: its picture, then its neighbours with class, similarity and name.

    Args:
        queries: some rows of the queries given to visual_search.answers, which returned `found`.
        run: the run of the index.
    """
    paths = [query["path"] for query in queries]
    shown = found[found["query"].isin(paths) & found["error"].isna()]
    drawn = pictures(index, shown["place"].unique().tolist(), run)
    names = {path: textwrap.fill(name, NAME_WIDTH)
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
    """Returns path -> the shortest end of it, in whole names, in which no other path ends."""
    ends = {path: ["/".join(path.split("/")[-n:]) for n in range(1, path.count("/") + 2)]
            for path in paths}
    counts = collections.Counter(itertools.chain.from_iterable(ends.values()))
    return {path: next((end for end in own if counts[end] == 1), path)
            for path, own in ends.items()}


def pictures(index: Index, places: list[int], run: Run) -> dict[int, np.ndarray | str]:
    """Returns place -> uint8 [H, W, 3], or the reason why it can't be shown."""
    root = index.facts["root"]
    if root is not None:
        return {place: _pixels(root, index.pictures[place]["path"]) for place in places}

    records = Records.open(index.facts["records"], run.spec.framing)
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
    return inspection.pixels_or_reason(Picture(path=os.path.join(root, path), root=os.sep))
