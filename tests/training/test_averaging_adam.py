"""The moving average of the weights, against its formula."""
import keras
import numpy as np
import pytest
import tensorflow as tf

from fashionclf.training.averaging_adam import AveragingAdam


@pytest.mark.parametrize("momentum, steps", [(0.99, 6), (0.5, 30)])
def test_the_average_follows_its_formula_from_the_first_step(momentum, steps):
    weight, wanted = keras.Variable(np.zeros(2, np.float32)), np.zeros(2)
    adam = AveragingAdam(0.1, use_ema=True, ema_momentum=momentum)
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
