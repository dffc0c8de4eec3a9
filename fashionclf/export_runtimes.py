"""Runs what export_formats wrote, each format in its own runtime."""
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

Run = Callable[[np.ndarray], np.ndarray]
"""float32 [B, S, S, 3], RGB, 0..255 -> float32 [B, C]; for "serving_default" bytes, object [B]."""


def start(name: str, path: Path, *, signature: str = "images") -> Run:
    """Loads a format of export_formats.FILES; all cores work for it.

    Args:
        signature: of a SavedModel; others have one.
    """
    if name == "saved_model":
        return _start_saved_model(path, signature)
    return _start_onnx(path) if name == "onnx" else _start_litert(path)


def _start_saved_model(path: Path, signature: str) -> Run:
    loaded = tf.saved_model.load(str(path))

    def run(batch: np.ndarray) -> np.ndarray:
        function = loaded.signatures[signature]  # looked up here, as it doesn't keep `loaded`
        return function(tf.constant(batch))["probabilities"].numpy()
    return run


def _start_onnx(path: Path) -> Run:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (inputs,) = session.get_inputs()
    return lambda batch: session.run(None, {inputs.name: batch})[0]


def _start_litert(path: Path) -> Run:
    """One picture at a time, as a phone does; its kernels gain nothing from batches."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=os.cpu_count())
    interpreter.allocate_tensors()
    (inputs,), (outputs,) = interpreter.get_input_details(), interpreter.get_output_details()

    def one(picture: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(inputs["index"], picture[None])
        interpreter.invoke()
        return interpreter.get_tensor(outputs["index"])[0]
    return lambda batch: np.stack([one(picture) for picture in batch])
