"""Writes a model for other runtimes: SavedModel, ONNX, LiteRT, in float32, float16 and int8.

All take "images" and return "probabilities" and "features", as export_graph says: they include
normalization, the average with the mirror image and the temperature. A SavedModel also takes
undecoded files.
"""
import contextlib
import io
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from fashionclf.deployment.exported import FILES, INPUT, OUTPUTS
from fashionclf.exporting import export_metadata
from fashionclf.model import litert
from fashionclf.pictures import decoding
from fashionclf.pictures.framing import Framing

if TYPE_CHECKING:
    import onnx

# In int8: the network up to the logits. The temperature after them takes the logarithm of
# probabilities and stays in float: in 256 steps only the largest of them are not 0.
INT8_OPERATIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "MUL", "LOGISTIC",
                   "MEAN", "RESHAPE", "PAD", "MAX_POOL_2D")
# Not in int8: the first blocks of EfficientNet. Swish has no upper bound, and here a few channels
# reach 70 to 130 while the median channel stays below 9. An activation tensor has one scale, one
# step of which exceeds the whole range of up to a third of the channels.
IN_FLOAT = "stem|block1a|block2a|rescaling|normalization"


def write(name: str, graph: Callable, facts: dict, folder: Path, *,
          calibrate_on: Callable[[], Iterable[np.ndarray]]) -> Path:
    """Writes a format into `folder`.

    Args:
        name: one of FILES.
        graph: of export_graph.build.
        facts: of export_facts.of_run, which ONNX and LiteRT files contain too.
        calibrate_on: returns pictures, each float32 [S, S, 3], RGB, 0..255; for int8 only.

    Returns:
        The file, or the folder of a SavedModel.
    """
    path = folder / FILES[name]
    if name == "saved_model":
        _write_saved_model(graph, facts, path)
    elif name.startswith("onnx"):
        path.write_bytes(_onnx(graph, facts, half=name == "onnx_float16"))
    else:
        model = litert.converted(graph, half=name == "litert_float16")
        if name == "litert_int8":
            model = _in_int8(model, calibrate_on())
        path.write_bytes(export_metadata.describe_litert(model, facts))
    return path


def _write_saved_model(graph: Callable, facts: dict, path: Path) -> None:
    """Writes two signatures, "serving_default" on files and "images" on pictures, and the labels.

    "serving_default" takes `encoded`, string [B], the bytes of JPEG, PNG or WEBP files, and uses
    whole pictures, as predict does (a file that can't be decoded fails its whole batch); "images"
    takes `images`. Weights are stored once for both.
    """
    framing = Framing(image_size=facts["image_size"], box_margin=facts["box_margin"])
    (pictures,) = graph.input_signature

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="encoded")])
    def of_files(encoded):
        return graph(tf.map_fn(
            lambda content: decoding.load(content, decoding.NO_BOX, framing), encoded,
            fn_output_signature=tf.TensorSpec(pictures.shape[1:], tf.float32)))

    served = tf.Module(name="fashionclf")
    with tempfile.TemporaryDirectory() as folder:
        labels = Path(folder) / export_metadata.LABELS
        labels.write_text(export_metadata.labels(facts["classes"]), encoding="utf-8")
        served.labels = tf.saved_model.Asset(str(labels))
        tf.saved_model.save(served, str(path),
                            signatures={"serving_default": of_files, INPUT: graph})


def _onnx(graph: Callable, facts: dict, *, half: bool) -> bytes:
    import tf2onnx

    model, _ = tf2onnx.convert.from_function(graph, graph.input_signature)

    # The converter sorts the outputs by name and numbers the dimensions it doesn't know.
    outputs = {output.name: output for output in model.graph.output}
    del model.graph.output[:]
    model.graph.output.extend(outputs[name] for name in OUTPUTS)
    for tensor in [*model.graph.input, *model.graph.output]:
        tensor.type.tensor_type.shape.dim[0].dim_param = "batch"

    if half:
        _store_in_half(model.graph)
    export_metadata.describe_onnx(model, facts)
    return model.SerializeToString()


def _store_in_half(graph: "onnx.GraphProto") -> None:
    """Stores kernels in float16, each before a cast to float32, in which everything is computed.

    ONNX Runtime casts once, when it loads. In float16 throughout, its CPU kernels cast around each
    operation.
    """
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for weights in graph.initializer:
        array = numpy_helper.to_array(weights)
        if array.dtype == np.float32 and array.ndim > 1:  # others are few, and 1e-12 would be 0
            name, stored = weights.name, f"{weights.name}_float16"
            weights.CopyFrom(numpy_helper.from_array(array.astype(np.float16), stored))
            casts.append(helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT))

    operations = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(operations)


def _in_int8(in_float: bytes, pictures: Iterable[np.ndarray]) -> bytes:
    """Quantizes INT8_OPERATIONS: weights with a scale per channel, activations with one per tensor.

    Input, output and the layers of IN_FLOAT stay float32.
    """
    from ai_edge_quantizer import qtyping, quantizer

    pictures = list(pictures)
    print(f"calibrating on {len(pictures)} pictures", file=sys.stderr)

    # The quantizer prints bars and sizes.
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        work = quantizer.Quantizer(in_float)
        for operation in INT8_OPERATIONS:
            work.add_static_config(
                regex=f"^(?!.*({IN_FLOAT}))", operation_name=qtyping.TFLOperationName(operation),
                activation_num_bits=8, weight_num_bits=8)

        inputs = [{INPUT: picture[None]} for picture in pictures]
        ranges = work.calibrate({"serving_default": inputs})
        return work.quantize(ranges).quantized_model
