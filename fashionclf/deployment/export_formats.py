"""Writes a model for other runtimes: SavedModel, ONNX, LiteRT in float32 and in int8.

All take "images", float32 [B, S, S, 3], RGB, 0..255, and return probabilities, float32 [B, C]:
they include normalization, the average with the mirror image and the temperature. A SavedModel
also takes undecoded files.
"""
import contextlib
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from fashionclf.model import calibration, inference, network
from fashionclf.model.spec import WEIGHTS
from fashionclf.model.weights import Run
from fashionclf.pictures import decoding
from fashionclf.pictures.framing import Framing
from fashionclf.system import files

FILES = {"saved_model": "saved_model", "onnx": "model.onnx", "litert": "model.tflite",
         "litert_int8": "model_int8.tflite"}
LABELS = "labels.txt"
PREPROCESSING = (  # as pictures/decoding.py does
    "turn the picture by its EXIF orientation; lay transparency over white; RGB; crop to the box, "
    "if there is one, widened by box_margin; resize to image_size x image_size, ignoring the "
    "aspect ratio, bilinear with antialiasing; float32, 0 to 255")
# In int8: the network up to the logits. The temperature after them takes the logarithm of
# probabilities and stays in float: in 256 steps only the largest of them are not 0.
INT8_OPERATIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "MUL", "LOGISTIC",
                   "MEAN", "RESHAPE", "PAD", "MAX_POOL_2D")
# Not in int8: the first blocks of EfficientNet. Swish has no upper bound, and here a few channels
# reach 70 to 130 while the median channel stays below 9. An activation tensor has one scale, one
# step of which exceeds the whole range of up to a third of the channels.
IN_FLOAT = "stem|block1a|block2a|rescaling|normalization"


def write_labels(run: Run, folder: Path) -> None:
    """Writes LABELS: one class per line, in the order of the probabilities."""
    (folder / LABELS).write_text("".join(f"{name}\n" for name in run.spec.classes),
                                 encoding="utf-8")


def describe(run: Run, folder: Path, facts: dict) -> None:
    """Writes export.json, last: the run's settings, `facts`, and the sha256 of each file."""
    description = {
        "run": str(run.folder), "image_size": run.spec.framing.image_size,
        "box_margin": run.spec.framing.box_margin, "mirrored": run.spec.mirrored,
        "temperature": run.spec.temperature, "preprocessing": PREPROCESSING,
        "weights_sha256": files.sha256(run.folder / WEIGHTS), **facts,
        "sha256": {file.relative_to(folder).as_posix(): files.sha256(file)
                   for file in sorted(folder.rglob("*")) if file.is_file()}}
    files.write_json(folder / "export.json", description, indent=2)


def with_probabilities(run: Run) -> keras.Model:
    """Builds one graph that returns the probabilities of the run's Predictor.

    Returns:
        "images", float32 [B, S, S, 3], RGB, 0..255 -> float32 [B, C], rows sum to one.
    """
    # A copy, so that the run's network does not change.
    model = network.build(run.spec)
    model.set_weights(run.network.get_weights())
    for layer in model.layers:
        # tf2onnx takes the tensors of Keras 3.15 for further inputs of the model.
        if isinstance(layer, keras.layers.Normalization):
            layer.mean, layer.variance = np.asarray(layer.mean), np.asarray(layer.variance)

    pictures = keras.Input(model.input_shape[1:], name="images")
    images = pictures
    if run.spec.mirrored:  # one batch, not two calls: the weights are stored once
        images = keras.ops.concatenate([pictures, keras.ops.flip(pictures, axis=2)], axis=0)

    outputs = keras.ops.softmax(keras.ops.cast(model(images), "float32"))
    if run.spec.mirrored:
        sides = keras.ops.reshape(outputs, (2, -1, len(run.spec.classes)))
        outputs = keras.ops.mean(sides, axis=0)

    if run.spec.temperature != 1.0:
        logarithms = keras.ops.log(keras.ops.maximum(outputs, calibration.TINY))
        outputs = keras.ops.softmax(logarithms / run.spec.temperature)
    return keras.Model(pictures, outputs, name="fashionclf")


def write(name: str, model: keras.Model, framing: Framing, folder: Path, *,
          calibrate_on: Callable[[], Iterable[np.ndarray]]) -> Path:
    """Writes a format into `folder`, which already contains LABELS.

    Args:
        name: one of FILES.
        model: of with_probabilities.
        calibrate_on: returns pictures, each float32 [S, S, 3], RGB, 0..255; for int8 only.

    Returns:
        The file, or the folder of a SavedModel.
    """
    path = folder / FILES[name]
    if name == "saved_model":
        _write_saved_model(model, framing, path, folder / LABELS)
    elif name == "onnx":
        with warnings.catch_warnings():  # Keras asks for an old name of NumPy's
            warnings.simplefilter("ignore", FutureWarning)
            model.export(path, format="onnx", verbose=False, input_signature=_takes(model))
    elif name == "litert":
        model.export(path, format="litert", verbose=False)
    else:
        _write_litert_int8(model, path, calibrate_on())
    return path


def _takes(model: keras.Model) -> list[tf.TensorSpec]:
    """Returns the signature, without which Keras exports no uncalled model to ONNX."""
    return [tf.TensorSpec(model.input_shape, tf.float32, name="images")]


def _write_saved_model(model: keras.Model, framing: Framing, path: Path, labels: Path) -> None:
    """Writes two signatures, "serving_default" on files and "images" on pictures, and `labels`.

    "serving_default" takes `encoded`, string [B], the bytes of JPEG, PNG or WEBP files, and uses
    whole pictures, as predict does (a file that can't be decoded fails its whole batch); "images"
    takes `images`. Both return `probabilities`. Weights are constants of the graph, as in
    inference.Predictor, and stored once for both.
    """
    probabilities = tf.function(inference.with_constants(model), input_signature=_takes(model))

    @tf.function(input_signature=_takes(model))
    def of_images(pictures):
        return {"probabilities": probabilities(pictures)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="encoded")])
    def of_files(encoded):
        loaded = tf.map_fn(
            lambda content: decoding.load(content, decoding.NO_BOX, framing), encoded,
            fn_output_signature=tf.TensorSpec(model.input_shape[1:], tf.float32))
        return {"probabilities": probabilities(loaded)}

    served = tf.Module(name="fashionclf")
    served.labels = tf.saved_model.Asset(str(labels))
    tf.saved_model.save(served, str(path),
                        signatures={"serving_default": of_files, "images": of_images})


def _write_litert_int8(model: keras.Model, path: Path, pictures: Iterable[np.ndarray]) -> None:
    """Quantizes INT8_OPERATIONS: weights with a scale per channel, activations with one per tensor.

    Input, output and the layers of IN_FLOAT stay float32.
    """
    from ai_edge_quantizer import qtyping, quantizer

    # The quantizer prints sizes.
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        in_float = Path(folder) / FILES["litert"]
        model.export(in_float, format="litert", verbose=False)

        work = quantizer.Quantizer(str(in_float))
        for operation in INT8_OPERATIONS:
            work.add_static_config(
                regex=f"^(?!.*({IN_FLOAT}))", operation_name=qtyping.TFLOperationName(operation),
                activation_num_bits=8, weight_num_bits=8)

        inputs = [{"images": picture[None]} for picture in pictures]
        ranges = work.calibrate({"serving_default": inputs})
        path.write_bytes(work.quantize(ranges).quantized_model)
