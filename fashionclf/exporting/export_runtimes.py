"""Starts exports in their own runtimes, by the names of their input and outputs."""
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from fashionclf.deployment import engines
from fashionclf.deployment.exported import INPUT, OUTPUTS
from fashionclf.system import places

# float32 [B, S, S, 3], RGB, 0..255 -> float32 [B, C] and [B, D]; for a SavedModel's
# "serving_default" from the bytes of files, object [B]
Runtime = Callable[[np.ndarray], list[np.ndarray]]


def start(name: str, path: Path, *, signature: str = INPUT) -> Runtime:
    """Loads a format of export_formats.FILES, to run on all cores; `signature` of a SavedModel."""
    kind = name.partition("_")[0]
    return {"saved": _saved_model, "onnx": _onnx, "litert": _litert}[kind](path, signature)


def _saved_model(path: Path, signature: str) -> Runtime:
    with places.no_pattern(path) as same:
        loaded = tf.saved_model.load(same)

    def run(batch: np.ndarray) -> list[np.ndarray]:
        function = loaded.signatures[signature]  # looked up here, as it doesn't keep `loaded`
        answer = function(tf.constant(batch))
        return [answer[output].numpy() for output in OUTPUTS]
    return run


def _onnx(path: Path, _) -> Runtime:
    return engines.open_onnx(path, os.cpu_count())


def _litert(path: Path, _) -> Runtime:
    """Runs one picture at a time, as on a phone; larger batches are slower by picture."""
    network = engines.open_litert(path, os.cpu_count())

    def run(batch: np.ndarray) -> list[np.ndarray]:
        return list(map(np.concatenate, zip(*(network(picture[None]) for picture in batch))))
    return run
