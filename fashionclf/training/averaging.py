"""Averages the weights of finished runs into one model, as fast as any of them.

Runs of one recipe from one start, which differ by their seed, end near each other: the mean of
their weights predicts about as well as the mean of their probabilities (Wortsman et al., 2022,
"Model soups").
"""
from collections.abc import Sequence

import keras
import numpy as np

from fashionclf.evaluation import lineage
from fashionclf.model import spec as specs
from fashionclf.model import weights
from fashionclf.model.spec import Spec
from fashionclf.system import packaged


def check(folders: Sequence[str], spec: Spec, *, logit_adjustment: float) -> None:
    """Raises ValueError if a run doesn't fit the others, or would be adjusted a second time.

    Args:
        logit_adjustment: of the mean.
    """
    for folder in folders:
        found, _, provenance = specs.read(folder)
        for name in ("architecture", "classes", "framing"):
            if getattr(found, name) != getattr(spec, name):
                raise ValueError(
                    f"--average={folder}: its {name} is {getattr(found, name)}, not "
                    f"{getattr(spec, name)}; give runs of one recipe on the same classes, and the "
                    "flags that they were trained with")
        before = provenance.get("logit_adjustment", 0.0)
        if before and logit_adjustment:
            raise ValueError(
                f"--average={folder}: its head is shifted towards rare classes already "
                f"(--logit_adjustment={before:g}); add --logit_adjustment=0")


def facts(folders: Sequence[str]) -> dict:
    """Returns what model.json tells of the runs; they all began at one trunk."""
    found = [specs.read(folder) for folder in folders]
    return {"trunk_from": found[0][2].get("trunk_from"), "averaged": [
        {"name": packaged.name(str(folder)), "weights_sha256": sha256,
         "warnings": lineage.training_warnings(provenance)}
        for folder, (_, sha256, provenance) in zip(folders, found)]}


def average(model: keras.Model, folders: Sequence[str]) -> dict:
    """Fills `model` with the mean of the weights of runs.

    Returns the columns of history.csv that a phase gives, all NaN: nothing is trained.
    """
    total = [np.zeros(value.shape, np.float64) for value in model.get_weights()]
    for folder in folders:
        for place, value in enumerate(weights.load(folder).network.get_weights()):
            total[place] += value
    model.set_weights([value / len(folders) for value in total])
    print(f"average: the mean of the weights of {len(folders)} runs", flush=True)
    return dict.fromkeys(("loss", "accuracy", "l2", "learning_rate", "images_per_second"), np.nan)
