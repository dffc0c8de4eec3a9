"""Writes the facts of export_facts into ONNX and LiteRT files, where their tools look for them."""
import io
import json
import zipfile
from collections.abc import Iterable
from typing import TYPE_CHECKING

import flatbuffers

from fashionclf.deployment.exported import INPUT, OUTPUTS, PROBABILITIES

if TYPE_CHECKING:
    import onnx

LABELS, FACTS = "labels.txt", "facts.json"  # files inside a LiteRT file
MODEL_NAME = "fashionclf"
# Of the LiteRT metadata schema 1.1.0, metadata_schema.fbs of the project tflite-support
IDENTIFIER, ENTRY, PARSER_VERSION = b"M001", "TFLITE_METADATA", "1.0.0"
TENSOR_AXIS_LABELS, RGB = 2, 1
FEATURE_PROPERTIES, IMAGE_PROPERTIES, NORMALIZATION_OPTIONS = 1, 2, 1  # of unions


def labels(classes: list[str]) -> str:
    """Returns the content of LABELS: one class per line, in the order of the probabilities."""
    return "".join(f"{name}\n" for name in classes)


def describe_onnx(model: "onnx.ModelProto", facts: dict) -> None:
    """Adds doc strings, and all facts as metadata: text as it is, other values as JSON."""
    from onnx import helper

    model.producer_name, model.producer_version = facts["producer"], facts["version"]
    model.doc_string = model.graph.doc_string = _description(facts)
    model.graph.name = MODEL_NAME
    tensors = facts["inputs"] | facts["outputs"]
    for tensor in [*model.graph.input, *model.graph.output]:
        tensor.doc_string = tensors[tensor.name]["description"]
    helper.set_model_props(model, {name: value if isinstance(value, str) else json.dumps(value)
                                   for name, value in facts.items()})


def describe_litert(model: bytes, facts: dict) -> bytes:
    """Names the tensors, adds the standard metadata, and appends LABELS and FACTS as a zip file.

    LiteRT ignores what is appended; `unzip` and zipfile find it.
    """
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    unpacked = flatbuffer_utils.read_model_from_bytearray(model)
    graph, (signature,) = unpacked.subgraphs[0], unpacked.signatureDefs
    places = {tensor.name.decode(): tensor.tensorIndex
              for tensor in [*signature.inputs, *signature.outputs]}
    for name, place in places.items():
        graph.tensors[place].name = name
    graph.outputs = [places[name] for name in OUTPUTS]  # the converter sorts them by name
    unpacked.description = _description(facts)

    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = _litert_metadata(facts)
    entry.name, entry.buffer = ENTRY, len(unpacked.buffers)
    unpacked.buffers.append(buffer)
    unpacked.metadata = [*(unpacked.metadata or []), entry]

    whole = io.BytesIO(flatbuffer_utils.convert_object_to_bytearray(unpacked))
    with zipfile.ZipFile(whole, "a") as appended:
        for name, text in ((LABELS, labels(facts["classes"])), (FACTS, json.dumps(facts))):
            appended.writestr(zipfile.ZipInfo(name), text)  # without the time: same run, same file
    return whole.getvalue()


def _description(facts: dict) -> str:
    sides = ", averaged over each picture and its mirror image" if facts["mirrored"] else ""
    return (f"Garment classifier, {len(facts['classes'])} classes{sides}. "
            f"Input: {facts['preprocessing']}.")


class _Table(dict):
    """Fields of a FlatBuffers table: position in the schema -> value.

    A value is a text, a table, a list of tables or of floats, or (type of FlatBuffers, number).
    """


def _litert_metadata(facts: dict) -> bytes:
    """Builds the metadata that LiteRT's tools show and generate code from."""
    size = facts["image_size"]
    image = _Table({0: ("Int8", RGB), 1: _Table({0: ("Uint32", size), 1: ("Uint32", size)})})
    unchanged = _Table({0: [0.0], 1: [1.0]})  # mean, deviation: the graph normalizes by itself
    label_file = _Table({0: LABELS, 1: "One class per line", 2: ("Int8", TENSOR_AXIS_LABELS)})

    def tensor(name: str, kind: int, properties: _Table, *, further: dict) -> _Table:
        description = (facts["inputs"] | facts["outputs"])[name]["description"]
        content = _Table({0: ("Uint8", kind), 1: properties})
        return _Table({0: name, 1: description, 3: content} | further)

    inputs = [tensor(INPUT, IMAGE_PROPERTIES, image, further={
        4: [_Table({0: ("Uint8", NORMALIZATION_OPTIONS), 1: unchanged})]})]
    outputs = [tensor(name, FEATURE_PROPERTIES, _Table(), further=(
        {6: [label_file]} if name == PROBABILITIES else {})) for name in OUTPUTS]
    return _packed(_Table({
        0: MODEL_NAME, 1: _description(facts), 2: facts["version"],
        3: [_Table({2: inputs, 3: outputs})], 4: facts["producer"], 5: facts["licence"],
        6: [_Table({0: FACTS, 1: "All that export.json says of the model"})], 7: PARSER_VERSION}))


def _packed(root: _Table) -> bytes:
    builder = flatbuffers.Builder(0)
    builder.Finish(_add(builder, root), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


def _add(builder: flatbuffers.Builder, value: _Table | str | Iterable) -> int:
    """Adds a table, text or list with all that it refers to; returns its offset."""
    if isinstance(value, str):
        return builder.CreateString(value)

    if isinstance(value, _Table):
        offsets = {slot: _add(builder, field) for slot, field in value.items()
                   if not isinstance(field, tuple)}
        builder.StartObject(max(value, default=-1) + 1)
        for slot, offset in offsets.items():
            builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
        for slot, field in value.items():
            if isinstance(field, tuple):
                getattr(builder, f"Prepend{field[0]}Slot")(slot, field[1], 0)
        return builder.EndObject()

    floats = isinstance(value[0], float)
    items = value if floats else [_add(builder, item) for item in value]
    builder.StartVector(4, len(items), 4)
    for item in reversed(items):
        builder.PrependFloat32(item) if floats else builder.PrependUOffsetTRelative(item)
    return builder.EndVector()
