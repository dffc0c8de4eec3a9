"""Selects the errors that a page shows: the most confident, one of each confused pair, Grad-CAM."""
from collections.abc import Callable

import numpy as np
import pandas as pd
import tensorflow as tf

from fashionclf.evaluation import page
from fashionclf.model import grad_cam
from fashionclf.model.weights import Run
from fashionclf.pictures import decoding, reading

EXAMPLE_SIDE = 128  # pixels of the picture beside a pair
PictureLoader = Callable[[list[str]], dict[str, np.ndarray]]  # paths -> uint8 [H, W, 3] each
# pictures uint8 [H, W, 3], class names -> heat maps float32 [B, h, w], see grad_cam.heatmaps
Explainer = Callable[[list[np.ndarray], list[str]], np.ndarray]


def explainer(run: Run) -> Explainer:
    """Returns an Explainer for pictures that are already cropped to their boxes."""
    def explain(pictures: list[np.ndarray], classes: list[str]) -> np.ndarray:
        images = [decoding.fit(picture, decoding.NO_BOX, run.spec.framing) for picture in pictures]
        labels = [run.spec.classes.index(name) for name in classes]
        return grad_cam.heatmaps(run.network, tf.stack(images), labels)
    return explain


def to_show(rows: pd.DataFrame, pairs: pd.DataFrame, *, max_errors: int,
            load_pictures: PictureLoader | None, explain: Explainer | None,
            ) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, np.ndarray]]:
    """Selects the errors that page.write shows.

    Args:
        rows: `path, item, true, predicted, probability, ...` of all pictures.
        pairs: `true, predicted, ...`, see metrics.confused_pairs.
        max_errors: rows to return.
        load_pictures, explain: None for no pictures, no overlays.

    Returns:
        The wrong rows that `spread` selects, with `picture` and `overlay` (the picture under
        the heat map of `predicted`), data URIs or ""; `pairs` with `path`, the most confident
        error of each, and its `picture`; path -> picture of all these.
    """
    names = ["true", "predicted"]
    errors = rows[rows["true"] != rows["predicted"]].sort_values(
        "probability", ascending=False, kind="stable")
    pairs = pairs.merge(errors.drop_duplicates(names)[[*names, "path"]], on=names, how="left")
    errors = spread(errors, max_errors)
    if not load_pictures:
        return errors.assign(picture="", overlay=""), pairs.assign(picture=""), {}

    pictures = load_pictures(list(dict.fromkeys([*errors["path"], *pairs["path"]])))
    small = [reading.shrunk(pictures[path], page.SIDE) for path in errors["path"]]
    errors = errors.assign(picture=list(map(page.jpeg, small)), overlay="")

    if explain and len(errors):
        shown = [pictures[path] for path in errors["path"]]
        heatmaps = explain(shown, errors["predicted"].tolist())
        errors["overlay"] = [page.jpeg(grad_cam.overlay(*each)) for each in zip(small, heatmaps)]

    pairs = pairs.assign(picture=[
        page.jpeg(reading.shrunk(pictures[path], EXAMPLE_SIDE)) for path in pairs["path"]])
    return errors, pairs, pictures


def spread(errors: pd.DataFrame, count: int) -> pd.DataFrame:
    """Returns `count` rows or less, the most confident first, spread over the garments (`item`).

    They are the most confident error of each garment, then second ones, and so on.
    """
    errors = errors.sort_values("probability", ascending=False, kind="stable")
    turns = errors.groupby("item").cumcount().sort_values(kind="stable")
    return errors[errors.index.isin(turns.index[:count])]
