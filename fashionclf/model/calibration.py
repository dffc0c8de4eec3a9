"""Does a probability of 0.8 mean right four times in five? Measured; mended by a temperature."""
import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

BINS = 15
LOG_TEMPERATURES = (-3.0, 3.0)  # searched: e^-3 to e^3
TINY = 1e-12


def at_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """softmax(log p / T): above 1 less sure, below 1 surer; the order of classes stays.

    Of probabilities that are a softmax this is Guo et al.'s temperature scaling (2017).

    Args:
        probabilities: float [N, C], rows sum to one.
    """
    scaled = np.log(np.maximum(probabilities, TINY)) / temperature
    scaled = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return scaled / scaled.sum(axis=1, keepdims=True)


def fit_temperature(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The temperature of least cross-entropy on these examples; fit it on validation.

    Args:
        labels: int [N].
        probabilities: float [N, C].
    """
    def cross_entropy(log_temperature: float) -> float:
        found = at_temperature(probabilities, np.exp(log_temperature))
        return -np.log(np.maximum(found[np.arange(len(labels)), labels], TINY)).mean()
    found = minimize_scalar(cross_entropy, bounds=LOG_TEMPERATURES, method="bounded")
    return float(np.exp(found.x))


def reliability(labels: np.ndarray, probabilities: np.ndarray) -> pd.DataFrame:
    """How often predictions are right, by how sure they are, in BINS bins of equal width.

    Returns:
        A row a bin that holds any example: n, confidence (mean probability of the
        predicted class), accuracy.
    """
    confidence = probabilities.max(axis=1)
    table = pd.DataFrame({
        "bin": np.minimum((confidence * BINS).astype(int), BINS - 1), "confidence": confidence,
        "accuracy": (probabilities.argmax(axis=1) == labels).astype(float)})
    return table.groupby("bin").agg(n=("confidence", "size"), confidence=("confidence", "mean"),
                                    accuracy=("accuracy", "mean")).reset_index(drop=True)


def expected_calibration_error(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean over examples of |accuracy - confidence| of their bin (Guo et al., 2017)."""
    table = reliability(labels, probabilities)
    return float(((table["accuracy"] - table["confidence"]).abs() * table["n"]).sum()
                 / table["n"].sum())
