"""The mistakes that a page shows: the surest ones, an example of each pair, what spoke for them."""
from collections.abc import Callable

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from fashionclf.evaluation import page
from fashionclf.model import grad_cam
from fashionclf.model.spec import Spec
from fashionclf.pictures import decoding

EXAMPLE_SIDE = 128  # pixels of the picture beside a pair
PictureLoader = Callable[[list[str]], dict[str, np.ndarray]]  # paths -> uint8 [H, W, 3] each
# pictures uint8 [H, W, 3], class names -> heat maps float32 [B, h, w], see grad_cam.heatmaps
Explainer = Callable[[list[np.ndarray], list[str]], np.ndarray]


def explainer(model: keras.Model, spec: Spec) -> Explainer:
    """Explains, of pictures that are cropped already as `spec` says, what the model sees there."""
    def explain(pictures: list[np.ndarray], classes: list[str]) -> np.ndarray:
        seen = [decoding.fit(picture, np.zeros(4, np.int32), image_size=spec.image_size,
                             box_margin=0.0) for picture in pictures]
        return grad_cam.heatmaps(model, tf.stack(seen), list(map(spec.classes.index, classes)))
    return explain


def to_show(rows: pd.DataFrame, pairs: pd.DataFrame, *, most: int,
            load_pictures: PictureLoader | None, explain: Explainer | None,
            ) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, np.ndarray]]:
    """What page.write shows of mistakes.

    Args:
        rows: `path, true, predicted, probability, ...`, right ones among them.
        pairs: `true, predicted, ...`, see metrics.confused_pairs.
        most: mistakes to show.
        load_pictures, explain: without them there are no pictures, no overlays.

    Returns:
        The wrong rows, the surest first, with `picture` and `overlay` (the picture under
        what spoke for `predicted`), data URIs or ""; `pairs` with `path`, the surest mistake
        of each, and its `picture`; path -> picture of all these.
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
