"""The trunk's Keras weights as plain arrays, with what the trunk makes of drawn pictures."""
from pathlib import Path

import keras
import numpy as np

from fashionclf.model import network
from fashionclf.model.spec import Spec
from fashionclf.model.weights import load_trunk

CHECKED = 2  # pictures


def write(weights: str, file: Path, *, image_size: int, seed: int = 0) -> None:
    """Writes an .npz that torch_network reads; an existing one is left as it is.

    It holds "<layer>/<variable>" for each weight of EfficientNetB0 below its
    pooling; "pictures", float32 [CHECKED, S, S, 3], 0..255, of smooth noise; and
    "features", float32 [CHECKED, 1280], what Keras pools from them.

    Args:
        weights: a .weights.h5 file, or "none" for random weights by `seed`.
    """
    if file.is_file():
        return
    keras.utils.set_random_seed(seed)
    spec = Spec("efficientnet_b0", ["any"], image_size, 0.0)
    model = network.build(spec)
    if weights != "none":
        load_trunk(model, weights)
    arrays = {f"{layer.name}/{variable.name}": variable.numpy()
              for layer in model.layers for variable in layer.variables
              if layer.name != network.PREDICTIONS and "normalization" not in layer.name}
    pictures = _pictures(image_size, np.random.default_rng(seed))
    features = keras.Model(model.input, model.get_layer(network.FEATURES).output)
    partial = file.with_suffix(".incomplete.npz")
    np.savez(partial, **arrays, pictures=pictures, features=features(pictures, training=False))
    partial.rename(file)


def _pictures(image_size: int, rng: np.random.Generator) -> np.ndarray:
    coarse = rng.uniform(0, 255, (CHECKED, 8, 8, 3)).astype(np.float32)
    return np.array(keras.ops.image.resize(coarse, (image_size, image_size)))
