"""TensorBoard's pages of a training while it runs: curves, pictures, mistakes, a profile."""
import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from fashionclf.evaluation import figures, metrics, tensorboard_pages
from fashionclf.model import inference
from fashionclf.model.augmentation import DRAWS
from fashionclf.model.inference import Predictions
from fashionclf.records.input_pipeline import Records
from fashionclf.training.recipe import Phase, Recipe


class Profile:
    """Records the steps `first` to `last` of a phase; a context, at whose end it ends as well.

    Args:
        folder: the phase's logs in TensorBoard's.
        steps: (first, last), counted from 1; None to record nothing.
    """

    def __init__(self, folder: Path, steps: tuple[int, int] | None):
        self._folder, (self._first, self._last) = str(folder), steps or (0, 0)
        self._running = False

    def __enter__(self) -> "Profile":
        return self

    def __exit__(self, *_) -> None:
        if self._running:
            tf.profiler.experimental.stop()
            self._running = False

    @contextlib.contextmanager
    def step(self, number: int) -> Iterator[None]:
        """What the block does is step `number` of the phase."""
        if number == self._first:
            tf.profiler.experimental.start(self._folder)
            self._running = True
        if not self._running:
            yield
            return
        with tf.profiler.experimental.Trace("train", step_num=number, _r=1):
            yield
        if number == self._last:
            self.__exit__()


PAIRS, COLUMNS = 12, 3  # training pictures shown, and in a line
MARGIN = 4  # pixels around a pair
MISTAKES = 12  # of validation


class PhaseLog:
    """The pages of one phase; their steps are epochs, counted on from phase to phase.

    Args:
        folder: TensorBoard's; each phase has a folder in it, which is listed as a run.
        epochs_before: epochs of the phases before this one.
    """

    def __init__(self, folder: Path, phase: Phase, records: Records, *, epochs_before: int):
        self._phase, self._records, self._epochs_before = phase, records, epochs_before
        self._writer = tf.summary.create_file_writer(str(folder / phase.name))

    def start(self, recipe: Recipe) -> None:
        """Shows what is trained on: classes and splits, pictures before and after augmentation."""
        with self._writer.as_default(step=self._epochs_before):
            if not self._epochs_before:
                tensorboard_pages.add_figure("data/class_distribution",
                                             figures.class_distribution(
                                                 self._records.manifest["counts"]))
            title = "before_and_after_augmentation" if recipe.augmentation else "pictures"
            tf.summary.image(f"train/{title}", _examples(self._phase, recipe, self._records)[None])
        self._writer.flush()

    def epoch(self, row: dict, validation: Predictions | None) -> None:
        """Adds to the curves, and now and then a look at the predictions for validation.

        That is after 1, 2, 4, 8, ... epochs and at the end of the phase: it takes about a second.

        Args:
            row: of the history.
        """
        epoch = self._epochs_before + row["epoch"]
        with self._writer.as_default(step=epoch):
            for name in ("loss", "accuracy", "l2", "learning_rate", "images_per_second"):
                tf.summary.scalar(f"train/{name}", row[name])
            if validation:
                for name in ("loss", "accuracy"):
                    tf.summary.scalar(f"validation/{name}", row[f"val_{name}"])
                if epoch & (epoch - 1) == 0 or row["epoch"] == self._phase.epochs:
                    self._add_validation(validation)
        self._writer.flush()

    def _add_validation(self, predictions: Predictions) -> None:
        name, classes = "validation", self._records.classes
        predicted = predictions.probabilities.argmax(axis=1)
        matrix = metrics.confusion(predictions.labels, predicted, len(classes))
        tensorboard_pages.add_figure(f"{name}/confusion_matrix",
                                     figures.confusion(matrix, classes, name))

        rows = inference.prediction_rows(predictions, classes)
        worst = rows[rows["true"] != rows["predicted"]].nlargest(MISTAKES, "probability")
        pictures = self._records.pictures(name, worst["path"].tolist())
        tensorboard_pages.add_figure(f"{name}/misclassified",
                                     figures.gallery(worst, pictures, name))
        tensorboard_pages.add_precision_recall(name, predictions, classes)


def _examples(phase: Phase, recipe: Recipe, records: Records) -> np.ndarray:
    """uint8 [H, W, 3]: the first training pictures of the phase, each beside what it becomes.

    Of activations these are other draws of the same augmentation.
    """
    batch = next(iter(records.training(batch_size=recipe.batch_size,
                                       seed=abs(phase.seed(recipe, 0)[0]))))
    shown = batch["image"][:PAIRS]
    if recipe.augmentation:
        draws = tf.random.stateless_uniform([len(shown), DRAWS], phase.seed(recipe, 0, 0))
        shown = tf.concat([shown, recipe.augmentation(shown, draws)], axis=2)
    around = [(0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)]
    framed = np.pad(tf.cast(shown, tf.uint8).numpy(), around, constant_values=255)
    return figures.sheet(framed, COLUMNS)
