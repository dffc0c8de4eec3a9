"""Our confident learning is cleanlab's: same counts, same issues, same ranking."""
import numpy as np
import pytest

from fashionclf.curation import confident_learning
from fashionclf.curation.confident_learning import NONE


def labels_and_probabilities(seed, classes, count=400, noise=0.1):
    """Labels of which some are wrong, and probabilities that mostly know the true class."""
    rng = np.random.default_rng(seed)
    true = rng.choice(classes, count, p=rng.dirichlet(np.full(classes, 3.0)))
    true[:2 * classes] = np.tile(np.arange(classes), 2)
    logits = rng.normal(size=(count, classes)) + 2.5 * np.eye(classes)[true]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wrong = (rng.random(count) < noise) & (np.arange(count) >= 2 * classes)
    return np.where(wrong, rng.integers(0, classes, count), true), probabilities


@pytest.mark.parametrize("seed, classes", [(0, 2), (1, 5), (2, 17)])
def test_issues_counts_and_ranking_are_cleanlabs(seed, classes):
    pytest.importorskip("cleanlab", reason="fashionclf[dev] is missing")
    from cleanlab import count, filter, rank

    labels, probabilities = labels_and_probabilities(seed, classes)
    found = confident_learning.doubts(labels, probabilities)
    issues = filter.find_label_issues(labels, probabilities, filter_by="confident_learning")
    assert 5 < issues.sum() < len(labels) / 2
    assert np.array_equal(found.doubtful, issues)

    theirs = count.compute_confident_joint(labels, probabilities)  # rounded
    assert np.abs(found.joint - theirs).max() <= 1
    assert np.allclose(found.joint.sum(axis=1), np.bincount(labels))

    scores = rank.get_label_quality_scores(labels, probabilities, method="self_confidence")
    assert np.array_equal(confident_learning.self_confidence(labels, probabilities), scores)

    # Between classes we rank otherwise, within a class as cleanlab does.
    ours = confident_learning.relative_confidence(labels, probabilities)
    for label, threshold in enumerate(count.get_confident_thresholds(labels, probabilities)):
        assert np.allclose(ours[labels == label] * threshold, scores[labels == label])


def test_a_picture_counts_for_the_class_whose_own_threshold_it_reaches():
    labels = np.array([0, 0, 1, 1, 0])
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.5, 0.5], [0.5, 0.5]])
    found = confident_learning.doubts(labels, probabilities)

    # Thresholds are 0.767 and 0.45: the last picture is 1 by its threshold, but no surer of it.
    assert found.counted.tolist() == [0, 0, NONE, 1, 1]
    assert found.doubtful.tolist() == [False] * 5
    found = confident_learning.doubts(labels, np.vstack([probabilities[:4], [0.4, 0.6]]))
    assert found.doubtful.tolist() == [False] * 4 + [True]
    assert found.joint.tolist() == [[2, 1], [0, 2]]


def test_a_class_without_labels_is_never_counted():
    labels, probabilities = labels_and_probabilities(0, 3)
    more = np.column_stack([0.5 * probabilities, np.full(len(labels), 0.5)])
    found = confident_learning.doubts(labels, more)
    assert set(found.counted) <= {NONE, 0, 1, 2} and not found.joint[3].any()
