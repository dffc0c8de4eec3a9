"""One answer per garment, from the answers for its pictures; loads with NumPy alone."""
from collections.abc import Sequence

import numpy as np

FLOOR = 1e-6  # a picture gives no class less, so that none alone rules a class out


def combined(probabilities: np.ndarray, garments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Averages log-probabilities over the usable pictures of each garment.

    This is the geometric mean, scaled to a sum of one: of a garment with pictures i = 1..n,
    P(c) = exp(sum of log p_i(c) / n) / (the same summed over classes), the logarithmic opinion
    pool with equal weights (Genest & Zidek, Statistical Science 1, 1986).

    Args:
        probabilities: float [N, C]; a row with NaN is an unusable picture.
        garments: int [N], numbered from 0 without a gap.

    Returns:
        float64 [G, C], NaN for a garment without usable pictures; int [G], its usable pictures.
    """
    usable = ~np.isnan(probabilities).any(axis=1)
    counts = np.bincount(garments[usable], minlength=garments.max(initial=-1) + 1)
    sums = np.zeros((len(counts), probabilities.shape[1]))
    np.add.at(sums, garments[usable], np.log(np.maximum(probabilities[usable], FLOOR, dtype=float)))

    with np.errstate(invalid="ignore"):  # 0 / 0 of a garment without pictures
        means = np.exp(sums / counts[:, None])
        return means / means.sum(axis=1, keepdims=True), counts


def numbered(keys: Sequence[str]) -> np.ndarray:
    """Numbers garments from 0, in the order of their first pictures: int [N]."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], int)
