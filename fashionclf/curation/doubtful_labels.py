"""Checks the labels of pictures: ranks them, with the evidence, and estimates how many are wrong.
"""
import dataclasses
import functools

import numpy as np
import pandas as pd

from fashionclf.curation import confident_learning, out_of_fold
from fashionclf.curation.confident_learning import NONE, Doubts
from fashionclf.evaluation import intervals

NEIGHBOURS = 10
TILE = 512  # pictures that are compared with all others at a time


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckedLabels:
    """N labels, and what a model tells of them that has seen none of their garments.

    Attributes:
        labels: int [N], 0-based into `classes`.
        garments: int [N], numbered.
        probabilities: float [N, C]; NaN for a picture whose label can't be checked.
        features: float [N, D], by which pictures are similar.
    """
    classes: list[str]
    labels: np.ndarray
    garments: np.ndarray
    probabilities: np.ndarray
    features: np.ndarray

    @functools.cached_property
    def checked(self) -> np.ndarray:
        """Returns bool [N]: which labels can be checked."""
        return np.isfinite(self.probabilities[:, 0])

    @functools.cached_property
    def doubts(self) -> Doubts:
        """Returns the doubts about the checked labels, spread over all: NONE, not doubtful."""
        found = confident_learning.doubts(self.labels[self.checked],
                                          self.probabilities[self.checked])
        counted, doubtful = np.full(len(self.labels), NONE), np.zeros(len(self.labels), bool)
        counted[self.checked], doubtful[self.checked] = found.counted, found.doubtful
        return dataclasses.replace(found, counted=counted, doubtful=doubtful)

    @functools.cached_property
    def confidence(self) -> np.ndarray:
        """Returns float [N], the probability of each label; NaN where it can't be checked."""
        return confident_learning.self_confidence(self.labels, self.probabilities)

    @functools.cached_property
    def suggested(self) -> np.ndarray:
        """Returns int [N], the most probable class of each checked picture."""
        return np.nan_to_num(self.probabilities).argmax(axis=1)

    def ranked(self) -> np.ndarray:
        """Returns int [N]: the pictures, the most probable errors first, the unchecked last."""
        scores = np.full(len(self.labels), np.inf)
        scores[self.checked] = confident_learning.relative_confidence(
            self.labels[self.checked], self.probabilities[self.checked])
        return np.argsort(scores, kind="stable")

    @functools.cached_property
    def neighbours(self) -> dict[int, np.ndarray]:
        """Counts the labels of the pictures most similar to each doubtful one: int [C], by number.

        NEIGHBOURS pictures, of other garments alone, by the cosine of their features.
        """
        unit = np.asarray(self.features, np.float32)
        unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
        doubtful, found = np.flatnonzero(self.doubts.doubtful), {}

        # Tile by tile, as the similarities of all would not fit into memory
        for start in range(0, len(doubtful), TILE):
            tile = doubtful[start:start + TILE]
            cosines = unit[tile] @ unit.T
            cosines[self.garments[tile][:, None] == self.garments] = -np.inf
            for i, of_picture in zip(tile, cosines):
                nearest = np.argsort(-of_picture)[:NEIGHBOURS]
                nearest = nearest[np.isfinite(of_picture[nearest])]
                found[int(i)] = np.bincount(self.labels[nearest], minlength=len(self.classes))
        return found

    def noise(self) -> pd.DataFrame:
        """Estimates the wrong labels of each class.

        Returns:
            class, pictures (checked), garments, doubtful, wrong (estimated share of its labels,
            NaN without a confident picture), low and high (its interval, NaN for few garments),
            mostly (the class that most of its doubtful pictures are suggested).
        """
        rows = []
        for label, name in enumerate(self.classes):
            own = self.checked & (self.labels == label)
            sure = own & (self.doubts.counted != NONE)
            wrong = self.doubts.counted[sure] != label
            garments = np.unique(self.garments[sure], return_inverse=True)[1]
            low, high = intervals.of_share(wrong, garments) or (np.nan, np.nan)

            doubtful = own & self.doubts.doubtful
            towards = np.bincount(self.suggested[doubtful], minlength=1)
            rows.append((name, own.sum(), len(np.unique(self.garments[own])), doubtful.sum(),
                         wrong.mean() if len(wrong) else np.nan, low, high,
                         self.classes[towards.argmax()] if doubtful.any() else ""))
        return pd.DataFrame(rows, columns=["class", "pictures", "garments", "doubtful", "wrong",
                                           "low", "high", "mostly"])


def by_other_folds(features: np.ndarray, labels: np.ndarray, garments: np.ndarray,
                   num_classes: int) -> np.ndarray:
    """Predicts each picture by a linear model of the other folds: float [N, C].

    Rows of classes with fewer than FEWEST garments are NaN, and teach nothing. Raises ValueError if
    fewer than two classes are left.
    """
    found = np.full((len(labels), num_classes), np.nan)
    few = intervals.garments_by_class(labels, garments, num_classes) < out_of_fold.FEWEST
    rows = np.flatnonzero(~few[labels])
    if len(np.unique(labels[rows])) < 2:
        raise ValueError(f"fewer than two classes have pictures of {out_of_fold.FEWEST} garments, "
                         "which checking a label takes: add pictures, or join classes")
    fold = out_of_fold.folds(labels[rows], garments[rows])
    found[rows] = out_of_fold.probabilities(out_of_fold.reduced(features[rows]), labels[rows], fold,
                                            num_classes)
    return found


def why_too_few(labels: np.ndarray, garments: np.ndarray, num_classes: int) -> list[str]:
    """Returns for each of N pictures the reason why `by_other_folds` would not check it."""
    counts = intervals.garments_by_class(labels, garments, num_classes)
    return [f"its class has {counts[label]} garments: its labels are checked by others, which "
            f"takes {out_of_fold.FEWEST}, in different folds" for label in labels]
