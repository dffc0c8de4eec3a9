"""The networks: build, load a trunk, freeze and unfreeze, save and load.

A model is rebuilt from code and `model.json`; only weights are ever loaded.
"""
import dataclasses
import json
from pathlib import Path

import keras
import numpy as np

from fashionclf import checksums, files, weight_files

MOST_CLASSES = 10_000
ARCHITECTURES = ("efficientnet_b0", "baseline_cnn")
FEATURES, PREDICTIONS = "features", "predictions"  # names of the last two layers
DROP_CONNECT_RATE = 0.2  # of keras.applications.EfficientNetB0
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclasses.dataclass(frozen=True)
class Spec:
    """All that is needed to rebuild a model and to feed it.

    Attributes:
        architecture: one of ARCHITECTURES.
        classes: names in the order of the labels.
        image_size: side of the square input, in pixels.
        box_margin: share by which boxes are widened before cropping.
        mirrored: whether a prediction is the mean over a picture and its mirror
            image, at twice the time.
        temperature: divides the logarithms of the probabilities, see calibration.
    """
    architecture: str
    classes: list[str]
    image_size: int
    box_margin: float
    mirrored: bool = False
    temperature: float = 1.0

    def __post_init__(self):
        """Raises ValueError where a value is not what the fields above allow."""
        holds = {
            "architecture": self.architecture in ARCHITECTURES,
            "classes": isinstance(self.classes, list) and 0 < len(self.classes) <= MOST_CLASSES
            and all(isinstance(name, str) for name in self.classes),
            "image_size": type(self.image_size) is int and 32 <= self.image_size <= 2048,
            "box_margin": type(self.box_margin) in (int, float) and 0 <= self.box_margin <= 10,
            "mirrored": type(self.mirrored) is bool,
            "temperature": type(self.temperature) in (int, float) and 0 < self.temperature < 1e3}
        for name, holds_true in holds.items():
            if not holds_true:
                raise ValueError(f"{name} cannot be {getattr(self, name)!r:.100}")


def build(spec: Spec) -> keras.Model:
    """Builds the network with random weights.

    Returns:
        float32 [B, S, S, 3], RGB, 0..255 -> float32 logits [B, C]. The layer
        "features" gives what the dense layer "predictions" sees.
    """
    shape = (spec.image_size, spec.image_size, 3)
    trunk = {"efficientnet_b0": _efficientnet_b0, "baseline_cnn": _baseline_cnn}
    inputs, maps = trunk[spec.architecture](shape)
    features = keras.layers.GlobalAveragePooling2D(name=FEATURES)(maps)
    logits = keras.layers.Dense(len(spec.classes), name=PREDICTIONS, dtype="float32")(features)
    return keras.Model(inputs, logits, name=spec.architecture)


def _efficientnet_b0(shape):
    trunk = keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=shape)
    trunk = keras.models.clone_model(trunk, clone_function=_with_stochastic_depth)
    _normalize_as_imagenet(trunk)
    return trunk.input, trunk.output


class StochasticDepth(keras.layers.Layer):
    """Drops a residual branch of whole examples (Huang et al., 2016).

    It stands where Keras has a Dropout, whose draws a resumed training could not repeat.

    Attributes:
        depth: place of the branch in the network, 0 at its start to 1 at its end.
        keep: float32 [B, 1, 1, 1], factors of the branches; the training step sets it
            while it is traced. None, as everywhere else, lets the branch pass.
    """

    def __init__(self, depth: float, **kwargs):
        super().__init__(**kwargs)
        self.depth, self.keep = depth, None

    def call(self, branch):
        return branch if self.keep is None else branch * keras.ops.cast(self.keep, branch.dtype)


def _with_stochastic_depth(layer: keras.layers.Layer) -> keras.layers.Layer:
    if isinstance(layer, keras.layers.Dropout):  # its rate grows to DROP_CONNECT_RATE
        return StochasticDepth(layer.rate / DROP_CONNECT_RATE, name=layer.name)
    return layer.__class__.from_config(layer.get_config())


def _normalize_as_imagenet(model: keras.Model) -> None:
    """Sets the input statistics, which weight files may hold in another convention.

    The graph of weights="imagenet" divides by sqrt(std) twice, with an extra
    Rescaling layer; variance = std**2 in the graph of weights=None is the same.
    """
    layer = next(x for x in model.layers if isinstance(x, keras.layers.Normalization))
    layer.set_weights([np.array(IMAGENET_MEAN), np.array(IMAGENET_STD) ** 2, np.array(0)])
    layer.finalize_state()  # without this the new statistics are not used


def _baseline_cnn(shape):
    """The seeds' network from scratch: four convolutions with pooling between them."""
    inputs = keras.Input(shape)
    x = keras.layers.Rescaling(1 / 255)(inputs)
    for filters in (32, 64, 128, 128):
        x = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = keras.layers.MaxPooling2D()(x)
    return inputs, x


def unfreeze_from(model: keras.Model, block: str | None) -> None:
    """Makes the layers from the first of `block` on trainable, and no other.

    BatchNorm stays frozen everywhere. `None` leaves only the dense layer
    trainable, "stem" frees all. Takes effect in steps traced afterwards.

    Raises:
        ValueError: no layer's name starts with `block`.
    """
    first = model.layers.index(first_trained(model, block))
    for i, layer in enumerate(model.layers):
        layer.trainable = i >= first and not isinstance(layer, keras.layers.BatchNormalization)


def first_trained(model: keras.Model, block: str | None) -> keras.layers.Layer:
    """The lowest layer that `unfreeze_from` makes trainable; raises ValueError like it."""
    first = block or PREDICTIONS
    found = next((layer for layer in model.layers if layer.name.startswith(first)), None)
    if found is None:
        blocks = sorted({layer.name.split("_")[0] for layer in model.layers
                         if layer.name.startswith("block")})
        raise ValueError(f"no layer of {model.name} starts with {first!r}; "
                         f"it has stem, {', '.join(blocks) or 'conv2d'}, top, {PREDICTIONS}")
    return found


def part(model: keras.Model, enters: str | None, output: str) -> keras.Model:
    """The part of `model`, with its weights, that ends with the layer `output`.

    Args:
        enters: the layer that takes in the input, which is then what comes to it in `model`;
            None for a picture.
    """
    inputs, outputs = (model.get_layer(enters).input if enters else model.input,
                       model.get_layer(output).output)
    if inputs is outputs:
        return keras.Sequential([keras.layers.Identity()])
    return keras.Model(inputs, outputs)


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
        if layer.name != PREDICTIONS and layer.weights and "normalization" not in layer.name:
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
    description = {**dataclasses.asdict(spec), "weights_sha256": checksums.sha256(weights),
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
    if not weights.is_file() or checksums.sha256(weights) != expected:
        raise ValueError(f"{weights}: missing, or not the file that {path.name} describes "
                         "(sha256 differs); restore it or train again")
    model = build(spec)
    weight_files.load(model, weights)
    return model, spec
