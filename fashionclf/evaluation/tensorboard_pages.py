"""What TensorBoard shows of an evaluation: pictures, curves, scores, hyperparameters."""
import dataclasses
import io
import math
import re
from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from matplotlib.figure import Figure
from PIL import Image
from tensorboard.plugins import projector
from tensorboard.plugins.hparams import api as hp
from tensorboard.plugins.pr_curve import summary as pr_curve

from fashionclf.evaluation import figures
from fashionclf.model.inference import Predictions
from fashionclf.records.input_pipeline import Records

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


MAX_POINTS = 2000  # pictures: the page computes their places anew in the browser
THUMBNAIL = 48  # pixels; the page takes sheets of up to 8192
METADATA = ("class", "item", "correct", "predicted")


def add_projector(tensorboard_dir: str | Path, predictions: Predictions, records: Records,
                  split: str) -> None:
    """Adds the pictures whose features `predictions` hold, the first of the split.

    They are a random sample, as records are in the order of a hash. Pages of other splits stay.
    """
    folder = Path(tensorboard_dir) / RUN
    count, size = predictions.features.shape
    files = {what: folder / f"projector_{split}{suffix}" for what, suffix in
             (("features", ".bytes"), ("metadata", ".tsv"), ("thumbnails", ".png"))}
    folder.mkdir(parents=True, exist_ok=True)
    predictions.features.astype("<f4").tofile(files["features"])
    files["metadata"].write_text(_metadata(predictions, records.classes, count), encoding="utf-8")
    thumbnails = _read_thumbnails(records, split, count)
    sheet = figures.sheet(thumbnails, math.ceil(math.sqrt(count)))
    Image.fromarray(sheet).save(files["thumbnails"])

    page = projector.EmbeddingInfo(tensor_name=split, tensor_shape=[count, size],
                                   tensor_path=files["features"].name,
                                   metadata_path=files["metadata"].name)
    page.sprite.image_path = files["thumbnails"].name
    page.sprite.single_image_dim.extend([THUMBNAIL, THUMBNAIL])
    others = [other for other in _pages(folder) if other.tensor_name != split]
    projector.visualize_embeddings(str(folder),
                                   projector.ProjectorConfig(embeddings=[*others, page]))


def _metadata(predictions: Predictions, classes: list[str], count: int) -> str:
    """A line of METADATA and one for each picture; no name can break a line or a column."""
    predicted = predictions.probabilities.argmax(axis=1)
    rows = [(classes[label], item, "yes" if label == best else "no", classes[best]) for
            label, item, best in zip(predictions.labels, predictions.items, predicted)]
    lines = [[re.sub(r"\s", " ", cell) for cell in row] for row in [METADATA, *rows[:count]]]
    return "".join("\t".join(line) + "\n" for line in lines)


def _read_thumbnails(records: Records, split: str, count: int) -> np.ndarray:
    """uint8 [count, THUMBNAIL, THUMBNAIL, 3], in the order of the records."""
    small = dataclasses.replace(
        records, framing=dataclasses.replace(records.framing, image_size=THUMBNAIL))
    dataset = small.evaluation(split, batch_size=100)
    batches = [batch["image"].numpy().astype(np.uint8)
               for batch in dataset.take(math.ceil(count / 100))]
    return np.concatenate(batches)[:count]


def _pages(folder: Path) -> list[projector.EmbeddingInfo]:
    file = folder / "projector_config.pbtxt"
    if not file.is_file():
        return []
    return list(text_format.Parse(file.read_text(), projector.ProjectorConfig()).embeddings)
