"""Classifies pictures with an exported model.onnx: NumPy, Pillow, ONNX Runtime, nothing else.

    python onnx_alone.py exports/mine photo.jpg other.png

prints the class and its probability for each.
"""
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps


def load(file, size):
    """Returns float32 [size, size, 3], as "preprocessing" in export.json says."""
    picture = ImageOps.exif_transpose(Image.open(file)).convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    channels = Image.alpha_composite(white, picture).split()[:3]
    return np.stack([channel.convert("F").resize((size, size), Image.Resampling.BILINEAR)
                     for channel in channels], axis=-1)


folder, *names = map(Path, sys.argv[1:])
about = json.loads((folder / "export.json").read_text(encoding="utf-8"))
session = onnxruntime.InferenceSession(folder / "model.onnx")
for name in names:
    images = load(name, about["image_size"])[np.newaxis]
    probabilities, features = session.run(["probabilities", "features"], {"images": images})
    best = probabilities[0].argmax()
    print(name, about["classes"][best], f"{probabilities[0, best]:.4f}", sep="\t")
