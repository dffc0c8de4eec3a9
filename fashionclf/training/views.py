"""Passes over the augmented pictures of the trunk cache, whatever is computed from them.

A view is a picture under one draw of the augmentation. The draws depend on the seed, the number of
the view and the place of the picture alone: each pass shows the same pixels.
"""
from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from fashionclf.model.augmentation import DRAWS
from fashionclf.pictures import decoding
from fashionclf.records.input_pipeline import Records
from fashionclf.system import signals
from fashionclf.system.progress import progress_bar
from fashionclf.training.recipe import Recipe

FILL_BATCH = 32


class View(NamedTuple):
    """One pass over a split: augmented by the draws of `number` if it is "train", else plain."""
    split: str
    number: int
    pooled: bool = True  # whether the head, besides other phases, needs it


def made_from(recipe: Recipe, records: Records) -> dict:
    """Returns everything that determines the pictures and how they are computed with, for JSON."""
    return {
        "records": records.manifest["fingerprint"],
        "image_size": records.framing.image_size, "box_margin": records.framing.box_margin,
        "decoder": decoding.VERSION, "precision": keras.mixed_precision.global_policy().name,
        "augmentation": recipe.augmentation and recipe.augmentation.settings, "seed": recipe.seed,
        "tensorflow": tf.__version__, "keras": keras.__version__}


def fill(add: Callable[[list], None], compute: Callable[[tf.Tensor], Sequence[tf.Tensor]],
         recipe: Recipe, records: Records, view: View, *, title: str) -> None:
    """Passes the pictures of a view to `compute` batch by batch, and its arrays to `add`."""
    augment = (tf.function(recipe.augmentation, reduce_retracing=True)
               if recipe.augmentation and view.split == "train" else None)
    batches = records.evaluation(view.split, batch_size=FILL_BATCH)
    with progress_bar(total=records.examples[view.split], desc=f"filling the trunk cache, {title}",
                      unit="pictures") as bar:
        for number, batch in enumerate(batches):
            images = batch["image"]
            if augment:
                entropy = np.random.SeedSequence([recipe.seed, view.number, number])
                seed = entropy.generate_state(2).astype(np.int32)
                images = augment(images, tf.random.stateless_uniform([len(images), DRAWS], seed))

            add([np.asarray(array) for array in compute(images)])
            bar.update(len(batch["label"]))
            if signals.requested():
                signals.leave("the trunk cache keeps the views computed before this one")
