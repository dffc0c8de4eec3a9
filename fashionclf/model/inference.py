"""Predictions: of a dataset, every record counted, or of picture files, none left out."""
import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from fashionclf.model import calibration, network
from fashionclf.pictures import loading
from fashionclf.pictures.files import Picture
from fashionclf.pictures.framing import Framing
from fashionclf.system.progress import progress_bar

# A picture; its probabilities, float32 [C], or the reason why it can't be used; its features,
# float32 [D], where it has any and the Predictor gives them.
Answer = tuple[Picture, np.ndarray | str, np.ndarray | None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Predictions:
    """The predictions of a model for N examples.

    Attributes:
        labels: int64 [N], the true classes.
        probabilities: float32 [N, C], rows sum to one.
        paths: N paths, as the records name them.
        items: N group keys.
        features: float32 [N, D], where the Predictor gives them, or of the first examples alone.
    """
    labels: np.ndarray
    probabilities: np.ndarray
    paths: list[str]
    items: list[str]
    features: np.ndarray | None = None


class Predictor:
    """Runs a model in inference mode; compiled once, so keep it for many passes.

    Args:
        mirrored: whether to take the mean over each picture and its mirror image.
        temperature: see calibration.at_temperature.
        fixed: whether the weights stay as they are now. They become constants, and TensorFlow
            multiplies BatchNorm into the convolutions: a fifth faster on a CPU.
        features: whether to give what the layer network.FEATURES does, too, from the same pass;
            where `mirrored`, its mean over both sides of the mirror.
    """

    def __init__(self, model: keras.Model, *, mirrored: bool = False, temperature: float = 1.0,
                 fixed: bool = False, features: bool = False):
        if features:
            model = keras.Model(model.input,
                                [model.output, model.get_layer(network.FEATURES).output])
        logits = with_constants(model) if fixed else functools.partial(model, training=False)
        any_batch = tf.TensorSpec([None, *model.input_shape[1:]], tf.float32)

        @tf.function(input_signature=[any_batch])  # a last batch that is smaller is no new graph
        def forward(images):
            first, *others = (tf.cast(x, tf.float32) for x in tf.nest.flatten(logits(images)))
            return tf.nn.softmax(first), *others
        self._forward, self._mirrored, self._temperature = forward, mirrored, temperature

    def probabilities(self, images: tf.Tensor) -> np.ndarray:
        """float32 [B, S, S, 3], RGB, 0..255 -> float32 [B, C], also under mixed precision."""
        return self.outputs(images)[0]

    def outputs(self, images: tf.Tensor) -> list[np.ndarray]:
        """The `probabilities`, and the features, float32 [B, D], of a Predictor that gives them."""
        found = [output.numpy() for output in self._forward(images)]
        if self._mirrored:
            found = [(one + other.numpy()) / 2
                     for one, other in zip(found, self._forward(images[:, :, ::-1]))]
        if self._temperature != 1.0:
            found[0] = calibration.at_temperature(found[0], self._temperature)
        return found

    def predict_dataset(self, dataset: tf.data.Dataset, expected: int | None, *,
                        progress: str | None = None,
                        max_features: int | None = None) -> Predictions:
        """Predicts all of what input_pipeline.evaluation gives.

        Args:
            expected: the number of examples there should be; None if it isn't known.
            progress: title of a bar on standard error; None for no bar.
            max_features: examples, the first ones, whose features are kept (of a Predictor that
                gives them), as they take more memory than all else; None: of all.

        Raises:
            ValueError: the dataset held another number of examples, or none.
        """
        parts: dict[str, list] = {"label": [], "path": [], "item": [], "probabilities": [],
                                  "features": []}
        with progress_bar(total=expected, desc=progress or "", unit="pictures",
                          disable=not progress) as bar:
            for batch in dataset:
                probabilities, *features = self.outputs(batch["image"])
                parts["probabilities"].append(probabilities)
                kept = sum(map(len, parts["features"]))
                if max_features is None or kept < max_features:
                    parts["features"] += features
                for name in ("label", "path", "item"):
                    parts[name].append(batch[name].numpy())
                bar.update(len(parts["label"][-1]))
        found = sum(map(len, parts["label"]))
        if not found or expected not in (None, found):
            wanted = "at least one" if expected is None else f"the {expected} of its manifest"
            raise ValueError(f"the dataset gave {found} examples, not {wanted}: "
                             "build the records again")
        return Predictions(
            labels=np.concatenate(parts["label"]),
            probabilities=np.concatenate(parts["probabilities"]),
            features=(np.concatenate(parts["features"])[:max_features] if parts["features"]
                      else None),
            paths=[path.decode() for batch in parts["path"] for path in batch],
            items=[item.decode() for batch in parts["item"] for item in batch])

    def predict_batches(self, pictures: Iterable[Picture], *, framing: Framing,
                        batch_size: int) -> Iterator[list[Answer]]:
        """Predicts whole picture files; a few batches are in memory at a time.

        Yields:
            The answers in the order of the pictures, `batch_size` of them, at the end fewer.
        """
        loaded = loading.load_all(pictures, framing=framing, ahead=2 * batch_size)
        while batch := list(itertools.islice(loaded, batch_size)):
            yield list(self._answers(batch))

    def _answers(self, batch: list) -> Iterator[Answer]:
        usable = [loaded for _, loaded in batch if not isinstance(loaded, str)]
        found = zip(*self.outputs(tf.stack(usable))) if usable else iter(())
        for picture, loaded in batch:
            probabilities, *features = (loaded,) if isinstance(loaded, str) else next(found)
            yield picture, probabilities, features[0] if features else None


def with_constants(model: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """The model in inference mode with its weights of now."""
    trainable, others = ([variable.numpy() for variable in variables] for variables in
                         (model.trainable_variables, model.non_trainable_variables))

    def call(images):
        constants = (list(map(tf.constant, values)) for values in (trainable, others))
        return model.stateless_call(*constants, images, training=False)[0]
    return call


def prediction_rows(predictions: Predictions, classes: list[str]) -> pd.DataFrame:
    """path, item, true (class), predicted, probability (of predicted), probability_of_true."""
    names, found = np.array(classes, object), predictions.probabilities
    predicted = found.argmax(axis=1)
    every = np.arange(len(found))
    return pd.DataFrame({
        "path": predictions.paths, "item": predictions.items, "true": names[predictions.labels],
        "predicted": names[predicted], "probability": found[every, predicted],
        "probability_of_true": found[every, predictions.labels]})
