"""TensorBoard's pages of an evaluation: charts, curves, scores, hyperparameters, projector."""
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

FOLDER = "tb"  # of a training; TensorBoard cuts names that are longer than about 35 letters
RUN = "report"  # subfolder of these logs; TensorBoard lists it as a run
# TensorBoard orders the columns of its HParams page by name.
SCALARS = {"top1": "accuracy", "top3": "accuracy_top3", "top5": "accuracy_top5",
           "ece": "calibration_error", "log_loss": "log_loss", "macro_f1": "macro_f1",
           "majority_baseline": "majority_baseline"}
MAX_POINTS = 2000  # pictures: the browser recomputes the projector's layout each time
THUMBNAIL = 48  # pixels; the projector accepts sheets of up to 8192
METADATA = ("class", "item", "correct", "predicted")


def add_report(tensorboard_dir: str | Path, predictions: Predictions, classes: list[str], *,
               name: str, pictures: dict[str, Path], table: str, scores: dict,
               step: int = 0) -> None:
    """Adds charts, curves, the table by class and scores of one pass over a split.

    Each parameter goes to one of TensorBoard's pages, as report.write made it.

    Args:
        name: of the split; prefixes the tags.
        pictures: title -> PNG file.
        table: scores by class, as monospaced text.
    """
    writer = tf.summary.create_file_writer(str(Path(tensorboard_dir) / RUN))
    with writer.as_default(step=step):
        for title, file in pictures.items():
            add_png(f"{name}/{title}", Path(file).read_bytes())
        add_precision_recall(name, predictions, classes)

        told = [f"**{text}**" for text in scores["warnings"]] + scores["remarks"]
        tf.summary.text(f"{name}/about_these_scores", "\n".join(f"- {text}" for text in told))
        tf.summary.text(f"{name}/classification_report", f"```\n{table}\n```")
        for key, title in SCALARS.items():
            tf.summary.scalar(f"{name}/{title}", scores[key])
    writer.close()


def add_hyperparameters(tensorboard_dir: str | Path,
                        values: dict[str, bool | int | float | str], *, run: Path) -> None:
    """Adds a row to the HParams page, beside the scores of the reports: the flags of a training.

    The folder `run` is the row's name: two runs with the same values stay two rows.
    """
    writer = tf.summary.create_file_writer(str(Path(tensorboard_dir) / RUN))
    with writer.as_default(step=0):
        # Without an hparams_config TensorBoard collects columns and scores from all runs.
        hp.hparams(values, trial_id=f"{run.name} ({run})")
    writer.close()


def add_precision_recall(name: str, predictions: Predictions, classes: list[str]) -> None:
    """Adds a one-against-all curve for each class that occurs, to the current writer."""
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


def add_projector(tensorboard_dir: str | Path, predictions: Predictions, records: Records,
                  split: str) -> None:
    """Adds the pictures whose features `predictions` hold, the first of the split.

    They are a random sample, as records are ordered by a hash.
    """
    folder = Path(tensorboard_dir) / RUN
    folder.mkdir(parents=True, exist_ok=True)
    count, size = predictions.features.shape

    features = folder / f"projector_{split}.bytes"
    predictions.features.astype("<f4").tofile(features)
    metadata, sprite = features.with_suffix(".tsv"), features.with_suffix(".png")
    metadata.write_text(_metadata(predictions, records.classes, count), encoding="utf-8")
    sheet = figures.sheet(_read_thumbnails(records, split, count), math.ceil(math.sqrt(count)))
    Image.fromarray(sheet).save(sprite, compress_level=1)  # 6, the default, takes a second more

    page = projector.EmbeddingInfo(tensor_name=split, tensor_shape=[count, size],
                                   tensor_path=features.name, metadata_path=metadata.name)
    page.sprite.image_path = sprite.name
    page.sprite.single_image_dim.extend([THUMBNAIL, THUMBNAIL])

    # Pages of other splits are kept.
    config, file = projector.ProjectorConfig(), folder / "projector_config.pbtxt"
    if file.is_file():
        text_format.Parse(file.read_text(), config)
    others = [other for other in config.embeddings if other.tensor_name != split]
    projector.visualize_embeddings(str(folder),
                                   projector.ProjectorConfig(embeddings=[*others, page]))


def _metadata(predictions: Predictions, classes: list[str], count: int) -> str:
    """Returns a header of METADATA and a line for each of the first `count` pictures."""
    predicted = predictions.probabilities.argmax(axis=1)
    rows = [(classes[label], item, "yes" if label == best else "no", classes[best]) for
            label, item, best in zip(predictions.labels, predictions.items, predicted)]

    # No name may break a line or a column.
    return "".join("\t".join(re.sub(r"\s", " ", cell) for cell in row) + "\n"
                   for row in [METADATA, *rows[:count]])


def _read_thumbnails(records: Records, split: str, count: int) -> np.ndarray:
    """Reads uint8 [count, THUMBNAIL, THUMBNAIL, 3], in the order of the records."""
    framing = dataclasses.replace(records.framing, image_size=THUMBNAIL)
    dataset = dataclasses.replace(records, framing=framing).evaluation(split, batch_size=100)
    batches = [batch["image"] for batch in dataset.take(math.ceil(count / 100))]
    return np.concatenate(batches)[:count].astype(np.uint8)
