"""What a model says: of a dataset, every record counted, or of files, none left out."""
import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from fashionclf import calibration, classifier, picture_files

NAMED = 3  # classes in a row of a CSV file
CSV_HEADER = ["path", "class", "probability", "class_2", "probability_2", "class_3",
              "probability_3", "error"]


@dataclasses.dataclass(frozen=True)
class Predictions:
    """What a model says of N examples.

    Attributes:
        labels: int64 [N], the true classes.
        probabilities: float32 [N, C], rows sum to one.
        paths: N paths, as the records name them.
        items: N group keys.
        features: float32 [K, F], what the dense layer sees of the first K examples; None where
            it wasn't asked for.
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
        features: of how many examples predict_dataset also gives the features, never mirrored.
    """

    def __init__(self, model: keras.Model, *, mirrored: bool = False, temperature: float = 1.0,
                 fixed: bool = False, features: int = 0):
        if features:
            pooled = model.get_layer(classifier.FEATURES).output
            model = keras.Model(model.input, [model.output, pooled])
        outputs = with_constants(model) if fixed else functools.partial(model, training=False)
        any_batch = tf.TensorSpec([None, *model.input_shape[1:]], tf.float32)

        @tf.function(input_signature=[any_batch])  # a last batch that is smaller is no new graph
        def forward(images):
            logits, *pooled = (tf.cast(x, tf.float32) for x in tf.nest.flatten(outputs(images)))
            return tf.nn.softmax(logits), *pooled
        self._forward, self._mirrored, self._temperature = forward, mirrored, temperature
        self._features = features

    def probabilities(self, images: tf.Tensor) -> np.ndarray:
        """float32 [B, S, S, 3], RGB, 0..255 -> float32 [B, C], also under mixed precision."""
        return self._outputs(images)[0]

    def _outputs(self, images: tf.Tensor) -> list[np.ndarray]:
        """Probabilities and, where they are asked for, features [B, F]."""
        found, *pooled = (output.numpy() for output in self._forward(images))
        if self._mirrored:
            found = (found + self._forward(images[:, :, ::-1])[0].numpy()) / 2
        if self._temperature != 1.0:
            found = calibration.at_temperature(found, self._temperature)
        return [found, *pooled]

    def predict_dataset(self, dataset: tf.data.Dataset, expected: int | None, *,
                        progress: str | None = None) -> Predictions:
        """Predicts all of what input_pipeline.evaluation gives.

        Args:
            expected: the number of examples there should be; None if it isn't known.
            progress: title of a bar on standard error; None for no bar.

        Raises:
            ValueError: the dataset held another number of examples, or none.
        """
        parts: dict[str, list] = {"label": [], "probabilities": [], "path": [], "item": [],
                                  "features": []}
        with tqdm(total=expected, desc=progress, unit=" pictures", disable=not progress) as bar:
            for batch in dataset:
                probabilities, *pooled = self._outputs(batch["image"])
                parts["probabilities"].append(probabilities)
                if sum(map(len, parts["features"])) < self._features:
                    parts["features"] += pooled
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
            paths=[path.decode() for batch in parts["path"] for path in batch],
            items=[item.decode() for batch in parts["item"] for item in batch],
            features=(np.concatenate(parts["features"])[:self._features] if self._features
                      else None))

    def predict_files(
            self, pictures: Iterable[picture_files.Picture], *, image_size: int,
            batch_size: int) -> Iterator[tuple[picture_files.Picture, np.ndarray | str]]:
        """Predicts picture files as they stream by; a few batches are in memory at a time.

        Yields:
            Each picture in order, with its probabilities, float32 [C], or the
            reason why it can't be used.
        """
        batch = []
        for loaded in picture_files.load_all(pictures, image_size=image_size,
                                             ahead=2 * batch_size):
            batch.append(loaded)
            if len(batch) == batch_size:
                yield from self._predict_batch(batch)
                batch = []
        yield from self._predict_batch(batch)

    def _predict_batch(self, batch: list) -> Iterator[tuple]:
        usable = [loaded for _, loaded in batch if not isinstance(loaded, str)]
        rows = iter(self.probabilities(tf.stack(usable)) if usable else ())
        for picture, loaded in batch:
            yield picture, loaded if isinstance(loaded, str) else next(rows)


def with_constants(model: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """The model in inference mode with its weights of now."""
    trainable, others = ([variable.numpy() for variable in variables] for variables in
                         (model.trainable_variables, model.non_trainable_variables))

    def call(images):
        constants = (list(map(tf.constant, values)) for values in (trainable, others))
        return model.stateless_call(*constants, images, training=False)[0]
    return call


def csv_row(path: str, found: np.ndarray | str, classes: list[str]) -> list[str]:
    """The cells under CSV_HEADER: the most probable classes, or the reason alone.

    Args:
        found: float32 [C] probabilities, or the reason why there are none.

    Cells without a meaning are blank.
    """
    if isinstance(found, str):
        return [path, *[""] * (2 * NAMED), found]
    best = np.argsort(-found, kind="stable")[:NAMED]
    cells = [cell for i in best for cell in (classes[i], f"{found[i]:.6f}")]
    return [path, *cells, *[""] * (2 * NAMED - len(cells)), ""]
