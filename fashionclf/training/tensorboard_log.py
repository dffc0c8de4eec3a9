"""Profiles a few steps of training, for TensorBoard's profile page."""
import contextlib
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from fashionclf.evaluation import figures, metrics
from fashionclf.evaluation import tensorboard as tensorboard_pages
from fashionclf.model import inference
from fashionclf.model.augmentation import DRAWS
from fashionclf.model.inference import Predictions
from fashionclf.records import input_pipeline
from fashionclf.records import manifest as manifests
from fashionclf.records.input_pipeline import Pictures
from fashionclf.training.recipe import Phase, Recipe


def parse_steps(text: str | None) -> tuple[int, int] | None:
    """The first and last step that "FIRST,LAST" names, counted from 1; None for None.

    Raises:
        ValueError: it isn't that, or TensorBoard's page for it isn't installed.
    """
    if text is None:
        return None
    found = re.fullmatch(r"(\d+),(\d+)", text)
    first, last = map(int, found.groups()) if found else (0, 0)
    if not 1 <= first <= last:
        raise ValueError(f"--profile_steps={text}: expected FIRST,LAST, two steps counted from 1, "
                         "such as 20,24")
    if not importlib.util.find_spec("tensorboard_plugin_profile"):
        raise ValueError("--profile_steps needs TensorBoard's profile page: "
                         "pip install 'fashionclf[profile]', or leave the flag out")
    return first, last


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

    def __init__(self, folder: Path, phase: Phase, pictures: Pictures, *, epochs_before: int):
        self._phase, self._pictures, self._epochs_before = phase, pictures, epochs_before
        self._manifest = manifests.read_manifest(pictures.records_dir)
        self._writer = tf.summary.create_file_writer(str(folder / phase.name))

    def start(self, recipe: Recipe) -> None:
        """Shows what is trained on: classes and splits, pictures before and after augmentation."""
        with self._writer.as_default(step=self._epochs_before):
            if not self._epochs_before:
                tensorboard_pages.add_figure("data/class_distribution",
                                             figures.class_distribution(self._manifest["counts"]))
            title = "before_and_after_augmentation" if recipe.augmentation else "pictures"
            tf.summary.image(f"train/{title}", _examples(self._phase, recipe, self._pictures)[None])
        self._writer.flush()

    def epoch(self, row: dict, validation: Predictions | None) -> None:
        """Adds to the curves, and now and then what the model makes of validation.

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

    def _add_validation(self, found: Predictions) -> None:
        name, classes = "validation", self._manifest["classes"]
        matrix = metrics.confusion(found.labels, found.probabilities.argmax(axis=1), len(classes))
        rows = inference.prediction_rows(found, classes)
        worst = rows[rows["true"] != rows["predicted"]].nlargest(MISTAKES, "probability")
        loaded = input_pipeline.read_pictures(
            self._pictures.records_dir, name, worst["path"].tolist(),
            box_margin=self._pictures.box_margin)
        tensorboard_pages.add_figure(f"{name}/confusion_matrix",
                                     figures.confusion(matrix, classes, name))
        tensorboard_pages.add_figure(f"{name}/misclassified", figures.gallery(worst, loaded, name))
        tensorboard_pages.add_precision_recall(name, found, classes)


def _examples(phase: Phase, recipe: Recipe, pictures: Pictures) -> np.ndarray:
    """uint8 [H, W, 3]: the first training pictures of the phase, each beside what it becomes.

    Of activations these are other draws of the same augmentation.
    """
    batch = next(iter(pictures.training(epoch=0, batch_size=recipe.batch_size,
                                        seed=abs(phase.seed(recipe, 0)[0]))))
    shown = batch["image"][:PAIRS]
    if recipe.augmentation:
        draws = tf.random.stateless_uniform([len(shown), DRAWS], phase.seed(recipe, 0, 0))
        shown = tf.concat([shown, recipe.augmentation(shown, draws)], axis=2)
    around = [(0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)]
    framed = np.pad(tf.cast(shown, tf.uint8).numpy(), around, constant_values=255)
    return figures.sheet(framed, COLUMNS)
