"""What TensorBoard shows of an evaluation: pictures, curves, scores, hyperparameters."""
import io
from pathlib import Path

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from tensorboard.plugins.hparams import api as hp
from tensorboard.plugins.pr_curve import summary as pr_curve

from fashionclf.inference import Predictions

RUN = "report"  # the folder of these logs in TensorBoard's, which it lists as a run
SCALARS = ("top1", "top3", "top5", "macro_f1", "majority_baseline", "ece")


def add_report(tensorboard_dir: str | Path, predictions: Predictions, classes: list[str], *,
               name: str, pictures: dict[str, Path], table: str, scores: dict,
               step: int = 0) -> None:
    """Adds the pages of one pass over a split.

    Args:
        name: of the split; prefixes the tags.
        pictures: title -> PNG file.
        table: of the classes, in characters of one width.
        scores: holds SCALARS.
    """
    writer = tf.summary.create_file_writer(str(Path(tensorboard_dir) / RUN))
    with writer.as_default(step=step):
        for title, file in pictures.items():
            add_png(f"{name}/{title}", Path(file).read_bytes())
        add_precision_recall(name, predictions, classes)
        tf.summary.text(f"{name}/classification_report", f"```\n{table}\n```")
        for key in SCALARS:
            tf.summary.scalar(f"{name}/{key}", scores[key])
    writer.close()


def add_hyperparameters(tensorboard_dir: str | Path,
                        values: dict[str, bool | int | float | str], *, run: Path) -> None:
    """Adds a row to the HParams page; its scores are those of the reports.

    Args:
        values: what the run was trained with, by name.
        run: folder that names the row, also where another run has the same values.
    """
    writer = tf.summary.create_file_writer(str(Path(tensorboard_dir) / RUN))
    with writer.as_default(step=0):
        # Without hparams_config TensorBoard finds columns and scores of all runs by itself.
        hp.hparams(values, trial_id=f"{run.name} ({run})")
    writer.close()


def add_precision_recall(name: str, predictions: Predictions, classes: list[str]) -> None:
    """Adds a curve of each class that occurs, against all others, to the current writer."""
    for label in np.unique(predictions.labels):
        curve = pr_curve.pb(f"{name}/{classes[label]}", predictions.labels == label,
                            predictions.probabilities[:, label])
        tf.summary.experimental.write_raw_pb(curve.SerializeToString())


def add_figure(tag: str, figure: Figure) -> None:
    """Adds a picture to the current writer."""
    png = io.BytesIO()
    figure.savefig(png, format="png")
    add_png(tag, png.getvalue())


def add_png(tag: str, png: bytes) -> None:
    """Adds a picture to the current writer."""
    tf.summary.image(tag, tf.io.decode_png(png, channels=3)[None])


def sheet(pictures: np.ndarray, columns: int) -> np.ndarray:
    """Puts pictures side by side, line by line: uint8 [N, H, W, 3] -> [lines * H, columns * W, 3].

    What is left of the last line is white.
    """
    blanks = -len(pictures) % columns
    padded = np.pad(pictures, [(0, blanks), (0, 0), (0, 0), (0, 0)], constant_values=255)
    _, height, width, channels = padded.shape
    lines = padded.reshape(-1, columns, height, width, channels).swapaxes(1, 2)
    return lines.reshape(-1, columns * width, channels)
