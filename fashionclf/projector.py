"""TensorBoard's projector: pictures of a split as points in the space of their pooled features."""
import math
import re
from pathlib import Path

import numpy as np
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins import projector

from fashionclf import dashboard, input_pipeline
from fashionclf.inference import Predictions

MOST = 2000  # pictures: the page computes their places anew in the browser
THUMBNAIL = 48  # pixels; the page takes sheets of up to 8192
METADATA = ("class", "item", "correct", "predicted")


def add_split(tensorboard_dir: str | Path, predictions: Predictions, classes: list[str], *,
              records_dir: str | Path, split: str, box_margin: float) -> None:
    """Adds the pictures whose features `predictions` hold, the first of the split.

    They are a random sample, as records are in the order of a hash. Pages of other splits stay.
    """
    folder = Path(tensorboard_dir) / dashboard.RUN
    count, size = predictions.features.shape
    files = {what: folder / f"projector_{split}{suffix}" for what, suffix in
             (("features", ".bytes"), ("metadata", ".tsv"), ("thumbnails", ".png"))}
    folder.mkdir(parents=True, exist_ok=True)
    predictions.features.astype("<f4").tofile(files["features"])
    files["metadata"].write_text(_metadata(predictions, classes, count), encoding="utf-8")
    thumbnails = _read_thumbnails(records_dir, split, count, box_margin)
    sheet = dashboard.sheet(thumbnails, math.ceil(math.sqrt(count)))
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
    rows = [(classes[label], item, "yes" if label == said else "no", classes[said]) for
            label, item, said in zip(predictions.labels, predictions.items, predicted)]
    lines = [[re.sub(r"\s", " ", cell) for cell in row] for row in [METADATA, *rows[:count]]]
    return "".join("\t".join(line) + "\n" for line in lines)


def _read_thumbnails(records_dir: str | Path, split: str, count: int,
                     box_margin: float) -> np.ndarray:
    """uint8 [count, THUMBNAIL, THUMBNAIL, 3], in the order of the records."""
    dataset = input_pipeline.evaluation(records_dir, split, image_size=THUMBNAIL,
                                        box_margin=box_margin, batch_size=100)
    batches = [batch["image"].numpy().astype(np.uint8)
               for batch in dataset.take(math.ceil(count / 100))]
    return np.concatenate(batches)[:count]


def _pages(folder: Path) -> list[projector.EmbeddingInfo]:
    file = folder / "projector_config.pbtxt"
    if not file.is_file():
        return []
    return list(text_format.Parse(file.read_text(), projector.ProjectorConfig()).embeddings)
