"""Predicts the classes of pictures in memory, and of every record of a dataset in order."""
import collections
import copy
import dataclasses
import functools
from collections.abc import Callable

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from fashionclf.model import calibration, litert, network
from fashionclf.system.progress import progress_bar


@dataclasses.dataclass(frozen=True, kw_only=True)
class Predictions:
    """The predictions of a model for N examples."""
    labels: np.ndarray  # int64 [N], the true classes
    probabilities: np.ndarray  # float32 [N, C], rows sum to one
    paths: list[str]  # as in the records
    items: list[str]  # group keys
    features: np.ndarray | None = None  # float32 [N, D], perhaps of the first examples only


class Predictor:
    """Runs a model in inference mode; keep it for many passes, as it is compiled only once.

    Args:
        mirrored: whether to average over each picture and its mirror image.
        temperature: see calibration.at_temperature.
        fixed: whether to freeze the current weights as constants; TensorFlow then folds
            BatchNorm into the convolutions, a fifth faster on a CPU.
        features: whether to also return the output of the layer network.FEATURES from the same
            pass; averaged like the probabilities if `mirrored`.
        pictures: how many, about, will be predicted; of many on a CPU, LiteRT takes a `fixed`
            model, see litert.py.
    """

    def __init__(self, model: keras.Model, *, mirrored: bool = False, temperature: float = 1.0,
                 fixed: bool = False, features: bool = False, pictures: int = 0):
        if features:
            pooled = model.get_layer(network.FEATURES).output
            model = keras.Model(model.input, [model.output, pooled])
        logits = with_constants(model) if fixed else functools.partial(model, training=False)

        def forward(images):
            outputs = tf.nest.flatten(logits(images))
            scores, *pooled = (tf.cast(output, tf.float32) for output in outputs)
            return tf.nn.softmax(scores), *pooled

        shape, passes = model.input_shape[1:], pictures * (1 + mirrored)
        if fixed and litert.worth(passes):
            self._forward = litert.OnEachCore(forward, shape)
        else:  # a smaller last batch needs no new graph
            self._forward = tf.function(forward, input_signature=[
                tf.TensorSpec([None, *shape], tf.float32)])
        self._mirrored, self._temperature = mirrored, temperature

    def at_temperature(self, temperature: float) -> "Predictor":
        """Returns the same, compiled once, at another temperature."""
        other = copy.copy(self)
        other._temperature = temperature
        return other

    def probabilities(self, images: tf.Tensor) -> np.ndarray:
        """Maps float32 [B, S, S, 3], RGB, 0..255, to float32 [B, C], also under mixed precision."""
        return self.outputs(images)[0]

    def outputs(self, images: tf.Tensor) -> list[np.ndarray]:
        """Returns the `probabilities` and, if the Predictor has them, features float32 [B, D]."""
        outputs = [np.asarray(output) for output in self._forward(images)]
        if self._mirrored:
            outputs = [(output + np.asarray(mirrored)) / 2
                       for output, mirrored in zip(outputs, self._forward(images[:, :, ::-1]))]
        if self._temperature != 1.0:
            outputs[0] = calibration.at_temperature(outputs[0], self._temperature)
        return outputs

    def predict_dataset(self, dataset: tf.data.Dataset, expected: int | None, *,
                        progress: str | None = None,
                        max_features: int | None = None) -> Predictions:
        """Predicts all examples of a dataset as Records.evaluation returns it.

        Args:
            expected: number of examples that the dataset must have; None if unknown.
            progress: title of a progress bar on standard error; None for no bar.
            max_features: number of examples, from the first, whose features are kept; None for
                all. Features take more memory than everything else.

        Raises:
            ValueError: the dataset has a different number of examples, or none.
        """
        parts = collections.defaultdict(list)
        with progress_bar(total=expected, desc=progress or "", unit="pictures",
                          disable=not progress) as bar:
            for batch in dataset:
                probabilities, *features = self.outputs(batch["image"])
                parts["probabilities"].append(probabilities)
                if max_features is None or sum(map(len, parts["features"])) < max_features:
                    parts["features"] += features
                for name in ("label", "path", "item"):
                    parts[name].append(batch[name].numpy())
                bar.update(len(probabilities))

        count = sum(map(len, parts["label"]))
        if not count or expected not in (None, count):
            wanted = "at least one" if expected is None else f"{expected} as in its manifest"
            raise ValueError(f"the dataset has {count} examples, expected {wanted}: "
                             "build the records again")

        features = parts["features"]
        return Predictions(
            labels=np.concatenate(parts["label"]),
            probabilities=np.concatenate(parts["probabilities"]),
            features=np.concatenate(features)[:max_features] if features else None,
            paths=[path.decode() for batch in parts["path"] for path in batch],
            items=[item.decode() for batch in parts["item"] for item in batch])


def with_constants(model: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns the model in inference mode, with its current weights as constants."""
    trainable, others = ([variable.numpy() for variable in variables] for variables in
                         (model.trainable_variables, model.non_trainable_variables))

    def call(images):
        constants = (list(map(tf.constant, values)) for values in (trainable, others))
        return model.stateless_call(*constants, images, training=False)[0]
    return call


def prediction_rows(predictions: Predictions, classes: list[str]) -> pd.DataFrame:
    """Returns path, item, true, predicted, probability (of predicted), probability_of_true."""
    names, probabilities = np.array(classes, object), predictions.probabilities
    predicted = probabilities.argmax(axis=1)
    rows = np.arange(len(probabilities))
    return pd.DataFrame({
        "path": predictions.paths, "item": predictions.items, "true": names[predictions.labels],
        "predicted": names[predicted], "probability": probabilities[rows, predicted],
        "probability_of_true": probabilities[rows, predictions.labels]})
