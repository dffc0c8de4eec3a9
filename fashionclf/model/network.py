"""Builds the networks, freezes and unfreezes their blocks, and cuts out parts."""
import keras
import numpy as np

from fashionclf.model import fewer_passes
from fashionclf.model.spec import EFFICIENTNETS, Spec

FEATURES, PREDICTIONS = "features", "predictions"  # names of the last two layers
DROP_CONNECT_RATE = 0.2  # of each keras.applications.EfficientNet
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def build(spec: Spec) -> keras.Model:
    """Builds the network with random weights: float32 [B, S, S, 3], RGB, 0..255 -> logits [B, C].

    The layer "features" outputs the input of the dense layer "predictions".
    """
    shape = (spec.framing.image_size, spec.framing.image_size, 3)
    if spec.architecture in EFFICIENTNETS:
        inputs, feature_maps = _efficientnet(spec.architecture, shape)
    else:
        inputs, feature_maps = _baseline_cnn(shape)
    features = keras.layers.GlobalAveragePooling2D(name=FEATURES)(feature_maps)
    logits = keras.layers.Dense(len(spec.classes), name=PREDICTIONS, dtype="float32")(features)
    return keras.Model(inputs, logits, name=spec.architecture)


def efficientnet(architecture: str, **options) -> keras.Model:
    """Returns Keras's network without its top, e.g. EfficientNetB0 of "efficientnet_b0"."""
    name = architecture.replace("efficientnet_b", "EfficientNetB")
    return getattr(keras.applications, name)(include_top=False, **options)


def _efficientnet(architecture, shape):
    trunk = efficientnet(architecture, weights=None, input_shape=shape)
    trunk = keras.models.clone_model(trunk, clone_function=_of_ours)

    # Weight files differ in convention: the graph of weights="imagenet" divides by sqrt(std) twice,
    # in an extra Rescaling layer; variance = std**2 in the graph of weights=None is equivalent.
    layer = next(layer for layer in trunk.layers if isinstance(layer, keras.layers.Normalization))
    layer.set_weights([np.array(IMAGENET_MEAN), np.array(IMAGENET_STD) ** 2, np.array(0)])
    layer.finalize_state()  # otherwise the new statistics are ignored
    return trunk.input, trunk.output


class StochasticDepth(keras.layers.Layer):
    """Drops a residual branch of whole examples (Huang et al., 2016).

    It replaces Keras's Dropout, whose random numbers a resumed training could not repeat.

    Attributes:
        keep: float32 [B, 1, 1, 1], factors of the branch; the training step sets them while
            it is traced. None, the default, leaves the branch unchanged.
    """

    def __init__(self, depth: float, **kwargs):
        """Takes the position of the branch in the network, from 0 (start) to 1 (end)."""
        super().__init__(**kwargs)
        self.depth, self.keep = depth, None

    def call(self, branch):
        return branch if self.keep is None else branch * keras.ops.cast(self.keep, branch.dtype)


def _of_ours(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Returns the layer of ours that stands for one of Keras's."""
    if isinstance(layer, keras.layers.Dropout):  # its rate grows with depth to DROP_CONNECT_RATE
        return StochasticDepth(layer.rate / DROP_CONNECT_RATE, name=layer.name)
    kind = fewer_passes.CLASSES.get(type(layer).__name__, type(layer))
    return kind.from_config(layer.get_config())


def _baseline_cnn(shape):
    """Builds the slides' network: four convolutions, each followed by pooling."""
    inputs = keras.Input(shape)
    feature_maps = keras.layers.Rescaling(1 / 255)(inputs)
    for filters in (32, 64, 128, 128):
        convolution = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")
        feature_maps = keras.layers.MaxPooling2D()(convolution(feature_maps))
    return inputs, feature_maps


def unfreeze_from(model: keras.Model, block: str | None) -> None:
    """Unfreezes all layers from the first of `block` on and freezes the others.

    BatchNorm is always frozen. `None` unfreezes only the dense layer, "stem" all layers. Only steps
    traced afterwards are affected. Raises ValueError if no layer's name starts with `block`.
    """
    first = model.layers.index(first_trained(model, block))
    for i, layer in enumerate(model.layers):
        layer.trainable = i >= first and not isinstance(layer, keras.layers.BatchNormalization)


def first_trained(model: keras.Model, block: str | None) -> keras.layers.Layer:
    """Returns the first layer that `unfreeze_from` makes trainable, or raises its ValueError."""
    first = block or PREDICTIONS
    trained = next((layer for layer in model.layers if layer.name.startswith(first)), None)
    if trained is None:
        blocks = sorted({layer.name.split("_")[0] for layer in model.layers
                         if layer.name.startswith("block")})
        raise ValueError(f"no layer of {model.name} starts with {first!r}; "
                         f"it has stem, {', '.join(blocks) or 'conv2d'}, top, {PREDICTIONS}")
    return trained


def blocks_above(model: keras.Model) -> list[int]:
    """Returns, for each trainable variable, how many blocks are between it and the features.

    The dense layer counts as "top" does, 0; block7a is 1, block6d 2, the stem of B0 17.
    """
    names = [variable.path.split("/")[-2].split("_")[0] for variable in model.trainable_variables]
    downwards = list(dict.fromkeys(reversed(names)))
    return [max(0, downwards.index(name) - 1) for name in names]


def part(model: keras.Model, enters: str | None, output: str) -> keras.Model:
    """Returns the layers from `enters` (None: from the picture) to `output`, sharing weights."""
    inputs = model.get_layer(enters).input if enters else model.input
    outputs = model.get_layer(output).output
    if inputs is outputs:
        return keras.Sequential([keras.layers.Identity()])
    return keras.Model(inputs, outputs)


def adjust_logits(model: keras.Model, counts: np.ndarray, strength: float) -> None:
    """Subtracts strength * log(share) from the head's bias: rare classes are answered more often.

    Post-hoc logit adjustment (Menon et al., 2021), which raises the mean recall of the classes and
    usually costs some accuracy.

    Args:
        counts: int [C], training pictures of each class; none is counted as one.
        strength: 0 for no change, 1 for classes as if they were equally frequent.
    """
    shares = np.maximum(counts, 1) / np.maximum(counts, 1).sum()
    bias = model.get_layer(PREDICTIONS).bias
    bias.assign(bias.numpy() - strength * np.log(shares))
