import numpy as np
import pandas as pd
import pytest

from fashionclf.model import calibration


@pytest.fixture(scope="module")
def calibrated():
    """Labels drawn from the very probabilities that are predicted for them."""
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.full(5, 0.4), 20_000)
    labels = (rng.random((20_000, 1)) > probabilities.cumsum(axis=1)).sum(axis=1)
    return np.minimum(labels, 4), probabilities


def test_what_is_calibrated_has_no_error_and_temperature_one(calibrated):
    assert calibration.expected_calibration_error(*calibrated) < 0.01
    assert calibration.fit_temperature(*calibrated) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("wrong", [0.5, 2.0])
def test_the_temperature_that_was_applied_is_found_and_undone(calibrated, wrong):
    labels, probabilities = calibrated
    distorted = calibration.at_temperature(probabilities, wrong)
    assert calibration.expected_calibration_error(labels, distorted) > 0.05
    found = calibration.fit_temperature(labels, distorted)
    assert found == pytest.approx(1 / wrong, rel=0.03)
    mended = calibration.at_temperature(distorted, found)
    assert calibration.expected_calibration_error(labels, mended) < 0.015


@pytest.mark.parametrize("temperature, expected", [
    (1.0, [4, 1, 1]), (2.0, [2, 1, 1]), (0.5, [16, 1, 1]), (0.1, [4 ** 10, 1, 1])])
def test_a_temperature_is_a_power_of_the_odds(temperature, expected):
    """Odds of 4 to 1 become 2 to 1 at temperature 2, and 16 to 1 at 1/2; they sum to 1."""
    odds, expected = np.array([4, 1, 1]), np.array(expected)
    found = calibration.at_temperature(np.array([odds, odds[::-1]]) / odds.sum(), temperature)
    np.testing.assert_allclose(found, np.array([expected, expected[::-1]]) / expected.sum())


def test_a_probability_of_0_stays_next_to_0_and_is_no_error():
    found = calibration.at_temperature(np.array([[1.0, 0.0]]), 2.0)
    np.testing.assert_allclose(found, [[1.0, 1e-6]], rtol=1e-5)
    labels, sure = np.array([1, 0]), np.array([[1.0, 0.0], [1.0, 0.0]])
    assert np.isfinite(calibration.fit_temperature(labels, sure))


def test_the_temperature_of_a_case_by_hand():
    """Always sure by 9 to 1, right 8 times in 10: the odds have to become 4 to 1."""
    probabilities, labels = np.tile([0.9, 0.1], (10, 1)), np.array([0] * 8 + [1] * 2)
    assert calibration.fit_temperature(labels, probabilities) == pytest.approx(
        np.log(9) / np.log(4), rel=1e-3)


def test_bins_are_of_equal_width_and_the_error_weighs_them_by_their_examples():
    """Of 15 bins: 0.59 in 8/15..9/15, 0.61 in the next, 0.9 in the last but one, then 14/15..1."""
    first = np.array([0.59, 0.61, 0.9, 0.99, 1.0, 1.0, 1.0])
    probabilities = np.column_stack([first, 1 - first])
    probabilities[3] = [0.01, 0.99]  # of the other class, and right
    labels = np.array([1, 0, 0, 1, 0, 0, 1])
    table = calibration.reliability(labels, probabilities)
    assert table["n"].tolist() == [1, 1, 1, 4]
    assert table["confidence"].tolist() == pytest.approx([0.59, 0.61, 0.9, 0.9975])
    assert table["accuracy"].tolist() == [0, 1, 1, 0.75]
    error = (0.59 + 0.39 + 0.1 + 4 * 0.2475) / 7
    assert calibration.expected_calibration_error(labels, probabilities) == pytest.approx(error)


def test_a_temperature_next_to_0_leaves_the_likeliest_classes_alone():
    found = calibration.at_temperature(np.array([[0.5, 0.5], [0.9, 0.1]]), 1e-3)
    np.testing.assert_allclose(found, [[0.5, 0.5], [1.0, 0.0]], atol=1e-12)


@pytest.mark.parametrize("label, log_temperature", [(0, -3), (1, 3)])
def test_what_is_always_right_or_wrong_gets_an_end_of_the_range(label, log_temperature):
    found = calibration.fit_temperature(np.full(9, label), np.tile([0.55, 0.45], (9, 1)))
    assert np.log(found) == pytest.approx(log_temperature, abs=0.02)


def test_merged_bins_have_enough_examples_and_the_same_totals():
    rng = np.random.default_rng(0)
    for _ in range(200):
        n = rng.integers(1, 12, rng.integers(1, 15))
        table = pd.DataFrame({"n": n, "confidence": np.sort(rng.random(len(n))),
                              "accuracy": rng.random(len(n))})
        found = calibration.merged(table, 10)
        assert (found["n"] >= min(10, n.sum())).all()
        assert found["confidence"].is_monotonic_increasing
        assert found["n"].sum() == n.sum()
        for name in ("confidence", "accuracy"):
            assert (found[name] * found["n"]).sum() == pytest.approx((table[name] * n).sum())
    unchanged = calibration.merged(table, 1)[table.columns]
    np.testing.assert_allclose(unchanged, table)
