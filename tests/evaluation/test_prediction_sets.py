"""Promises of prediction sets: their coverage over garments, and that of the usual method."""
import numpy as np
import pytest

from fashionclf.evaluation import prediction_sets


def draw(rng, garments, pictures):
    """Probabilities, labels and garments; those of a garment are alike."""
    logits = np.repeat(rng.normal(size=(garments, 4)) * 2, pictures, axis=0)
    logits += rng.normal(size=logits.shape) / 3
    labels = np.repeat(rng.integers(4, size=garments), pictures)
    logits[np.arange(len(labels)), labels] += 2
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return probabilities, labels, np.repeat(np.arange(garments), pictures)


def scores(probabilities, labels):
    return 1 - probabilities[np.arange(len(labels)), labels]


def test_a_picture_of_a_new_garment_is_covered_however_many_pictures_garments_have():
    rng, covered = np.random.default_rng(0), []
    for _ in range(200):
        sizes = np.where(np.arange(40) < 3, 50, 1)  # three garments have most of the pictures
        probabilities, labels, garments = draw(rng, 40, 50)
        kept = np.concatenate([np.flatnonzero(garments == g)[:n] for g, n in enumerate(sizes)])
        quantile = prediction_sets.quantile(scores(probabilities, labels)[kept], garments[kept])
        new, classes, _ = draw(rng, 20, 1)
        covered.append(prediction_sets.included(new, quantile)[np.arange(20), classes].mean())
    assert 0.94 < np.mean(covered) < 0.985


def test_fewer_than_19_garments_give_no_quantile():
    assert prediction_sets.quantile(np.arange(18) / 18, np.arange(18)) == np.inf
    assert prediction_sets.quantile(np.arange(19) / 19, np.arange(19)) == 18 / 19


def test_a_set_has_the_most_probable_class_and_begins_with_it():
    probabilities = np.array([0.2, 0.5, 0.3])
    assert prediction_sets.names(probabilities, ["a", "b", "c"], 0.1) == ["b"]
    assert prediction_sets.names(probabilities, ["a", "b", "c"], 0.75) == ["b", "c"]


def test_with_one_picture_a_garment_the_sets_are_those_of_mapie():
    mapie = pytest.importorskip("mapie.classification",
                                reason="MAPIE is absent: pip install 'fashionclf[dev]'")
    from sklearn.base import BaseEstimator, ClassifierMixin

    class Given(ClassifierMixin, BaseEstimator):
        """Takes probabilities as features and returns them."""
        def fit(self, rows, labels):
            self.classes_ = np.arange(4)
            return self

        def predict_proba(self, rows):
            return rows

        def predict(self, rows):
            return rows.argmax(axis=1)

        def __sklearn_is_fitted__(self):
            return True

    rng = np.random.default_rng(1)
    (held_out, labels, garments), (new, *_) = draw(rng, 137, 1), draw(rng, 300, 1)
    model = mapie.SplitConformalClassifier(Given().fit(None, None), confidence_level=0.95,
                                           conformity_score="lac", prefit=True)
    _, sets = model.conformalize(held_out, labels).predict_set(new)
    expected = sets[..., 0].copy()
    expected[np.arange(300), new.argmax(axis=1)] = True  # ours are never empty

    quantile = prediction_sets.quantile(scores(held_out, labels), garments)
    np.testing.assert_array_equal(prediction_sets.included(new, quantile), expected)
    assert 1 < expected.sum(axis=1).mean() < 4
