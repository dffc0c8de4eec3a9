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
