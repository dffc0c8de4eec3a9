import numpy as np
import pytest

from fashionclf.training.recipe import cosine, steps_per_epoch


def test_cosine_starts_at_zero_peaks_after_warmup_is_half_in_the_middle_and_ends_at_zero():
    rate = cosine(0.1, total_steps=110, warmup_steps=10)
    assert [float(rate(step)) for step in (0, 5, 10, 60, 110)] == pytest.approx(
        [0.0, 0.05, 0.1, 0.05, 0.0], abs=1e-6)


def test_a_short_phase_keeps_its_warmup_to_a_tenth():
    assert float(cosine(0.1, total_steps=20, warmup_steps=500)(2)) == pytest.approx(0.1)


def test_without_warmup_it_starts_at_the_peak():
    assert float(cosine(0.1, total_steps=20, warmup_steps=0)(0)) == pytest.approx(0.1)


def test_an_epoch_is_full_batches_and_at_least_one():
    assert steps_per_epoch(70, 32) == 2
    with pytest.raises(ValueError, match="--batch_size"):
        steps_per_epoch(31, 32)


@pytest.mark.parametrize("total, asked, warmup", [(20, 2, 2), (40, 9, 4), (9, 5, 0), (12, 0, 0)])
def test_every_step_of_a_short_phase_has_the_rate_of_the_formula(total, asked, warmup):
    rate, steps = cosine(0.3, total_steps=total, warmup_steps=asked), np.arange(total + 1)
    fall = 0.15 * (1 + np.cos(np.pi * (steps - warmup) / (total - warmup)))
    expected = np.where(steps < warmup, 0.3 * steps / max(warmup, 1), fall)
    np.testing.assert_allclose([float(rate(step)) for step in steps], expected, atol=1e-6)


def test_one_full_batch_is_enough():
    assert steps_per_epoch(32, 32) == 1 and steps_per_epoch(63, 32) == 1
