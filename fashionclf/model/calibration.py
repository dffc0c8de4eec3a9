"""Measures how well probabilities match accuracy, and calibrates them by a temperature."""
import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

BINS = 15
LOG_TEMPERATURES = (-3.0, 3.0)  # range of the search: e^-3 to e^3
TINY = 1e-12


def at_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Returns softmax(log p / T) of the rows of float [N, C], which keeps the order of classes.

    A temperature above 1 lowers the confidence, one below 1 raises it. For softmax outputs
    this is the temperature scaling of Guo et al. (2017).
    """
    scaled = np.log(np.maximum(probabilities, TINY)) / temperature
    scaled = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return scaled / scaled.sum(axis=1, keepdims=True)


def log_loss(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Returns the mean of -log p, where p is the probability of the label, TINY at least.

    Args:
        labels: int [N], 0-based; probabilities: float [N, C].
    """
    of_labels = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(of_labels, TINY)).mean())


def fit_temperature(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Fits the temperature that minimises the log loss; use the validation split."""
    def loss(log_temperature: float) -> float:
        return log_loss(labels, at_temperature(probabilities, np.exp(log_temperature)))

    minimum = minimize_scalar(loss, bounds=LOG_TEMPERATURES, method="bounded")
    return float(np.exp(minimum.x))


def reliability(labels: np.ndarray, probabilities: np.ndarray) -> pd.DataFrame:
    """Compares confidence, the probability of the predicted class, with accuracy.

    Returns:
        n, mean confidence and accuracy of each non-empty bin, of BINS of equal width.
    """
    confidence = probabilities.max(axis=1)
    table = pd.DataFrame({
        "bin": np.minimum((confidence * BINS).astype(int), BINS - 1), "confidence": confidence,
        "accuracy": (probabilities.argmax(axis=1) == labels).astype(float)})
    return table.groupby("bin").agg(n=("confidence", "size"), confidence=("confidence", "mean"),
                                    accuracy=("accuracy", "mean")).reset_index(drop=True)


def merged(table: pd.DataFrame, fewest: int) -> pd.DataFrame:
    """Merges neighbouring bins of `reliability`, so that each has at least `fewest` examples.

    The accuracy of a few examples would swing between 0 and 1. All are one bin if there are fewer.
    """
    groups, count, left = [0], 0, table["n"].sum()
    for n in table["n"]:
        count, left = count + n, left - n
        closed = count >= fewest and left >= fewest
        groups.append(groups[-1] + closed)
        count = 0 if closed else count

    sums = table.mul(table["n"], axis=0).assign(n=table["n"]).groupby(groups[:-1]).sum()
    return sums.assign(confidence=sums["confidence"] / sums["n"],
                       accuracy=sums["accuracy"] / sums["n"])


def expected_calibration_error(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Returns the mean of |accuracy - confidence| of each example's bin (Guo et al., 2017)."""
    table = reliability(labels, probabilities)
    return float(((table["accuracy"] - table["confidence"]).abs() * table["n"]).sum()
                 / table["n"].sum())
