"""Classifies pictures with an exported model.tflite: NumPy, Pillow, LiteRT, nothing else.

    python litert_alone.py exports/mine photo.jpg other.png

prints the class and its probability for each. Its labels are in the file itself:
`unzip -p model.tflite labels.txt`.
"""
import json
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
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
classify = Interpreter(str(folder / "model.tflite")).get_signature_runner("serving_default")
for name in names:
    answer = classify(images=load(name, about["image_size"])[np.newaxis])
    (probabilities,), (features,) = answer["probabilities"], answer["features"]
    best = probabilities.argmax()
    print(name, about["classes"][best], f"{probabilities[best]:.4f}", sep="\t")
