"""Classifies pictures with an exported SavedModel: TensorFlow, nothing else.

    python saved_model_alone.py exports/mine photo.jpg other.png

prints the class and its probability for each.
"""
import sys
from pathlib import Path

import tensorflow as tf

folder, *names = map(Path, sys.argv[1:])
loaded = tf.saved_model.load(str(folder / "saved_model" / "1"))
classes = Path(loaded.labels.asset_path.numpy().decode()).read_text(encoding="utf-8").splitlines()
for name in names:
    answer = loaded.signatures["serving_default"](tf.constant([name.read_bytes()]))
    probabilities, features = answer["probabilities"][0], answer["features"][0]
    best = int(tf.argmax(probabilities))
    print(name, classes[best], f"{probabilities[best]:.4f}", sep="\t")
