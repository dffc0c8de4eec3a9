"""Intervals of scores of a sample of garments, whose pictures are alike: Wilson's, widened.

A score of N pictures varies as that of fewer independent ones, the effective sample size (Kish,
Survey Sampling, 1965), which takes the place of N in Wilson's interval (JASA 22, 1927), as Dean &
Pagano recommend for clustered samples (J. Survey Statistics and Methodology 3, 2015). The variance
between garments is that of the linearised score (Binder, Int. Statistical Review 51, 1983). Few or
no errors would show none. So it is taken with two more garments of average size, one all right and
one all wrong, as Agresti & Coull (American Statistician 52, 1998) add successes and failures. Where
all pictures or none are right, the effective size is then the number of garments if they are of one
size, else less. Where each picture is a garment, it is N.
"""
from statistics import NormalDist  # scipy.stats takes a second to import

import numpy as np

LEVEL = 0.95  # of all intervals
FEWEST = 5  # garments of which an interval is given
ADDED = 2  # garments, of a class or of all


def of_share(hits: np.ndarray, garments: np.ndarray, *,
             level: float = LEVEL) -> tuple[float, float] | None:
    """Bounds the share of pictures that are right.

    Args:
        hits: bool [N]; garments: int [N], numbered from 0 without a gap.
        level: of the interval; one of its bounds alone has the level (1 + level) / 2.

    Returns:
        low, high, around the share; None if there are fewer than FEWEST garments.
    """
    total, count = len(hits), len(np.unique(garments))
    if count < FEWEST:
        return None

    size = total / count
    centre = (hits.sum() + size) / (total + ADDED * size)
    of_added = [size * (1 - centre), -size * centre]
    influences = np.append(np.bincount(garments, hits - centre), of_added)
    variance = (influences**2).sum() / (total + ADDED * size)**2 * (1 + ADDED / count)
    return _wilson(hits.mean(), min(total, centre * (1 - centre) / variance), level)


def of_macro_f1(labels: np.ndarray, predicted: np.ndarray,
                garments: np.ndarray) -> tuple[float, float] | None:
    """Bounds the mean F1 over the classes labelled or predicted at all, as `of_share`.

    Args:
        labels, predicted: int [N], classes by number.
    """
    if len(np.unique(garments)) < FEWEST:
        return None
    names, numbers = np.unique([labels, predicted], return_inverse=True)
    labels, predicted = numbers.reshape(2, -1)
    hits = labels == predicted

    # F1 of a class is 2 * correct / (labelled + predicted). A class without pictures has garments
    # that were taken for it.
    labelled, said = (np.bincount(classes, minlength=len(names)) for classes in (labels, predicted))
    correct = np.bincount(labels[hits], minlength=len(names))
    count = np.where(labelled, garments_by_class(labels, garments, len(names)),
                     garments_by_class(predicted, garments, len(names)))
    size = np.where(labelled, labelled, said) / count

    # With the two garments: that all right is labelled and predicted, the other labelled alone.
    total = labelled + said + 3 * size
    f1 = 2 * (correct + size) / total
    scale = np.sqrt(1 + ADDED / count) / total / len(names)
    of_added = np.array([2 * size * (1 - f1), -size * f1]) * scale
    of_pictures = 2 * hits * scale[labels] - (f1 * scale)[labels] - (f1 * scale)[predicted]
    variance = (np.bincount(garments, of_pictures)**2).sum() + (of_added**2).sum()

    score = (2 * correct / (labelled + said)).mean()
    return _wilson(score, f1.mean() * (1 - f1.mean()) / variance, LEVEL)


def garments_by_class(classes: np.ndarray, garments: np.ndarray, num_classes: int) -> np.ndarray:
    """Counts the garments with a picture of each class: int [C]."""
    pairs = np.unique([classes, garments], axis=1)
    return np.bincount(pairs[0], minlength=num_classes)


def _wilson(share: float, size: float, level: float) -> tuple[float, float]:
    """Bounds a share of `size` trials, which binomtest takes as a whole number only."""
    z = NormalDist().inv_cdf((1 + level) / 2)
    centre = (share + z**2 / (2 * size)) / (1 + z**2 / size)
    half = z / (1 + z**2 / size) * np.sqrt(share * (1 - share) / size + z**2 / (4 * size**2))

    # A bound of 0 or 1 is missed by a rounding error.
    return float(max(0, min(centre - half, share))), float(min(1, max(centre + half, share)))
