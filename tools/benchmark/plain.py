"""What the plain recipes share: their flags, and the scores that they write.

It loads without TensorFlow and without PyTorch.
"""
import json
from pathlib import Path

import numpy as np
from absl import flags
from sklearn.metrics import accuracy_score, f1_score

FLAGS = flags.FLAGS
flags.DEFINE_string("pictures", None, "Folder with train/, validation/ and test/, each with a "
                    "folder per class.", required=True)
flags.DEFINE_string("weights", None, "Weights of the trunk, in the recipe's own format: "
                    ".weights.h5 (or none) for Keras, .npz of trunk_arrays for PyTorch.",
                    required=True)
flags.DEFINE_string("result", None, "JSON file to write.", required=True)
flags.DEFINE_integer("head_epochs", 10, "Epochs of the head alone.")
flags.DEFINE_integer("fine_tune_epochs", 10, "Epochs of the last two blocks too.")
flags.DEFINE_integer("image_size", 224, "Side of the square input in pixels.")
flags.DEFINE_integer("batch_size", 32, "Pictures per step.")
flags.DEFINE_integer("seed", 0, "Seed of everything random.")


def write_scores(labels: np.ndarray, predicted: np.ndarray) -> None:
    """Writes accuracy and macro F1 of the test split, of int [N] each, into --result."""
    Path(FLAGS.result).write_text(json.dumps({
        "accuracy": accuracy_score(labels, predicted),
        "macro_f1": f1_score(labels, predicted, average="macro")}))
