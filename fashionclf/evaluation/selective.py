"""Coverage against accuracy: how often a model is right where it is confident enough to answer.

A model that may leave pictures to a person answers where the probability of its class reaches a
threshold (selective classification: El-Yaniv & Wiener, JMLR 11, 2010). Coverage is the share of
the pictures that it answers, precision the share of these answers that are right.
"""
import dataclasses
import math
from collections.abc import Iterable

import numpy as np

from fashionclf.evaluation import intervals

COVERAGES = (1.0, 0.95, 0.9, 0.8, 0.7, 0.5)  # of a report's table
PERCENTS = tuple(percent / 100 for percent in range(100, 0, -1))
ONE_SIDED = 0.9  # level of the interval whose lower bound alone holds 95 times in 100
DIGITS = 4  # of a threshold


@dataclasses.dataclass(frozen=True, kw_only=True)
class Point:
    """What a threshold gave on held-out pictures; `low` and `high` bound the precision.

    They are None where the answered pictures are of too few garments for an interval.
    """
    coverage: float  # 0 to 1
    threshold: float  # the lowest probability that is answered
    pictures: int  # answered
    precision: float
    low: float | None
    high: float | None


def points(confidences: np.ndarray, hits: np.ndarray, garments: np.ndarray, *,
           coverages: Iterable[float] = PERCENTS,
           level: float = intervals.LEVEL) -> list[Point]:
    """Measures the thresholds that reach `coverages`; those of equal probability go together.

    Args:
        confidences: float [N], probabilities of the predicted classes; hits: bool [N], whether
            these are right; garments: int [N].
        level: see intervals.of_share.
    """
    falling, found = np.sort(confidences)[::-1], []
    for coverage in coverages:
        # Rounded down, so that the printed threshold is the one that is used
        lowest = falling[max(1, math.ceil(coverage * len(falling) - 1e-9)) - 1]
        threshold = math.floor(float(lowest) * 10**DIGITS) / 10**DIGITS

        answered = confidences >= threshold
        numbers = np.unique(garments[answered], return_inverse=True)[1]
        low, high = intervals.of_share(hits[answered], numbers, level=level) or (None, None)
        found.append(Point(
            coverage=float(answered.mean()), threshold=threshold, pictures=int(answered.sum()),
            precision=float(hits[answered].mean()), low=low, high=high))
    return found


def reaching(min_precision: float, measured: list[Point]) -> Point | None:
    """Returns the highest coverage whose lower bound reaches `min_precision`; None without one."""
    reached = [point for point in measured if (point.low or 0) >= min_precision]
    return max(reached, key=lambda point: point.coverage, default=None)


def best(measured: list[Point]) -> Point | None:
    """Returns the point of the highest lower bound; None where no point has one."""
    return max((point for point in measured if point.low is not None),
               key=lambda point: point.low, default=None)


def sentence(measured: list[Point]) -> str:
    """States what a report's table says, by its row of the highest precision."""
    everything = max(measured, key=lambda point: point.coverage)
    chosen = max(measured, key=lambda point: (point.precision, point.coverage))
    if chosen.precision <= everything.precision:
        return "Leaving out the pictures of low probability makes the answers no better."
    bounds = "" if chosen.low is None else f" ({100 * chosen.low:.0f} to {100 * chosen.high:.0f})"
    return (f"If the model answers only the {chosen.coverage:.0%} of pictures with a probability "
            f"of {chosen.threshold:.2f} or more, {100 * chosen.precision:.0f} of 100 answers are "
            f"right{bounds}; of all answers, {100 * everything.precision:.0f} are.")
