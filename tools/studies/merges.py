"""Which classes to merge: those whose confusion costs most, for what telling them apart is worth.

To merge a and b removes the mistakes between them, (n_ab + n_ba) / N of all N pictures. What it
loses is the decrease of the entropy of the class distribution, in bits a picture: with shares p,
(p_a + p_b) h(p_a / (p_a + p_b)), where h is the binary entropy (the chain rule of entropy). The
pair with most mistakes removed for each bit lost goes first, then the same again on what it gave.
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
        steps: a row a merge, after a row for the classes as they are: merge (what is joined),
            classes (that are left), mistakes (of the old predictions, that it removes),
            bits_lost, per_bit (share of all pictures that it makes right, for each bit), bits
            (entropy of the classes left), accuracy (of the old predictions, merged so far),
            majority_baseline.
        into: class -> the class it becomes, itself where it isn't merged; in the classes' order.
    """
    steps: pd.DataFrame
    into: dict[str, str]


def entropy(counts: np.ndarray) -> float:
    """Bits a picture, of int [C] pictures by class."""
    shares = counts / counts.sum()
    return float(-xlogy(shares, shares).sum() / np.log(2))


def bits_lost(counts: np.ndarray) -> np.ndarray:
    """float [C, C]: the decrease of `entropy` where a and b are merged."""
    shares = counts / counts.sum()
    joint, single = shares[:, None] + shares, xlogy(shares, shares)
    return np.maximum(xlogy(joint, joint) - single[:, None] - single, 0) / np.log(2)


def suggest(matrix: np.ndarray, classes: list[str], *, merges: int,
            least_per_bit: float = 0.0) -> Suggestion:
    """Merges greedily, until `merges` are done or none is worth it.

    Args:
        matrix: int [C, C], pictures by label (row) and predicted class.
        least_per_bit: what a merge has to gain: share of pictures for each bit, see Suggestion.

    Raises:
        ValueError: a merged class would have the name of another.
    """
    groups, steps = [[name] for name in classes], [_state("", matrix)]
    size = dict(zip(classes, matrix.sum(axis=1)))
    while len(steps) <= merges and len(groups) > FEWEST:
        mistakes = np.triu(matrix + matrix.T, 1)
        lost = bits_lost(matrix.sum(axis=1))
        # Without pictures of its own a class is lost for nothing.
        per_bit = np.divide(mistakes / matrix.sum(), lost, where=lost > 0,
                            out=np.where(mistakes > 0, np.inf, 0.0))
        one, other = np.unravel_index(per_bit.argmax(), per_bit.shape)
        if not mistakes[one, other] or per_bit[one, other] < least_per_bit:
            break
        joined = f"{_name(groups[one], size)} and {_name(groups[other], size)}"
        matrix = _merged(matrix, one, other)
        groups[one] += groups.pop(other)
        steps.append(_state(joined, matrix) | {
            "mistakes": int(mistakes[one, other]), "bits_lost": lost[one, other],
            "per_bit": per_bit[one, other]})
    into = {name: _name(group, size) for group in groups for name in group}
    for name, new in into.items():
        if name != new and new in classes:
            raise ValueError(f"{name!r} would be merged into {new!r}, which is another class: "
                             "rename that with --category_map of build_tfrecords")
    return Suggestion(pd.DataFrame(steps), {name: into[name] for name in classes})


def _name(group: list[str], size: dict[str, int]) -> str:
    """The members, the largest first."""
    return "+".join(sorted(group, key=lambda name: (-size[name], name)))


def _merged(matrix: np.ndarray, one: int, other: int) -> np.ndarray:
    """[C, C] -> [C - 1, C - 1]: `one` takes in `other`, which comes after it."""
    for axis in (0, 1):
        matrix = np.moveaxis(matrix, axis, 0).copy()
        matrix[one] += matrix[other]
        matrix = np.moveaxis(np.delete(matrix, other, axis=0), 0, axis)
    return matrix


def _state(merge: str, matrix: np.ndarray) -> dict:
    counts = matrix.sum(axis=1)
    return {"merge": merge, "classes": len(matrix), "mistakes": 0, "bits_lost": 0.0,
            "per_bit": np.nan, "bits": entropy(counts),
            "accuracy": np.trace(matrix) / counts.sum(),
            "majority_baseline": counts.max() / counts.sum()}


def merged_accuracy(true: pd.Series, predicted: pd.Series, into: dict[str, str]) -> float:
    """Share of predictions (names) that are right once both sides are merged."""
    return float((true.map(into) == predicted.map(into)).mean())
