"""The mistakes that a page shows: the surest ones, pairs of classes, what spoke for them."""
from collections.abc import Callable

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from fashionclf import classifier, grad_cam, images, page

# pictures uint8 [H, W, 3], class names -> heat maps float32 [B, h, w], see grad_cam.heatmaps
Explainer = Callable[[list[np.ndarray], list[str]], np.ndarray]


def explainer(model: keras.Model, spec: classifier.Spec) -> Explainer:
    """Explains pictures that are cropped already as `spec` says."""
    def explain(pictures: list[np.ndarray], predicted: list[str]) -> np.ndarray:
        seen = [images.fit(picture, np.zeros(4, np.int32), image_size=spec.image_size,
                           box_margin=0.0) for picture in pictures]
        return grad_cam.heatmaps(model, tf.stack(seen), list(map(spec.classes.index, predicted)))
    return explain


def surest(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows `path, true, predicted, probability, ...` that are wrong, the surest first."""
    wrong = rows[rows["true"] != rows["predicted"]]
    return wrong.sort_values("probability", ascending=False, kind="stable")


def with_example(pairs: pd.DataFrame, wrong: pd.DataFrame) -> pd.DataFrame:
    """`pairs` with `path`, the first of the pair in `wrong`.

    Args:
        pairs: `true, predicted, ...`, see metrics.confused_pairs.
        wrong: what `surest` gives.
    """
    names = ["true", "predicted"]
    return pairs.merge(wrong.drop_duplicates(names)[[*names, "path"]], on=names, how="left")


def with_pictures(rows: pd.DataFrame, pictures: dict[str, np.ndarray]) -> pd.DataFrame:
    """`rows` with `picture`, what is at `path` as a data URI; "" where there are no pictures."""
    return rows.assign(picture=[
        page.jpeg(page.shrunk(pictures[path])) if pictures else "" for path in rows["path"]])


def with_overlays(rows: pd.DataFrame, pictures: dict[str, np.ndarray],
                  explain: Explainer | None) -> pd.DataFrame:
    """`rows` with `overlay`, the picture under what spoke for `predicted`, likewise."""
    if not (explain and pictures):
        return rows.assign(overlay="")
    heat = explain([pictures[path] for path in rows["path"]], rows["predicted"].tolist())
    return rows.assign(overlay=[
        page.jpeg(grad_cam.overlay(page.shrunk(pictures[path]), found))
        for path, found in zip(rows["path"], heat)])
