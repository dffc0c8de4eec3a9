"""Confident learning: which labels are probably wrong (Northcutt, Jiang & Chuang, JAIR 70, 2021).

A picture counts for a class if its out-of-fold probability reaches that class's threshold, the
mean over the pictures that are labelled so: a class that the model finds hard has a low one. The
counts of label against class are the confident joint; off its diagonal are the doubtful labels.
"""
import dataclasses

import numpy as np

TOLERANCE = 1e-6  # of comparisons, as in cleanlab
NONE = -1  # a picture that counts for no class


@dataclasses.dataclass(frozen=True, kw_only=True)
class Doubts:
    """What confident learning tells of N labels of C classes.

    Attributes:
        counted: int [N], the class that each picture counts for, or NONE.
        doubtful: bool [N]: it counts for another class than its label's, which isn't the most
            probable one either.
        joint: float [C, C]: of all pictures, how many have label i (row) and are of class j. Rows
            add up to the pictures of each label.
    """
    counted: np.ndarray
    doubtful: np.ndarray
    joint: np.ndarray


def doubts(labels: np.ndarray, probabilities: np.ndarray) -> Doubts:
    """Finds the doubtful ones among int labels [N], by out-of-fold probabilities float [N, C].

    They are cleanlab's issues by filter_by="confident_learning".
    """
    num_classes = probabilities.shape[1]
    own = self_confidence(labels, probabilities)
    thresholds = _thresholds(labels, own, num_classes)

    # Where a picture reaches several thresholds, it counts for its most probable class.
    reached = probabilities >= np.maximum(thresholds, 2 * TOLERANCE) - TOLERANCE
    counted = np.where(reached.sum(axis=1) > 1, probabilities.argmax(axis=1),
                       reached.argmax(axis=1))
    counted[~reached.any(axis=1)] = NONE

    most_probable = own + TOLERANCE >= probabilities.max(axis=1)
    return Doubts(counted=counted, joint=_joint(labels, counted, num_classes),
                  doubtful=(counted != NONE) & (counted != labels) & ~most_probable)


def _joint(labels: np.ndarray, counted: np.ndarray, num_classes: int) -> np.ndarray:
    """Scales the counts of label against class to the pictures of each label."""
    sure = counted != NONE
    counts = np.zeros((num_classes, num_classes))
    np.add.at(counts, (labels[sure], counted[sure]), 1)

    # A class without a single confident picture would divide by zero.
    np.fill_diagonal(counts, counts.diagonal().clip(1))
    of_label = np.bincount(labels, minlength=num_classes)
    return counts * (of_label / counts.sum(axis=1))[:, None]


def self_confidence(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Returns the probability of each label, float [N]."""
    return probabilities[np.arange(len(labels)), labels]


def relative_confidence(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Returns the probability of each label as a multiple of its class's threshold, float [N].

    Ranked by it, lowest first, a class that the model finds hard isn't ahead of all others: it
    finds more errors between confusable classes (tools/studies/doubtful_labels.py).
    """
    own = self_confidence(labels, probabilities)
    return own / _thresholds(labels, own, probabilities.shape[1])[labels].clip(TOLERANCE)


def _thresholds(labels: np.ndarray, own: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns the mean of `own` over the labels of each class, float [C]; inf without a label."""
    of_label = np.bincount(labels, minlength=num_classes)
    sums = np.bincount(labels, own, num_classes)
    return np.divide(sums, of_label, out=np.full(num_classes, np.inf), where=of_label > 0)
