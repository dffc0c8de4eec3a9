"""Tells pictures of other things from garments, by their distance from training pictures.

The distance is one minus the cosine similarity of the features and the K-th most similar ones of a
sample of the training pictures (deep nearest neighbours: Sun et al., ICML 2022). Low probability is
a worse sign: networks are often sure of what they have never seen.
"""
import numpy as np

from fashionclf.evaluation import prediction_sets

K = 5
FALSE_ALARMS = 0.01  # share of held-out pictures, each garment counted once
ROWS = 1000  # compared at a time


def unit(features: np.ndarray) -> np.ndarray:
    """Scales the rows of float [N, D] to length one; a row of zeros stays."""
    features = features.astype(np.float32)
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


def directions(features: np.ndarray) -> np.ndarray:
    """Rounds float [N, D] to int8, which changes the cosine similarity of rows by about 1e-3."""
    largest = np.abs(features).max(axis=1, keepdims=True)
    return np.round(127 * features / np.maximum(largest, 1e-12)).astype(np.int8)


def distances(features: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """Returns the distances of N pictures: float32 [N], 0 to 2.

    Args:
        features: float [N, D]; sample: float32 [M, D], of unit length; with fewer than K, the
            farthest counts.
    """
    k = min(K, len(sample))
    parts = [1 - np.partition(unit(features[start:start + ROWS]) @ sample.T, len(sample) - k,
                              axis=1)[:, len(sample) - k]
             for start in range(0, len(features), ROWS)]
    return np.concatenate(parts) if parts else np.empty(0, np.float32)


def threshold(held_out: np.ndarray, garments: np.ndarray) -> float:
    """Returns the distance that FALSE_ALARMS of the held-out pictures exceed.

    Each garment weighs the same, whatever its number of pictures.

    Args:
        held_out: float [N], distances; garments: int [N].
    """
    count = len(np.unique(garments))
    level = (1 - FALSE_ALARMS) * count / (count + 1)  # without the weight at infinity
    return prediction_sets.quantile(held_out, garments, level=level)
