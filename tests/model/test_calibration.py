import numpy as np
import pytest

from fashionclf.model import calibration


@pytest.fixture(scope="module")
def calibrated():
    """Labels drawn from the very probabilities that are said of them."""
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


def test_a_temperature_keeps_sums_and_the_order_of_classes(calibrated):
    _, probabilities = calibrated
    for temperature in (0.1, 1.0, 10.0):
        found = calibration.at_temperature(probabilities, temperature)
        np.testing.assert_allclose(found.sum(axis=1), 1.0)
        assert (found.argmax(axis=1) == probabilities.argmax(axis=1)).all()


def test_the_error_of_two_bins_by_hand():
    """Sure 0.9 and right half the time; sure 0.6 and right always: (0.4 + 0.4) / 2."""
    probabilities = np.array([[0.9, 0.1]] * 4 + [[0.4, 0.6]] * 4)
    labels = np.array([0, 0, 1, 1, 1, 1, 1, 1])
    assert calibration.reliability(labels, probabilities)["accuracy"].tolist() == [1.0, 0.5]
    assert calibration.expected_calibration_error(labels, probabilities) == pytest.approx(0.4)
