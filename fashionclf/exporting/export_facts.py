"""States what an export is and how to use it, for export.json and for the exported files."""
import re
from pathlib import Path

import fashionclf
from fashionclf.deployment.exported import FEATURES, INPUT, PROBABILITIES
from fashionclf.model.spec import WEIGHTS
from fashionclf.model.weights import Run
from fashionclf.system import files

PRODUCER, MODEL_CARD = "fashionclf", "README.md"
UNKNOWN = "unknown"
RESIZE = "bilinear with antialiasing to image_size x image_size, ignoring the aspect ratio"
PREPROCESSING = (  # as pictures/decoding.py does
    "turn the picture by its EXIF orientation; lay transparency over white; RGB; crop to the box, "
    f"if there is one, widened by box_margin; resize: {RESIZE}; float32, 0 to 255")


def of_run(run: Run, *, licence: str | None = None) -> dict:
    """Returns JSON values: how to prepare input, what the outputs mean, and where they come from.

    Args:
        licence: of the weights; None for that of the run's model card.
    """
    spec, size = run.spec, run.spec.framing.image_size
    return {
        "producer": PRODUCER, "version": fashionclf.__version__,
        "licence": licence or licence_of(run.folder),
        "weights_sha256": files.sha256(run.folder / WEIGHTS),
        "classes": spec.classes,
        "inputs": {INPUT: _tensor(
            [None, size, size, 3], [0, 255], "RGB pictures, prepared as preprocessing says")},
        "outputs": {
            PROBABILITIES: _tensor([None, len(spec.classes)], [0, 1],
                                   "of the classes, in their order; rows sum to one"),
            FEATURES: _tensor([None, run.num_features], None,
                              "pooled features: pictures alike have a small angle between them")},
        "image_size": size, "box_margin": spec.framing.box_margin, "resize": RESIZE,
        "preprocessing": PREPROCESSING,
        "mirrored": spec.mirrored, "temperature": spec.temperature}


def _tensor(shape: list[int | None], limits: list[int] | None, description: str) -> dict:
    return {"shape": shape, "dtype": "float32", "range": limits, "description": description}


def licence_of(run_dir: Path) -> str:
    """Returns the `license` of the front matter of a run's model card, or UNKNOWN."""
    card = run_dir / MODEL_CARD
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    front_matter = re.match(r"---\n(.*?)^---$", text, re.DOTALL | re.MULTILINE)
    named = front_matter and re.search(r"^license: *(\S+)$", front_matter[1], re.MULTILINE)
    return named[1] if named else UNKNOWN
