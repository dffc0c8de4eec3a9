"""Labels pictures in rounds, chosen in several ways, and scores a linear model after each."""
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupShuffleSplit

from fashionclf.curation import selection

RANDOM, UNCERTAIN, DIVERSE, BOTH = "at random", "most uncertain", "diverse", "both"
OTHERS = "both, by another model"  # which has other classes and never learns these
WAYS = [RANDOM, UNCERTAIN, DIVERSE, BOTH]
COMPONENTS = 128  # principal ones of the features, which make the fits quick
C = 0.3  # inverse strength of the penalty, for components whose variance is one on average


class Pictures(NamedTuple):
    """N pictures: float [N, D] features, classes int [N] from 0, and groups [N].

    With `uncertain`, float [N], of a model of other classes, OTHERS is one of the ways.
    """
    features: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    uncertain: np.ndarray | None = None


class Model:
    """A logistic regression that is fitted to more and more pictures of the pool."""

    def __init__(self, pool: Pictures, test: Pictures, *, seed: int):
        projection = PCA(min(COMPONENTS, *pool.features.shape), random_state=seed)
        inputs = projection.fit_transform(pool.features)
        self._inputs, self._test_inputs = (
            values / inputs.std() for values in (inputs, projection.transform(test.features)))
        self._labels, self._test_labels = pool.labels, test.labels

    def fit(self, labelled: np.ndarray) -> tuple[dict, np.ndarray]:
        """Returns scores on the test part, and the probabilities of the pool's pictures."""
        model = LogisticRegression(C=C, max_iter=500).fit(
            self._inputs[labelled], self._labels[labelled])
        predicted = model.predict(self._test_inputs)
        return {"labels": len(labelled), "classes seen": len(model.classes_),
                "accuracy": (predicted == self._test_labels).mean(),
                "macro F1": f1_score(self._test_labels, predicted, average="macro")
                }, model.predict_proba(self._inputs)


def compare(pictures: Pictures, sizes: list[int], *, seed: int,
            test_fraction: float) -> Iterator[dict]:
    """Yields a row for each way and number of labels, then one for all labels of the pool.

    A group is in the pool or in the test part, not in both.
    """
    drawn = GroupShuffleSplit(1, test_size=test_fraction, random_state=seed)
    rows = next(drawn.split(pictures.features, groups=pictures.groups))
    pool, test = (Pictures(*(values if values is None else values[part] for values in pictures))
                  for part in rows)
    model = Model(pool, test, seed=seed)

    for way in WAYS if pool.uncertain is None else [*WAYS, OTHERS]:
        for scores in in_rounds(way, pool, model, sizes=sizes, seed=seed):
            yield {"way": way, "seed": seed, **scores}
    yield {"way": "all", "seed": seed, **model.fit(np.arange(len(pool.labels)))[0]}


def in_rounds(way: str, pool: Pictures, model: Model, *, sizes: list[int],
              seed: int) -> Iterator[dict]:
    """Yields the scores after each round, whose labels are added to those of the rounds before."""
    rng, labelled = np.random.default_rng(seed), np.empty(0, int)
    uncertain = pool.uncertain if way == OTHERS else None
    for size in sizes:
        rest, count = np.setdiff1d(np.arange(len(pool.labels)), labelled), size - len(labelled)
        if len(rest) < count:
            return
        chosen = choose(way, pool.features[rest], count, rng=rng,
                        uncertain=None if uncertain is None else uncertain[rest])
        labelled = np.append(labelled, rest[chosen])
        scores, probabilities = model.fit(labelled)
        yield scores
        if way != OTHERS:
            uncertain = selection.uncertainty(probabilities)


def choose(way: str, features: np.ndarray, count: int, *, uncertain: np.ndarray | None,
           rng: np.random.Generator) -> np.ndarray:
    """Chooses rows of `features`; the first round has no model, hence no uncertainty."""
    drawn = rng.permutation(len(features))
    if way == RANDOM or way == UNCERTAIN and uncertain is None:
        return drawn[:count]
    if way == UNCERTAIN:
        return np.argsort(-uncertain, kind="stable")[:count]

    # All ways label equally many, also where those left are nearly the same as chosen ones.
    chosen = selection.choose(features, count, uncertain=None if way == DIVERSE else uncertain)
    return np.append(chosen, drawn[~np.isin(drawn, chosen)])[:count]
