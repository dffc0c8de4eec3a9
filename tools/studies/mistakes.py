"""The mistakes that remain whatever the seed, listed and drawn, so that a person looks at them."""
import os
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from fashionclf.evaluation import figures
from fashionclf.pictures import reading
from fashionclf.pictures.files import Picture


def of_most_seeds(runs: list[pd.DataFrame]) -> pd.DataFrame:
    """Returns the pictures that more than half of the runs get wrong.

    Args:
        runs: path, true, predicted, probability (texts) of the same pictures.

    Returns:
        path, true, predicted (the most frequent wrong class), probability (its mean where it is
        predicted), wrong (runs), runs; sorted by wrong, then by probability, the highest first.
    """
    rows = pd.concat(runs, ignore_index=True).astype({"probability": float})
    wrong = rows[rows["true"] != rows["predicted"]]
    by_class = wrong.groupby(["path", "true", "predicted"]).agg(
        votes=("probability", "size"), probability=("probability", "mean")).reset_index()
    by_class["wrong"] = by_class.groupby("path")["votes"].transform("sum")

    most = by_class.sort_values(["votes", "probability"], ascending=False, kind="stable")
    most = most.drop_duplicates("path").assign(runs=len(runs))
    most = most[2 * most["wrong"] > len(runs)].sort_values(
        ["wrong", "probability"], ascending=False, kind="stable")
    columns = ["path", "true", "predicted", "probability", "wrong", "runs"]
    return most[columns].reset_index(drop=True)


def sheet(rows: pd.DataFrame, images_root: Path, name: str) -> Figure:
    """Draws the pictures of `of_most_seeds` with label, predicted class and probability.

    Raises:
        ValueError: a picture can't be read.
    """
    pictures = {path: reading.pixels_or_reason(
        Picture(path=os.fspath(images_root / path), root=os.fspath(images_root)))
        for path in rows["path"]}
    unread = [path for path, pixels in pictures.items() if isinstance(pixels, str)]
    if unread:
        raise ValueError(f"{images_root / unread[0]}: {pictures[unread[0]]}; is it the folder "
                         "that the records were built from?")

    figure = figures.gallery(rows, pictures, name)
    figure.suptitle(f"{name}: {len(rows)} pictures that most seeds get wrong")
    return figure
