"""A model in the formats of other runtimes: SavedModel, ONNX, LiteRT in float32 and in int8.

All take "images", float32 [B, S, S, 3], RGB, 0..255, and give probabilities, float32 [B, C]:
normalization, the look at the mirror image and the temperature are inside. A SavedModel takes
undecoded files too.
"""
import contextlib
import functools
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from fashionclf.model import calibration, inference
from fashionclf.model.spec import Spec
from fashionclf.pictures import decoding

FILES = {"saved_model": "saved_model", "onnx": "model.onnx", "litert": "model.tflite",
         "litert_int8": "model_int8.tflite"}
LABELS = "labels.txt"
EXTRAS = {"onnx": ("onnx", ("tf2onnx", "onnxruntime")),  # format -> extra, what it brings
          "litert": ("litert", ("ai_edge_litert",)),
          "litert_int8": ("litert", ("ai_edge_litert", "ai_edge_quantizer"))}
# In int8: the network up to the logits. What follows stays in float, as it takes the logarithm
# of probabilities, of which 256 steps leave only the largest.
INT8_OPERATIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "MUL", "LOGISTIC",
                   "MEAN", "RESHAPE", "PAD", "MAX_POOL_2D")
# Not in int8: the first blocks of EfficientNet. Swish has no upper bound, and here a few channels
# reach 70 to 130 while the median one stays below 9. An activation tensor has one scale: a step of
# it is more than all that up to a third of the channels vary by.
IN_FLOAT = "stem|block1a|block2a|rescaling|normalization"


def check_installed(name: str) -> None:
    """Raises ValueError, with the pip command, where a format's libraries are absent."""
    extra, modules = EXTRAS.get(name, ("", ()))
    absent = [module for module in modules if not find_spec(module)]
    if absent:
        raise ValueError(f"--format={name} needs {', '.join(absent)}: "
                         f"pip install 'fashionclf[{extra}]'")


def with_probabilities(model: keras.Model, spec: Spec) -> keras.Model:
    """What inference.Predictor does with `model`, as one graph.

    Returns:
        "images", float32 [B, S, S, 3], RGB, 0..255 -> float32 [B, C], rows sum to one.
    """
    _hold_statistics_as_arrays(model)
    pictures = keras.Input(model.input_shape[1:], name="images")
    seen = pictures
    if spec.mirrored:  # one batch, not two calls: the weights are stored once
        seen = keras.ops.concatenate([pictures, keras.ops.flip(pictures, axis=2)], axis=0)
    found = keras.ops.softmax(keras.ops.cast(model(seen), "float32"))
    if spec.mirrored:
        found = keras.ops.mean(keras.ops.reshape(found, (2, -1, len(spec.classes))), axis=0)
    if spec.temperature != 1.0:
        logarithms = keras.ops.log(keras.ops.maximum(found, calibration.TINY))
        found = keras.ops.softmax(logarithms / spec.temperature)
    return keras.Model(pictures, found, name="fashionclf")


def _hold_statistics_as_arrays(model: keras.Model) -> None:
    """Keras 3.15 holds them as tensors, which tf2onnx takes for further inputs of the model."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.mean, layer.variance = np.asarray(layer.mean), np.asarray(layer.variance)


def write(name: str, model: keras.Model, spec: Spec, folder: Path, *,
          calibrate_on: Callable[[], Iterable[np.ndarray]]) -> Path:
    """Writes a format into `folder`, which has LABELS already.

    Args:
        name: one of FILES.
        model: of with_probabilities.
        calibrate_on: gives pictures, each float32 [1, S, S, 3], RGB, 0..255; for int8 only.

    Returns:
        The file, or of a SavedModel the folder.
    """
    path = folder / FILES[name]
    if name == "saved_model":
        _write_saved_model(model, spec, path, folder / LABELS)
    elif name == "onnx":
        with warnings.catch_warnings():  # Keras looks whether NumPy still has an old name
            warnings.simplefilter("ignore", FutureWarning)
            model.export(path, format="onnx", verbose=False, input_signature=_takes(model))
    elif name == "litert":
        model.export(path, format="litert", verbose=False)
    else:
        _write_litert_int8(model, path, calibrate_on())
    return path


def _takes(model: keras.Model) -> list[tf.TensorSpec]:
    """Without a given signature Keras refuses a model that was never called, for ONNX."""
    return [tf.TensorSpec(model.input_shape, tf.float32, name="images")]


def _write_saved_model(model: keras.Model, spec: Spec, path: Path,
                       labels: Path) -> None:
    """Two signatures, "serving_default" on files and "images" on pictures, and `labels`.

    "serving_default" takes `encoded`, string [B], the bytes of JPEG, PNG or WEBP files, and
    sees whole pictures, as predict does (a file that can't be decoded is an error of its whole
    batch); "images" takes `images`. Both give `probabilities`. Weights are constants of the
    graph, as in inference.Predictor, and stored once for both.
    """
    probabilities = tf.function(inference.with_constants(model), input_signature=_takes(model))
    load = functools.partial(decoding.load, image_size=spec.image_size, box_margin=0.0)

    @tf.function(input_signature=_takes(model))
    def of_images(pictures):
        return {"probabilities": probabilities(pictures)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="encoded")])
    def of_files(encoded):
        loaded = tf.map_fn(
            lambda one: load(one, tf.zeros(4, tf.int32)), encoded,
            fn_output_signature=tf.TensorSpec(model.input_shape[1:], tf.float32))
        return {"probabilities": probabilities(loaded)}

    served = tf.Module(name="fashionclf")
    served.labels = tf.saved_model.Asset(str(labels))
    tf.saved_model.save(served, str(path),
                        signatures={"serving_default": of_files, "images": of_images})


def _write_litert_int8(model: keras.Model, path: Path, pictures: Iterable[np.ndarray]) -> None:
    """Weights (a scale a channel) and activations (one a tensor) of INT8_OPERATIONS in int8.

    Input and output, and what IN_FLOAT names, stay float32.
    """
    from ai_edge_quantizer import qtyping, quantizer

    with (tempfile.TemporaryDirectory() as folder,
          contextlib.redirect_stdout(sys.stderr)):  # it prints sizes of its own
        in_float = Path(folder) / FILES["litert"]
        model.export(in_float, format="litert", verbose=False)
        work = quantizer.Quantizer(str(in_float))
        for operation in INT8_OPERATIONS:
            work.add_static_config(
                regex=f"^(?!.*({IN_FLOAT}))", operation_name=qtyping.TFLOperationName(operation),
                activation_num_bits=8, weight_num_bits=8)
        ranges = work.calibrate({"serving_default": [{"images": one} for one in pictures]})
        path.write_bytes(work.quantize(ranges).quantized_model)
