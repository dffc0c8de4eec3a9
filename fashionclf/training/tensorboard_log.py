"""TensorBoard's pages of a running training: curves, pictures, errors, a profile."""
import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from fashionclf.evaluation import figures, metrics, mistakes, tensorboard_pages
from fashionclf.model import inference
from fashionclf.model.augmentation import DRAWS
from fashionclf.model.inference import Predictions
from fashionclf.records.input_pipeline import Records
from fashionclf.training.history import History
from fashionclf.training.recipe import Phase, Recipe

PAIRS, COLUMNS = 12, 3  # training pictures shown, and pairs in a row
MARGIN = 4  # pixels around a pair
ERRORS = 12  # of validation
FIRST_PAGES = 8  # epochs before validation pages within a phase


class Profile:
    """Profiles some steps of a phase; a context manager, whose exit ends the profile too."""

    def __init__(self, folder: Path, steps: tuple[int, int] | None):
        """Takes the first and last of `steps`, counted from 1; None to profile nothing."""
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
        """Profiles the block as step `number` of the phase if that is one of the steps."""
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


class PhaseLog:
    """The pages of one phase; their steps are epochs, counted on from phase to phase.

    Training and validation are two runs of TensorBoard, whose curves of one name share a chart.

    Args:
        folder: TensorBoard's, which is that of all phases.
        epochs_before: epochs of the phases before this one.
    """

    def __init__(self, folder: Path, phase: Phase, records: Records, *, epochs_before: int):
        self._phase, self._records, self._epochs_before = phase, records, epochs_before
        self._writers = {split: tf.summary.create_file_writer(str(folder / split))
                         for split in ("train", "validation") if records.examples.get(split)}

    def start(self, recipe: Recipe) -> None:
        """Adds the class distribution, and training pictures before and after augmentation."""
        with self._writers["train"].as_default(step=self._epochs_before):
            if not self._epochs_before:
                chart = figures.class_distribution(self._records.manifest["counts"])
                tensorboard_pages.add_figure("data/class_distribution", chart)

            title = "before_and_after_augmentation" if recipe.augmentation else "pictures"
            tf.summary.image(f"train/{title}", _examples(self._phase, recipe, self._records)[None])
        self._writers["train"].flush()

    def epoch(self, row: dict, validation: Predictions | None) -> None:
        """Extends the curves by a row of the history; adds the validation pages now and then.

        Those take one to three seconds: they come at the end of the phase, and after FIRST_PAGES
        epochs, twice as many, four times as many, and so on.
        """
        epoch = self._epochs_before + row["epoch"]
        with self._writers["train"].as_default(step=epoch):
            for name in ("loss", "accuracy", "l2", "learning_rate", "images_per_second"):
                if np.isfinite(row[name]):  # a solved head has no learning rate
                    tf.summary.scalar(f"epoch/{name}", row[name])
        self._writers["train"].flush()

        if validation:
            with self._writers["validation"].as_default(step=epoch):
                for name in ("loss", "accuracy"):
                    tf.summary.scalar(f"epoch/{name}", row[f"val_{name}"])
                doubled = epoch >= FIRST_PAGES and epoch & (epoch - 1) == 0
                if doubled or row["epoch"] == self._phase.epochs:
                    self._add_validation(validation)
            self._writers["validation"].flush()

    def _add_validation(self, predictions: Predictions) -> None:
        name, classes = "validation", self._records.classes
        predicted = predictions.probabilities.argmax(axis=1)
        matrix = metrics.confusion(predictions.labels, predicted, len(classes))
        chart = figures.confusion(matrix, classes, name)
        tensorboard_pages.add_figure(f"{name}/confusion_matrix", chart)

        rows = inference.prediction_rows(predictions, classes)
        errors = mistakes.spread(rows[rows["true"] != rows["predicted"]], ERRORS)
        pictures = self._records.pictures(name, errors["path"].tolist())
        gallery = figures.gallery(errors, pictures, name)
        tensorboard_pages.add_figure(f"{name}/misclassified", gallery)
        tensorboard_pages.add_precision_recall(name, predictions, classes)


def mark_kept(folder: Path, history: History) -> None:
    """Marks the epoch whose weights are kept, by a point in the charts of loss and accuracy.

    It lies on the curve of validation if there is one, else on that of training.
    """
    row = history.table[history.table["kept"]].iloc[0]
    prefix = "val_" if np.isfinite(row["val_accuracy"]) else ""
    writer = tf.summary.create_file_writer(str(folder / "kept"))
    with writer.as_default(step=int(row.name) + 1):  # of the table's rows, from 0
        for name in ("loss", "accuracy"):
            tf.summary.scalar(f"epoch/{name}", row[prefix + name])
    writer.close()


def _examples(phase: Phase, recipe: Recipe, records: Records) -> np.ndarray:
    """Returns uint8 [H, W, 3]: the phase's first training pictures, each beside its augmentation.

    A phase on cached activations trains on other draws of the same augmentation.
    """
    order = abs(phase.seed(recipe, 0)[0])
    batch = next(iter(records.training(batch_size=recipe.batch_size, seed=order)))
    shown = batch["image"][:PAIRS]
    if recipe.augmentation:
        draws = tf.random.stateless_uniform([len(shown), DRAWS], phase.seed(recipe, 0, 0))
        shown = tf.concat([shown, recipe.augmentation(shown, draws)], axis=2)

    around = [(0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)]
    framed = np.pad(tf.cast(shown, tf.uint8).numpy(), around, constant_values=255)
    return figures.sheet(framed, COLUMNS)
