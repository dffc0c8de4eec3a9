"""Loads the weights that a training starts from, and saves and loads finished runs.

A network is rebuilt from code and model.json; only weights are loaded from files.
"""
import dataclasses
from pathlib import Path

import keras
import numpy as np

from fashionclf.model import network
from fashionclf.model import spec as specs
from fashionclf.model import weight_files
from fashionclf.model.inference import Predictor
from fashionclf.model.spec import Spec
from fashionclf.sources import alignment
from fashionclf.sources.alignment import Alignment
from fashionclf.system import files


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """A network of network.build, with its spec and the run folder of its training."""
    folder: Path
    network: keras.Model
    spec: Spec
    provenance: dict = dataclasses.field(default_factory=dict)  # further fields of model.json
    compiled: Predictor | None = None  # see `ready_for`

    @property
    def num_features(self) -> int:
        """D of the pooled features, float32 [B, D], of `predictor()`."""
        return self.network.get_layer(network.FEATURES).output.shape[-1]

    def at_temperature(self, temperature: float) -> "Run":
        """Returns the same network with another temperature in its spec."""
        return dataclasses.replace(
            self, spec=dataclasses.replace(self.spec, temperature=temperature))

    def ready_for(self, pictures: int) -> "Run":
        """Returns the run with its current weights compiled once for all its predictors.

        Args:
            pictures: how many, about, they will predict.
        """
        return self if self.compiled else dataclasses.replace(self, compiled=Predictor(
            self.network, mirrored=self.spec.mirrored, fixed=True, features=True,
            pictures=pictures))

    def predictor(self) -> Predictor:
        """Returns a Predictor of the current weights, or the `compiled` ones, as the spec says.

        It gives probabilities and features.
        """
        return self.ready_for(0).compiled.at_temperature(self.spec.temperature)


def save(run: Run) -> None:
    """Writes model.weights.h5, then model.json with its sha256."""
    save_description(run, save_weights(run))


def save_weights(run: Run) -> str:
    """Writes model.weights.h5; returns its sha256."""
    weights = run.folder / specs.WEIGHTS
    weight_files.save(run.network, weights)
    return files.sha256(weights)


def save_description(run: Run, weights_sha256: str) -> None:
    """Writes model.json."""
    description = {**run.spec.as_json(), "weights_sha256": weights_sha256, **run.provenance}
    files.write_json(run.folder / specs.MODEL, description, indent=2)


def load(run_dir: str | Path) -> Run:
    """Rebuilds what `save` wrote into `run_dir`.

    Raises as spec.read does, or ValueError if model.json describes other weights.
    """
    folder = Path(run_dir)
    spec, expected, provenance = specs.read(folder)
    weights = folder / specs.WEIGHTS
    if not weights.is_file() or files.sha256(weights) != expected:
        raise ValueError(f"{weights}: missing, or not the file that {specs.MODEL} describes "
                         "(sha256 differs); restore it or train again")

    model = network.build(spec)
    weight_files.load(model, weights)
    return Run(folder=folder, network=model, spec=spec, provenance=provenance)


def warm_start(model: keras.Model, classes: list[str], weights: str,
               align: str | None = None) -> None:
    """Initialises the trunk of `model` and, with `align`, the head of its known classes.

    Args:
        weights: "none", or as for `load_trunk`, which raises if they don't fit.
        align: aligns the classes of the run `weights` with `classes`, the model's, as
            alignment.read does; None leaves the head random.
    """
    if align and not Path(weights).is_dir():
        raise ValueError(f"--align needs the head of a run, but --weights={weights} is not the "
                         "folder of a run: name one, or leave out --align")
    if weights != "none":
        load_trunk(model, weights)
    if not align:
        if Path(weights).is_dir() and set(specs.read(Path(weights))[0].classes) == set(classes):
            print(f"head: starts at random, although {weights} has the same classes; "
                  f"--align={alignment.SAME} starts from its head", flush=True)
        return

    run = load(weights)
    aligned = alignment.read(align, run.spec.classes, classes)
    carry_head(run.network, model, aligned)
    fresh = [name for name in classes if name not in aligned.reached_classes]
    print(f"head: {len(aligned.reached)} of {len(classes)} classes start from {weights}, by "
          f"{align}; at random: {', '.join(fresh) or 'none'}", flush=True)


def carry_head(run: keras.Model, model: keras.Model, aligned: Alignment) -> None:
    """Initialises the head of `model` for the classes that `run` has; others stay unchanged.

    A class that unites n classes of the run starts with the logit mean_i(z_i) + log n. By
    Jensen's inequality that is at most log sum_i(exp z_i), the logit of their union, and equals
    it if the run finds them equally likely.
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
    """Loads all but the dense layer of a network built by network.build.

    Args:
        weights: the folder of a run with the same architecture; for an EfficientNet also
            "imagenet" (Keras' cache or a download) or a file: `.weights.h5` of, for example,
            `EfficientNetB0(include_top=False, weights=None)` or the official
            `efficientnetb0_notop.h5`.

    Raises:
        ValueError, FileNotFoundError: the weights are not available or don't fit.
    """
    if weights != "imagenet" and Path(weights).is_dir():
        source = load(weights)
        if source.spec.architecture != model.name:
            raise ValueError(f"{weights}: holds a {source.spec.architecture}; --weights needs a "
                             f"run of {model.name}")
        layers = source.network.layers
        # In order, as Keras numbers the layers of each small CNN anew
        own = {layer.name: ours for layer, ours in zip(layers, model.layers, strict=True)}
    elif model.name in specs.EFFICIENTNETS:
        trunk = (_imagenet_trunk(model.name) if weights == "imagenet" else
                 _trunk_of(model.name, Path(weights)))
        layers, own = trunk.layers, {layer.name: layer for layer in model.layers}
    else:
        raise ValueError(f"--weights={weights} is for an EfficientNet; {model.name} takes "
                         "--weights=none or the folder of a run")

    for layer in layers:
        # The official graph has an extra Rescaling; Normalization is set by network.build.
        left_out = layer.name == network.PREDICTIONS or "normalization" in layer.name
        if layer.weights and not left_out:
            own[layer.name].set_weights(layer.get_weights())


def _imagenet_trunk(architecture: str) -> keras.Model:
    try:
        return network.efficientnet(architecture, weights="imagenet")
    except Exception as error:  # Keras raises a bare Exception when a download fails
        raise ValueError(
            f"ImageNet weights could not be loaded: {str(error).splitlines()[0]}. Put "
            f"{architecture.replace('_', '')}_notop.h5 into ~/.keras/models, or name a file or a "
            "run's folder with --weights, or train from scratch with --weights=none") from error


def _trunk_of(architecture: str, path: Path) -> keras.Model:
    """Returns Keras's network with the weights of a file."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such weights; --weights takes imagenet, none, a "
                                ".weights.h5 file or the folder of a run")
    trunk = network.efficientnet(architecture, weights=None)
    weight_files.load(trunk, path)
    return trunk
