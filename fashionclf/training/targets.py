"""Targets of a step: from labels and, if the recipe has them, from teachers."""
from collections.abc import Callable
from typing import TYPE_CHECKING

import tensorflow as tf

if TYPE_CHECKING:
    from fashionclf.training.recipe import Recipe


def make_targets(recipe: "Recipe", num_classes: int, *,
                 on_pictures: bool) -> Callable[[dict, tf.Tensor], tf.Tensor]:
    """Returns a function for a step: batch, its augmented pictures -> targets, float32 [B, C].

    Loads the teachers if they are asked `on_pictures`; a batch of the trunk cache has its targets
    already, as the field "target".
    """
    probabilities = (recipe.teachers.loaded() if recipe.teachers and on_pictures else None)

    def targets(batch: dict, images: tf.Tensor) -> tf.Tensor:
        if "target" in batch:
            return batch["target"]
        labelled = of_labels(batch["label"], num_classes, recipe.label_smoothing)
        if not probabilities:
            return labelled
        return recipe.teachers.mixed(labelled, batch["label"], probabilities(images),
                                     batch.get("teachers"))
    return targets


def of_labels(labels: tf.Tensor, num_classes: int, smoothing: float) -> tf.Tensor:
    """Returns float32 [B, C]: one-hot, the share `smoothing` of it spread over all classes."""
    return tf.one_hot(labels, num_classes) * (1.0 - smoothing) + smoothing / num_classes


def right_classes(labels: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Returns int64 [B]: the labels and, for an unlabelled picture, what its teachers predict."""
    return tf.where(labels < 0, tf.argmax(targets, axis=1), labels)


def weighted(losses: tf.Tensor, labels: tf.Tensor, class_weights: tf.Tensor) -> tf.Tensor:
    """Weights losses, float32 [B], by class; an unlabelled picture has the weight 1."""
    return losses * tf.where(labels < 0, 1.0, tf.gather(class_weights, tf.maximum(labels, 0)))
