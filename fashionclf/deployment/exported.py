"""Finds and checks the exports that a run carries, without TensorFlow."""
import json
from pathlib import Path

from fashionclf.model import spec as specs
from fashionclf.system import files

FOLDER = "exports"  # of a run's folder
DESCRIPTION = "export.json"
INPUT, PROBABILITIES, FEATURES = "images", "probabilities", "features"  # names in every export
OUTPUTS = (PROBABILITIES, FEATURES)
FILES = {"saved_model": "saved_model/1",  # TensorFlow Serving takes folders of numbered versions
         "onnx": "model.onnx", "onnx_float16": "model_float16.onnx",
         "litert": "model.tflite", "litert_float16": "model_float16.tflite",
         "litert_int8": "model_int8.tflite"}
# An extra, and what it brings, which writing a format needs
_ONNX, _INT8 = ("onnx", ["tf2onnx", "onnxruntime"]), ("litert", ["ai_edge_quantizer"])
NEEDS = {"saved_model": None, "onnx": _ONNX, "onnx_float16": _ONNX, "litert": None,
         "litert_float16": None, "litert_int8": _INT8}


def file_or_reason(run_dir: Path, name: str) -> Path | str:
    """Returns the file of the export `name` of a run, or the reason why it can't stand for it.

    The export must be of the run's weights and settings, and the file the one that was compared
    with the run.
    """
    folder = run_dir / FOLDER
    file, description = folder / FILES[name], folder / DESCRIPTION
    if not file.is_file() or not description.is_file():
        return f"{file} is missing"

    spec, weights_sha256, _ = specs.read(run_dir)
    try:
        facts = json.loads(description.read_text(encoding="utf-8"))
        wanted = {"weights_sha256": weights_sha256, **spec.as_json()}
        differing = [key for key in ("weights_sha256", "classes", "image_size", "box_margin",
                                     "mirrored", "temperature") if facts[key] != wanted[key]]
        if differing:
            return f"{description} is of another model: {', '.join(differing)} differ"
        if facts["sha256"][file.name] != files.sha256(file):
            return f"{file} is not the file that was compared with the run (sha256 differs)"
    except (ValueError, KeyError, TypeError) as error:
        return f"{description} is damaged ({error!r:.100})"
    return file
