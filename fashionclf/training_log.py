"""What TensorBoard shows of a training while it runs: curves, pictures, mistakes on validation."""
from pathlib import Path

import numpy as np
import tensorflow as tf

from fashionclf import dashboard, figures, metrics, records, report
from fashionclf.augment import DRAWS
from fashionclf.inference import Predictions
from fashionclf.input_pipeline import Pictures
from fashionclf.training_step import Phase, Recipe

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
        self._manifest = records.read_manifest(pictures.records_dir)
        self._writer = tf.summary.create_file_writer(str(folder / phase.name))

    def start(self, recipe: Recipe) -> None:
        """Shows what is trained on: classes and splits, pictures before and after augmentation."""
        with self._writer.as_default(step=self._epochs_before):
            if not self._epochs_before:
                dashboard.add_figure("data/class_distribution",
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
        rows = report.prediction_rows(found, classes)
        worst = rows[rows["true"] != rows["predicted"]].nlargest(MISTAKES, "probability")
        loaded = report.read_pictures(self._pictures.records_dir, name, worst["path"].tolist(),
                                      box_margin=self._pictures.box_margin)
        dashboard.add_figure(f"{name}/confusion_matrix", figures.confusion(matrix, classes, name))
        dashboard.add_figure(f"{name}/misclassified", figures.gallery(worst, loaded, name))
        dashboard.add_precision_recall(name, found, classes)


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
    return dashboard.sheet(framed, COLUMNS)
