"""The trunk's Keras weights as plain arrays, with its features of some noise to compare with."""
from pathlib import Path

import keras
import numpy as np

from fashionclf.model import network
from fashionclf.model.spec import Spec
from fashionclf.model.weights import load_trunk
from fashionclf.pictures.framing import Framing
from fashionclf.system import files

CHECKED = 2  # pictures


def write(weights: str, file: Path, *, image_size: int, seed: int = 0) -> None:
    """Writes an .npz for torch_network; an existing one is left as it is.

    It has "<layer>/<variable>" for each weight of EfficientNetB0 below its pooling; "pictures",
    float32 [CHECKED, S, S, 3], 0..255, of smooth noise; and "features", float32 [CHECKED, 1280],
    which Keras pools from them.

    Args:
        weights: a .weights.h5 file, or "none" for random weights by `seed`.
    """
    if file.is_file():
        return

    keras.utils.set_random_seed(seed)
    spec = Spec(architecture="efficientnet_b0", classes=["any"],
                framing=Framing(image_size=image_size, box_margin=0.0))
    model = network.build(spec)
    if weights != "none":
        load_trunk(model, weights)

    arrays = {f"{layer.name}/{variable.name}": variable.numpy()
              for layer in model.layers for variable in layer.variables
              if layer.name != network.PREDICTIONS and "normalization" not in layer.name}
    pictures = _pictures(image_size, np.random.default_rng(seed))
    pool = keras.Model(model.input, model.get_layer(network.FEATURES).output)
    with files.replaced(file) as partial:
        np.savez(partial, **arrays, pictures=pictures, features=pool(pictures, training=False))


def _pictures(image_size: int, rng: np.random.Generator) -> np.ndarray:
    coarse = rng.uniform(0, 255, (CHECKED, 8, 8, 3)).astype(np.float32)
    return np.array(keras.ops.image.resize(coarse, (image_size, image_size)))
