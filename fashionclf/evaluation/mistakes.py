"""The mistakes that a page shows: the most confident, one of each confused pair, with Grad-CAM."""
from collections.abc import Callable

import numpy as np
import pandas as pd
import tensorflow as tf

from fashionclf.evaluation import page
from fashionclf.model import grad_cam
from fashionclf.model.weights import Run
from fashionclf.pictures import decoding

EXAMPLE_SIDE = 128  # pixels of the picture beside a pair
PictureLoader = Callable[[list[str]], dict[str, np.ndarray]]  # paths -> uint8 [H, W, 3] each
# pictures uint8 [H, W, 3], class names -> heat maps float32 [B, h, w], see grad_cam.heatmaps
Explainer = Callable[[list[np.ndarray], list[str]], np.ndarray]


def explainer(run: Run) -> Explainer:
    """Gives the heat maps of pictures that are cropped to their boxes already."""
    def explain(pictures: list[np.ndarray], classes: list[str]) -> np.ndarray:
        images = [decoding.fit(picture, decoding.NO_BOX, run.spec.framing)
                  for picture in pictures]
        labels = [run.spec.classes.index(name) for name in classes]
        return grad_cam.heatmaps(run.network, tf.stack(images), labels)
    return explain


def to_show(rows: pd.DataFrame, pairs: pd.DataFrame, *, most: int,
            load_pictures: PictureLoader | None, explain: Explainer | None,
            ) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, np.ndarray]]:
    """Selects the mistakes that page.write shows.

    Args:
        rows: `path, true, predicted, probability, ...`, right ones among them.
        pairs: `true, predicted, ...`, see metrics.confused_pairs.
        most: mistakes to show.
        load_pictures, explain: without them there are no pictures, no overlays.

    Returns:
        The wrong rows, the most confident first, with `picture` and `overlay` (the picture under
        the heat map of `predicted`), data URIs or ""; `pairs` with `path`, the most confident
        mistake of each, and its `picture`; path -> picture of all these.
    """
    names = ["true", "predicted"]
    wrong = rows[rows["true"] != rows["predicted"]].sort_values(
        "probability", ascending=False, kind="stable")
    pairs = pairs.merge(wrong.drop_duplicates(names)[[*names, "path"]], on=names, how="left")
    wrong = wrong.head(most)
    if not load_pictures:
        return wrong.assign(picture="", overlay=""), pairs.assign(picture=""), {}
    pictures = load_pictures(list(dict.fromkeys([*wrong["path"], *pairs["path"]])))
    small = [decoding.shrunk(pictures[path], page.MOST_SIDE) for path in wrong["path"]]
    wrong = wrong.assign(picture=list(map(page.jpeg, small)), overlay="")
    if explain and len(wrong):
        heat = explain([pictures[path] for path in wrong["path"]], wrong["predicted"].tolist())
        wrong["overlay"] = [page.jpeg(grad_cam.overlay(*each)) for each in zip(small, heat)]
    pairs = pairs.assign(picture=[
        page.jpeg(decoding.shrunk(pictures[path], EXAMPLE_SIDE)) for path in pairs["path"]])
    return wrong, pairs, pictures
