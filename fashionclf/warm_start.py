"""Where the weights of a training start: at random, from a trunk, or from a run with its head."""
from pathlib import Path

import keras
import numpy as np

from fashionclf import alignment, classifier
from fashionclf.alignment import Alignment


def load(model: keras.Model, classes: list[str], weights: str, align: str | None = None) -> None:
    """Fills the trunk of `model`, and of its head what can be carried over.

    Args:
        classes: of the model.
        weights: "none", or what classifier.load_trunk takes.
        align: alignment of the classes of the run `weights` with `classes`; None leaves the
            head at random.

    Raises:
        ValueError, FileNotFoundError: they can't be had or don't fit.
    """
    if align and not Path(weights).is_dir():
        raise ValueError(f"--align carries the head of a run over, and --weights={weights} is no "
                         "folder: name that of a run")
    if weights != "none":
        classifier.load_trunk(model, weights)
    if align:
        run, spec = classifier.load(Path(weights))
        found = alignment.read(Path(align), spec.classes, classes)
        carry_head(run, model, found)
        fresh = [name for name in classes if name not in found.reached_classes]
        print(f"head: {len(found.reached)} of {len(classes)} classes start from {weights}, by "
              f"{align}; at random: {', '.join(fresh) or 'none'}", flush=True)


def carry_head(run: keras.Model, model: keras.Model, aligned: Alignment) -> None:
    """Sets the head of `model` for the classes that `run` has; others stay as they are.

    A class for which several of the run stand begins with the logit mean_i(z_i) + log n. It is
    below log sum_i(exp z_i), the logit of their union, by Jensen's inequality, and equals it
    where the run takes them for as likely.
    """
    kernel, bias = run.get_layer(classifier.PREDICTIONS).get_weights()
    head = model.get_layer(classifier.PREDICTIONS)
    new_kernel, new_bias = head.get_weights()
    for place in aligned.reached:
        members = aligned.members(place)
        new_kernel[:, place] = kernel[:, members].mean(axis=1)
        new_bias[place] = bias[members].mean() + np.log(len(members))
    head.set_weights([new_kernel, new_bias])
