"""Solves for the head on cached features, instead of training it by steps.

On a frozen trunk the dense layer is a logistic regression, whose optimum `convex` finds in seconds.
Dropout and mixup do not apply: an L2 penalty takes their place.
"""
import time
from collections.abc import Callable

import keras
import numpy as np

from fashionclf.model.network import PREDICTIONS
from fashionclf.records.training_set import list_split
from fashionclf.system import signals
from fashionclf.system.progress import progress_bar
from fashionclf.training import convex, devices
from fashionclf.training.convex import Fit
from fashionclf.training.recipe import Phase, Recipe
from fashionclf.training.targets import of_labels, weighted
from fashionclf.training.trunk_cache import Activations

STRENGTHS = (1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 3e-4, 1e-4)  # of the L2 penalty
DEFAULT = 0.03  # without a validation split; the choice on each of three splits by sender
START = 1.0  # of a head that only starts another phase: see the studies


def solve(model: keras.Model, phase: Phase, recipe: Recipe, data: Activations) -> dict:
    """Sets the dense layer of `model` to its optimum on all views of all training pictures.

    The strength of the penalty is START if the phase is only the start of another. If not, it is
    the one of STRENGTHS, tried from the strongest until one is worse than the best so far, with the
    lowest cross-entropy on the validation split; without that split it is DEFAULT. Deterministic;
    a kill costs the whole solution.

    Returns:
        Columns of history.csv: means over the views; "step", the iterations of L-BFGS for the
        chosen strength; "l2", the penalty; "images_per_second", of the passes for all strengths;
        "learning_rate", NaN.
    """
    start = time.perf_counter()
    strengths, reason = _strengths(phase, data)
    fits, losses = _tried(strengths, recipe, data)
    best = fits[int(np.argmin(losses))]

    # Workers may round differently, and all of them go on with one head.
    model.get_layer(PREDICTIONS).set_weights(devices.of_first([best.kernel, best.bias]))

    seconds = time.perf_counter() - start
    pictures, views = data.examples["train"], len(data.views["train"])
    tried = " of " + ", ".join(f"{fit.strength:g}" for fit in fits) if len(fits) > 1 else ""
    print(f"head: solved on {views} views of {pictures} pictures in {seconds:.1f} s; strength "
          f"{best.strength:g} of the L2 penalty {reason}{tried}", flush=True)
    speed = sum(fit.passes for fit in fits) * views * pictures / seconds
    return {"loss": best.cross_entropy, "accuracy": best.accuracy, "l2": best.penalty,
            "step": best.iterations, "learning_rate": np.nan, "images_per_second": round(speed, 1)}


def _strengths(phase: Phase, data: Activations) -> tuple[tuple[float, ...], str]:
    """Returns the strengths to try, and the reason for the choice, for the program to print."""
    if phase.start_only:
        return (START,), "leaves the next phase something to learn"
    if "validation" not in data.views:
        return (DEFAULT,), "is the default without a validation split"
    return STRENGTHS, "has the lowest validation loss"


def _tried(strengths: tuple[float, ...], recipe: Recipe,
           data: Activations) -> tuple[list[Fit], list[float]]:
    """Returns the fits of the strengths that were tried, and their losses in validation."""
    views, labels = data.views["train"], list_split(data.records, "train").labels
    targets = data.targets or [
        of_labels(labels, len(recipe.class_weights), recipe.label_smoothing)] * len(views)
    weights = weighted(np.ones(len(labels), np.float32), labels,
                       recipe.class_weights.astype(np.float32)).numpy()
    validation_loss = _validation_loss(data) if len(strengths) > 1 else lambda fit: 0.0
    fits = convex.fits(
        np.concatenate([np.asarray(view) for view in views], dtype=np.float32),
        np.concatenate(targets), np.tile(weights, len(views)),
        strengths=strengths, each=_leave_if_asked)

    # Weaker penalties take most of the time, and the loss rises once the best is passed.
    found, losses = [], []
    with progress_bar(total=len(strengths), desc="solving the head", unit="strengths") as bar:
        for fit in fits:
            found.append(fit)
            losses.append(validation_loss(fit))
            bar.update()
            if losses[-1] > min(losses):
                break
    return found, losses


def _validation_loss(data: Activations) -> Callable[[Fit], float]:
    """Returns a function to the cross-entropy on the validation split."""
    features = data.views["validation"][0].astype(np.float32)
    labels = list_split(data.records, "validation").labels

    def loss(fit: Fit) -> float:
        logarithms = convex.log_softmax(features @ fit.kernel + fit.bias)
        return -float(logarithms[np.arange(len(labels)), labels].mean())
    return loss


def _leave_if_asked() -> None:
    if signals.requested():
        signals.leave("the trunk cache is kept, the head has to be solved again")
