import numpy as np
import pytest

from fashionclf.training.recipe import Phase, cosine, steps_per_epoch


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


@pytest.mark.parametrize("how, stepwise", [
    ({}, True), ({"solved": True}, False), ({"averages": ("run",)}, False)])
def test_a_head_that_is_solved_and_a_mean_of_runs_take_no_steps(how, stepwise):
    phase = Phase(name="head", unfreeze_from=None, epochs=1, learning_rate=0.1, warmup_steps=0,
                  l2=0.0, **how)
    assert phase.stepwise == stepwise
