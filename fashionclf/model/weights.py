"""Where the weights of a training start: at random, from a trunk, or from a run with its head."""
import dataclasses
import json
from pathlib import Path

import keras
import numpy as np

from fashionclf.model import network, weight_files
from fashionclf.model.spec import Spec
from fashionclf.sources import alignment
from fashionclf.sources.alignment import Alignment
from fashionclf.system import files


def warm_start(model: keras.Model, classes: list[str], weights: str,
               align: str | None = None) -> None:
    """Fills the trunk of `model`, and of its head what can be carried over.

    Args:
        classes: of the model.
        weights: "none", or what weights.load_trunk takes.
        align: alignment of the classes of the run `weights` with `classes`; None leaves the
            head at random.

    Raises:
        ValueError, FileNotFoundError: they can't be had or don't fit.
    """
    if align and not Path(weights).is_dir():
        raise ValueError(f"--align carries the head of a run over, and --weights={weights} is no "
                         "folder: name that of a run")
    if weights != "none":
        load_trunk(model, weights)
    if align:
        run, spec = load(Path(weights))
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
    kernel, bias = run.get_layer(network.PREDICTIONS).get_weights()
    head = model.get_layer(network.PREDICTIONS)
    new_kernel, new_bias = head.get_weights()
    for place in aligned.reached:
        members = aligned.members(place)
        new_kernel[:, place] = kernel[:, members].mean(axis=1)
        new_bias[place] = bias[members].mean() + np.log(len(members))
    head.set_weights([new_kernel, new_bias])


def load_trunk(model: keras.Model, weights: str) -> None:
    """Fills all but the dense layer of an EfficientNetB0 built by `build`.

    Args:
        weights: "imagenet" (Keras' cache or a download), the folder of a run of
            this project, or a file: `.weights.h5` of
            `EfficientNetB0(include_top=False, weights=None)` or the official
            `efficientnetb0_notop.h5`.

    Raises:
        ValueError, FileNotFoundError: they can't be had or don't fit.
    """
    if model.name != "efficientnet_b0":
        raise ValueError(f"{model.name} is trained from scratch: use --weights=none")
    source = _imagenet_trunk() if weights == "imagenet" else _trunk_from(Path(weights))
    for layer in source.layers:
        # The official graph has one Rescaling more; Normalization is always ours.
        if layer.weights and layer.name != network.PREDICTIONS and (
                "normalization" not in layer.name):
            model.get_layer(layer.name).set_weights(layer.get_weights())


def _imagenet_trunk() -> keras.Model:
    try:
        return keras.applications.EfficientNetB0(include_top=False, weights="imagenet")
    except Exception as error:  # Keras raises a bare Exception when a download fails
        raise ValueError(
            f"ImageNet weights could not be had: {str(error).splitlines()[0]}. Put "
            "efficientnetb0_notop.h5 into ~/.keras/models, or name a file or a run's folder "
            "with --weights, or train from scratch with --weights=none") from error


def _trunk_from(path: Path) -> keras.Model:
    if path.is_dir():
        model, spec = load(path)
        if spec.architecture != "efficientnet_b0":
            raise ValueError(f"{path}: holds a {spec.architecture}; --weights needs a run of "
                             "efficientnet_b0")
        return model
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such weights; --weights takes imagenet, none, a "
                                ".weights.h5 file or the folder of a run")
    trunk = keras.applications.EfficientNetB0(include_top=False, weights=None)
    weight_files.load(trunk, path)
    return trunk


def save(model: keras.Model, spec: Spec, run_dir: Path, **provenance) -> None:
    """Writes `model.weights.h5` and, last, `model.json` with its sha256 into `run_dir`.

    Args:
        provenance: what else the JSON should say, e.g. where the weights come from.
    """
    weights = Path(run_dir) / "model.weights.h5"
    weight_files.save(model, weights)
    description = {**dataclasses.asdict(spec), "weights_sha256": files.sha256(weights),
                   **provenance}
    files.write_text(Path(run_dir) / "model.json", json.dumps(description, indent=2) + "\n")


def load(run_dir: Path) -> tuple[keras.Model, Spec]:
    """Rebuilds the model that `save` wrote into `run_dir`.

    Raises:
        FileNotFoundError: `run_dir` holds no finished model.
        ValueError: the weights are not the ones that `model.json` names.
    """
    path = Path(run_dir) / "model.json"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: not found; is {run_dir} the folder of a finished "
                                "training (python -m fashionclf.train)?")
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
        spec = Spec(**{field.name: description[field.name] for field in dataclasses.fields(Spec)
                       if field.name in description})
        expected = description["weights_sha256"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} does not describe a model of this project ({error!r:.200}); "
                         "restore it or train again") from error
    weights = path.with_name("model.weights.h5")
    if not weights.is_file() or files.sha256(weights) != expected:
        raise ValueError(f"{weights}: missing, or not the file that {path.name} describes "
                         "(sha256 differs); restore it or train again")
    model = network.build(spec)
    weight_files.load(model, weights)
    return model, spec
