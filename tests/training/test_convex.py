"""The optimum of a dense layer on fixed features, beside scikit-learn's and its own definition."""
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from fashionclf.training import convex

COUNT, FEATURES, CLASSES = 300, 6, 3


@pytest.fixture
def problem():
    """Features on very different scales, one of them constant, and labels that follow them."""
    rng = np.random.default_rng(0)
    scaled = rng.normal(size=(COUNT, FEATURES))
    labels = (scaled[:, :CLASSES] + rng.normal(size=(COUNT, CLASSES))).argmax(axis=1)
    features = scaled * 10.0 ** np.arange(-2, 4) + 5
    features[:, -1] = 5
    weights = np.array([0.5, 1.0, 2.0])[labels]
    return features.astype(np.float32), np.eye(CLASSES, dtype=np.float32)[labels], weights


def fitted(features, targets, weights, strength=1e-2):
    return next(convex.fits(features.copy(), targets, weights, strengths=[strength]))


def probabilities(fit, features):
    return np.exp(convex.log_softmax(features @ fit.kernel + fit.bias))


@pytest.mark.parametrize("strength", [1e-1, 1e-3])
def test_it_is_the_optimum_that_scikit_learn_finds(problem, strength):
    features, targets, weights = problem
    deviation = np.where(features.std(axis=0) > 0, features.std(axis=0), 1)
    standardised = (features - features.mean(axis=0)) / deviation
    peer = LogisticRegression(C=1 / (2 * strength * COUNT), tol=1e-8, max_iter=10_000)
    peer.fit(standardised.astype(np.float64), targets.argmax(axis=1), sample_weight=weights)
    fit = fitted(*problem, strength)
    np.testing.assert_allclose(probabilities(fit, features), peer.predict_proba(standardised),
                               atol=5e-3)
    assert fit.penalty == pytest.approx(strength * np.square(peer.coef_).sum(), rel=0.02)
    assert fit.accuracy == pytest.approx(
        peer.score(standardised, targets.argmax(axis=1)), abs=2 / COUNT)


def test_the_scale_and_offset_of_a_feature_change_no_prediction(problem):
    features, *rest = problem
    other = features * 3 - 7
    np.testing.assert_allclose(probabilities(fitted(other, *rest), other),
                               probabilities(fitted(features, *rest), features), atol=1e-3)


def test_a_soft_target_is_both_labels_in_its_shares(problem):
    features, targets, weights = problem
    soft = 0.7 * targets + 0.3 * targets[:, ::-1]
    twice = [np.concatenate(pair) for pair in (
        (features, features), (targets, targets[:, ::-1]), (1.4 * weights, 0.6 * weights))]
    np.testing.assert_allclose(probabilities(fitted(features, soft, weights), features),
                               probabilities(fitted(*twice), features), atol=1e-3)


def test_a_search_that_begins_at_a_stronger_penalty_ends_where_one_from_zero_does(problem):
    features, *rest = problem
    strengths = [1e-3, 1e-1, 1e-2]
    path = list(convex.fits(features.copy(), *rest, strengths=strengths))
    assert [fit.strength for fit in path] == sorted(strengths, reverse=True)
    assert path[0].cross_entropy > path[1].cross_entropy > path[2].cross_entropy
    np.testing.assert_allclose(probabilities(path[2], features),
                               probabilities(fitted(*problem, 1e-3), features), atol=5e-3)


def test_the_same_input_gives_the_same_bits(problem):
    one, other = fitted(*problem), fitted(*problem)
    assert (one.kernel == other.kernel).all() and (one.bias == other.bias).all()
    assert np.isfinite(one.kernel).all() and one.kernel.dtype == np.float32


def test_a_caller_can_stop_it(problem):
    def stop():
        raise SystemExit(130)
    with pytest.raises(SystemExit):
        next(convex.fits(*problem, strengths=[1.0], each=stop))
