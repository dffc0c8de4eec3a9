"""The moving average of the weights against its formula, and the rate of each variable."""
import keras
import numpy as np
import pytest
import tensorflow as tf

from fashionclf.training.averaging_adam import AveragingAdam


@pytest.mark.parametrize("momentum, steps", [(0.99, 6), (0.5, 30)])
def test_the_average_follows_its_formula_from_the_first_step(momentum, steps):
    weight, wanted = keras.Variable(np.zeros(2, np.float32)), np.zeros(2)
    adam = AveragingAdam(0.1, factors=[1.0], use_ema=True, ema_momentum=momentum)
    adam.build([weight])

    @tf.function
    def step(gradient):
        adam.apply_gradients([(gradient, weight)])

    for number in range(steps):
        step(tf.constant([1.0, -number]))
        share = min(momentum, (1 + number) / (10 + number)) if number else 0.0
        wanted = share * wanted + (1 - share) * weight.numpy()
    adam.finalize_variable_values([weight])
    np.testing.assert_allclose(weight.numpy(), wanted, rtol=1e-5)


def test_each_variable_has_its_share_of_the_learning_rate():
    top, below = (keras.Variable(np.zeros(2, np.float32)) for _ in range(2))
    adam = AveragingAdam(0.1, factors=[1.0, 0.5])
    adam.build([top, below])
    adam.apply_gradients([(tf.ones(2), top), (tf.ones(2), below)])
    np.testing.assert_allclose(top.numpy(), -0.1, rtol=1e-5)
    np.testing.assert_allclose(below.numpy(), -0.05, rtol=1e-5)
