import numpy as np
import pytest

from fashionclf.training.recipe import cosine, steps_per_epoch


@pytest.mark.parametrize("total, asked, warmup", [
    (110, 10, 10), (20, 2, 2), (40, 9, 4), (20, 500, 2), (9, 5, 0), (12, 0, 0)])
def test_every_step_has_the_rate_of_the_formula_with_warmup_for_a_tenth_at_most(
        total, asked, warmup):
    rate, steps = cosine(0.3, total_steps=total, warmup_steps=asked), np.arange(total + 1)
    fall = 0.15 * (1 + np.cos(np.pi * (steps - warmup) / (total - warmup)))
    expected = np.where(steps < warmup, 0.3 * steps / max(warmup, 1), fall)
    np.testing.assert_allclose([float(rate(step)) for step in steps], expected, atol=1e-6)


def test_an_epoch_is_full_batches_and_at_least_one():
    assert [steps_per_epoch(examples, 32) for examples in (32, 63, 70)] == [1, 1, 2]
    with pytest.raises(ValueError, match="--batch_size"):
        steps_per_epoch(31, 32)
