"""The quick layers give Keras's outputs and gradients, and only where they may."""
import keras
import numpy as np
import pytest
import tensorflow as tf

from fashionclf.model import fewer_passes as quick
from fashionclf.model import network
from tests.helpers.tiny import frame, make_spec

SIDE = 96  # gives feature maps of odd and even sides


@pytest.fixture(scope="module", name="model")
def fixture_model():
    """A network whose BatchNorm does something."""
    keras.utils.set_random_seed(0)
    model = network.build(make_spec("efficientnet_b0", framing=frame(SIDE)))
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            shape = layer.gamma.shape
            layer.set_weights([rng.uniform(0.5, 1.5, shape), rng.normal(0, 0.1, shape),
                               rng.normal(0, 0.1, shape), rng.uniform(0.5, 1.5, shape)])
    return model


def logits_and_gradients(model):
    network.unfreeze_from(model, "block3a")
    pictures = tf.random.stateless_uniform((4, SIDE, SIDE, 3), [1, 2]) * 255
    with tf.GradientTape() as tape:
        logits = model(pictures, training=False)
        loss = tf.reduce_sum(tf.nn.log_softmax(logits)[:, 0])
    return logits.numpy(), [g.numpy() for g in tape.gradient(loss, model.trainable_variables)]


@pytest.mark.slow
def test_outputs_and_gradients_are_those_of_keras(model):
    plain, gradients = logits_and_gradients(model)
    with quick.fewer_passes(model):
        fewer, of_fewer = logits_and_gradients(model)

    np.testing.assert_allclose(fewer, plain, rtol=1e-4, atol=1e-5)
    for found, expected in zip(of_fewer, gradients, strict=True):
        # Both are sums in float32 in different orders.
        np.testing.assert_allclose(found, expected, atol=2e-3 * np.abs(expected).max())


def test_every_block_takes_part_and_none_afterwards(model):
    with quick.fewer_passes(model):
        folded = [layer for layer in model.layers if getattr(layer, "folded", None)]
        swishes = [layer for layer in model.layers if getattr(layer, "in_one_pass", False)]
    norms = [layer for layer in folded if isinstance(layer, keras.layers.BatchNormalization)]

    assert len(norms) == 49 and len(folded) == 2 * len(norms)  # each with its convolution
    assert len(swishes) == 33
    assert not any(layer.folded for layer in folded) and not swishes[0].in_one_pass


def test_an_error_within_leaves_keras_layers(model):
    with pytest.raises(KeyError), quick.fewer_passes(model):
        raise KeyError
    assert not any(getattr(layer, "folded", None) for layer in model.layers)


@pytest.mark.parametrize("size, stride, padding, side", [
    (3, 1, "SAME", 5), (5, 1, "SAME", 7), (5, 2, "VALID", 11), (5, 1, "SAME", 2),
    (3, 2, "VALID", 9), (7, 1, "SAME", 6)])
def test_depthwise_gradients_of_any_kernel(size, stride, padding, side):
    x = tf.random.stateless_normal((2, side, side, 4), [1, 1])
    kernel = tf.random.stateless_normal((size, size, 4, 1), [2, 2])

    def gradients(convolution):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            loss = tf.reduce_sum(tf.sin(convolution()))
        return tape.gradient(loss, [x, kernel])

    expected = gradients(lambda: tf.nn.depthwise_conv2d(x, kernel, [1, stride, stride, 1], padding))
    found = gradients(lambda: quick._depthwise(x, kernel, stride=stride, padding=padding))
    for one, other in zip(found, expected):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_lower_precision_is_left_to_keras():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = network.build(make_spec("efficientnet_b0"))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    with quick.fewer_passes(model):
        assert not any(getattr(layer, "folded", None) for layer in model.layers)
