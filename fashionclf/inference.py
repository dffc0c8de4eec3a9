"""One pass of a model over a dataset, every record counted."""
import dataclasses

import keras
import numpy as np
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Predictions:
    """What a model says of N examples.

    Attributes:
        labels: int64 [N], the true classes.
        probabilities: float32 [N, C], rows sum to one.
        paths: N paths, as the records name them.
        items: N group keys.
    """
    labels: np.ndarray
    probabilities: np.ndarray
    paths: list[str]
    items: list[str]


class Predictor:
    """Runs a model in inference mode; compiled once, so keep it for many passes."""

    def __init__(self, model: keras.Model):
        self._classes = model.output_shape[-1]

        @tf.function(reduce_retracing=True)
        def forward(images):
            return tf.nn.softmax(tf.cast(model(images, training=False), tf.float32))
        self._forward = forward

    def probabilities(self, images: tf.Tensor) -> np.ndarray:
        """float32 [B, S, S, 3], RGB, 0..255 -> float32 [B, C], also under mixed precision."""
        return self._forward(images).numpy()

    def predict_dataset(self, dataset: tf.data.Dataset, expected: int | None) -> Predictions:
        """Predicts all of what input_pipeline.evaluation gives.

        Args:
            expected: the number of examples there should be; None if it isn't known.

        Raises:
            ValueError: the dataset held another number of examples.
        """
        parts: dict[str, list] = {"label": [], "probabilities": [], "path": [], "item": []}
        for batch in dataset:
            parts["probabilities"].append(self.probabilities(batch["image"]))
            for name in ("label", "path", "item"):
                parts[name].append(batch[name].numpy())
        found = sum(map(len, parts["label"]))
        if found != (found if expected is None else expected) or not found:
            raise ValueError(f"the dataset gave {found} examples where its manifest counts "
                             f"{expected}: build the records again")
        return Predictions(
            labels=np.concatenate(parts["label"]),
            probabilities=np.concatenate(parts["probabilities"]),
            paths=[path.decode() for batch in parts["path"] for path in batch],
            items=[item.decode() for batch in parts["item"] for item in batch])
