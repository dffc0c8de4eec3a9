"""Writes a model for other runtimes: SavedModel, ONNX, LiteRT in float32 and in int8.

All take "images" and return "probabilities" and "features", as export_graph says: they include
normalization, the average with the mirror image and the temperature. A SavedModel also takes
undecoded files.
"""
import contextlib
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import tensorflow as tf

from fashionclf.deployment import export_graph
from fashionclf.model.spec import WEIGHTS
from fashionclf.model.weights import Run
from fashionclf.pictures import decoding
from fashionclf.pictures.framing import Framing
from fashionclf.system import files

FILES = {"saved_model": "saved_model/1", "onnx": "model.onnx", "litert": "model.tflite",
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


def write(name: str, graph: Callable, framing: Framing, folder: Path, *,
          calibrate_on: Callable[[], Iterable[np.ndarray]]) -> Path:
    """Writes a format into `folder`, which already contains LABELS.

    Args:
        name: one of FILES.
        graph: of export_graph.build.
        calibrate_on: returns pictures, each float32 [S, S, 3], RGB, 0..255; for int8 only.

    Returns:
        The file, or the folder of a SavedModel.
    """
    path = folder / FILES[name]
    if name == "saved_model":
        _write_saved_model(graph, framing, path, folder / LABELS)
    elif name == "onnx":
        _write_onnx(graph, path)
    elif name == "litert":
        path.write_bytes(_litert(graph))
    else:
        path.write_bytes(_in_int8(_litert(graph), calibrate_on()))
    return path


def _write_saved_model(graph: Callable, framing: Framing, path: Path, labels: Path) -> None:
    """Writes two signatures, "serving_default" on files and "images" on pictures, and `labels`.

    "serving_default" takes `encoded`, string [B], the bytes of JPEG, PNG or WEBP files, and uses
    whole pictures, as predict does (a file that can't be decoded fails its whole batch); "images"
    takes `images`. Weights are stored once for both.
    """
    (pictures,) = graph.input_signature

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="encoded")])
    def of_files(encoded):
        return graph(tf.map_fn(
            lambda content: decoding.load(content, decoding.NO_BOX, framing), encoded,
            fn_output_signature=tf.TensorSpec(pictures.shape[1:], tf.float32)))

    served = tf.Module(name="fashionclf")
    served.labels = tf.saved_model.Asset(str(labels))
    tf.saved_model.save(served, str(path),
                        signatures={"serving_default": of_files, export_graph.INPUT: graph})


def _write_onnx(graph: Callable, path: Path) -> None:
    import onnx
    import tf2onnx

    model, _ = tf2onnx.convert.from_function(graph, graph.input_signature)

    # The converter sorts the outputs by name and numbers the dimensions it doesn't know.
    outputs = {output.name: output for output in model.graph.output}
    del model.graph.output[:]
    model.graph.output.extend(outputs[name] for name in export_graph.OUTPUTS)
    for tensor in [*model.graph.input, *model.graph.output]:
        tensor.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.save(model, path)


def _litert(graph: Callable) -> bytes:
    """Converts to a file with one signature, "serving_default", of which a batch may have any size.

    It has LiteRT's own operations only: without TensorFlow's, it runs where TensorFlow is not.
    """
    owner = tf.Module()
    owner.graph = graph
    return tf.lite.TFLiteConverter.from_concrete_functions(
        [graph.get_concrete_function()], owner).convert()


def _in_int8(in_float: bytes, pictures: Iterable[np.ndarray]) -> bytes:
    """Quantizes INT8_OPERATIONS: weights with a scale per channel, activations with one per tensor.

    Input, output and the layers of IN_FLOAT stay float32.
    """
    from ai_edge_quantizer import qtyping, quantizer

    with contextlib.redirect_stdout(sys.stderr):  # the quantizer prints sizes
        work = quantizer.Quantizer(in_float)
        for operation in INT8_OPERATIONS:
            work.add_static_config(
                regex=f"^(?!.*({IN_FLOAT}))", operation_name=qtyping.TFLOperationName(operation),
                activation_num_bits=8, weight_num_bits=8)

        inputs = [{export_graph.INPUT: picture[None]} for picture in pictures]
        ranges = work.calibrate({"serving_default": inputs})
        return work.quantize(ranges).quantized_model
