"""Sets of classes that have the right one 95 times in 100: split conformal prediction by garments.

The score of a picture is one minus the probability of its true class (least ambiguous sets:
Sadinle, Lei & Wasserman, JASA 114, 2019). Pictures of a garment are alike, and garments are
exchangeable where pictures are not. So each of K held-out garments weighs 1 / (K + 1), shared by
its n_k pictures, and what is left, 1 / (K + 1), lies at infinity:

    q = the smallest score with sum over k, i of [score_ki <= q] / (n_k (K + 1)) >= level

A picture of a new garment has its class in {c : 1 - p_c <= q} with a probability of `level` or
more, over the draw of garments (hierarchical conformal prediction: Lee, Barber & Willett,
arXiv 2306.06342, 2023). With one picture a garment this is the usual quantile.
"""
import numpy as np

LEVEL = 0.95
SEPARATOR = "|"  # of the classes of a set, as written


def quantile(scores: np.ndarray, garments: np.ndarray, *, level: float = LEVEL) -> float:
    """Returns q; infinity where the garments are too few (fewer than 19 for 95 %).

    Args:
        scores: float [N], of the true classes; garments: int [N].
    """
    _, numbers, sizes = np.unique(garments, return_inverse=True, return_counts=True)
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(1 / sizes[numbers[order]]) / (len(sizes) + 1)
    place = np.searchsorted(reached, level - 1e-12)  # sums of shares are off by rounding
    return float(scores[order[place]]) if place < len(scores) else np.inf


def included(probabilities: np.ndarray, score_quantile: float) -> np.ndarray:
    """Returns which classes are in the sets: bool [N, C]; the most probable one always is.

    Args:
        probabilities: float [N, C]; score_quantile: see `quantile`.
    """
    kept = 1 - probabilities <= score_quantile
    kept[np.arange(len(kept)), probabilities.argmax(axis=1)] = True
    return kept


def names(probabilities: np.ndarray, classes: list[str], score_quantile: float) -> list[str]:
    """Returns the classes of one picture's set, the most probable first.

    Args:
        probabilities: float [C].
    """
    kept = included(probabilities[np.newaxis], score_quantile)[0]
    return [classes[i] for i in np.argsort(-probabilities, kind="stable") if kept[i]]
