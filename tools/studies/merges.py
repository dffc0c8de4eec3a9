"""Pairs of classes to merge, ranked by errors removed per bit of label entropy lost.

Merging a and b removes the errors between them, (n_ab + n_ba) / N of all N pictures. It loses the
decrease of the entropy of the class distribution, in bits per picture: with shares p,
(p_a + p_b) h(p_a / (p_a + p_b)), where h is the binary entropy (the chain rule of entropy). The
best pair is merged first, then the best of what is left.
"""
import dataclasses

import numpy as np
import pandas as pd
from scipy.special import xlogy

FEWEST = 2  # classes that are left


@dataclasses.dataclass(frozen=True)
class Suggestion:
    """
    Attributes:
        steps: a row per merge, after a row for the classes as they are: merge (what is joined),
            classes (that are left), mistakes (errors of the old predictions that it removes),
            bits_lost, per_bit (share of all pictures that it makes right, per bit), bits
            (entropy of the classes left), accuracy (of the old predictions, merged so far),
            majority_baseline.
        into: class -> the class it becomes, itself if it is not merged; in the classes' order.
    """
    steps: pd.DataFrame
    into: dict[str, str]


def entropy(counts: np.ndarray) -> float:
    """Returns bits per picture, of int [C] pictures by class."""
    shares = counts / counts.sum()
    return float(-xlogy(shares, shares).sum() / np.log(2))


def bits_lost(counts: np.ndarray) -> np.ndarray:
    """Returns float [C, C]: the decrease of `entropy` if a and b are merged."""
    shares = counts / counts.sum()
    joint, single = shares[:, None] + shares, xlogy(shares, shares)
    return np.maximum(xlogy(joint, joint) - single[:, None] - single, 0) / np.log(2)


def suggest(matrix: np.ndarray, classes: list[str], *, merges: int,
            least_per_bit: float = 0.0) -> Suggestion:
    """Merges greedily, until `merges` are done or none is worth it.

    Args:
        matrix: int [C, C], pictures by label (row) and predicted class.
        least_per_bit: smallest `per_bit` of a merge, see Suggestion.

    Raises:
        ValueError: a merged class would have the name of another.
    """
    groups, steps = [[name] for name in classes], [_state("", matrix)]
    size = dict(zip(classes, matrix.sum(axis=1)))
    while len(steps) <= merges and len(groups) > FEWEST:
        mistakes = np.triu(matrix + matrix.T, 1)
        lost = bits_lost(matrix.sum(axis=1))

        # A class without pictures of its own costs no bits: any error between the two decides.
        per_bit = np.divide(mistakes / matrix.sum(), lost, where=lost > 0,
                            out=np.where(mistakes > 0, np.inf, 0.0))
        a, b = np.unravel_index(per_bit.argmax(), per_bit.shape)
        if not mistakes[a, b] or per_bit[a, b] < least_per_bit:
            break

        joined = f"{_name(groups[a], size)} and {_name(groups[b], size)}"
        matrix = _merged(matrix, a, b)
        groups[a] += groups.pop(b)
        steps.append(_state(joined, matrix) | {
            "mistakes": int(mistakes[a, b]), "bits_lost": lost[a, b], "per_bit": per_bit[a, b]})

    into = {name: _name(group, size) for group in groups for name in group}
    for name, new in into.items():
        if name != new and new in classes:
            raise ValueError(f"{name!r} would be merged into {new!r}, which is another class: "
                             "rename that with --category_map of build_tfrecords")
    return Suggestion(pd.DataFrame(steps), {name: into[name] for name in classes})


def _name(group: list[str], size: dict[str, int]) -> str:
    """Joins the members' names, the largest first."""
    return "+".join(sorted(group, key=lambda name: (-size[name], name)))


def _merged(matrix: np.ndarray, a: int, b: int) -> np.ndarray:
    """[C, C] -> [C - 1, C - 1]: `a` takes in `b`, which comes after it."""
    matrix = matrix.copy()
    matrix[a] += matrix[b]
    matrix[:, a] += matrix[:, b]
    return np.delete(np.delete(matrix, b, axis=0), b, axis=1)


def _state(merge: str, matrix: np.ndarray) -> dict:
    counts = matrix.sum(axis=1)
    return {"merge": merge, "classes": len(matrix), "mistakes": 0, "bits_lost": 0.0,
            "per_bit": np.nan, "bits": entropy(counts),
            "accuracy": np.trace(matrix) / counts.sum(),
            "majority_baseline": counts.max() / counts.sum()}


def merged_accuracy(true: pd.Series, predicted: pd.Series, into: dict[str, str]) -> float:
    """Returns the share of predictions (class names) that are right after merging both sides."""
    return float((true.map(into) == predicted.map(into)).mean())
