"""Promises of Grad-CAM: the heat lies where the class is seen, and is what the paper says."""
import keras
import numpy as np
import pytest

from fashionclf.model import grad_cam, network
from tests.helpers.checks import mixed_precision
from tests.helpers.tiny import frame, make_spec

BLACK = np.zeros((64, 64, 3), np.float32)


def build(architecture):
    keras.utils.set_random_seed(0)
    return network.build(make_spec(architecture, framing=frame(64)))


def seeing_colours(sign=1):
    """A network whose logit of a class is, by its weights, `sign` times how much of the colour
    there is anywhere; its last map has 4 x 4 places."""
    model = build("baseline_cnn")
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel = np.zeros(layer.kernel.shape, np.float32)
            kernel[1, 1, range(3), range(3)] = 1  # passes the colours on
            layer.set_weights([kernel, np.zeros(layer.filters)])
    head = model.get_layer(network.PREDICTIONS)
    head.set_weights([sign * np.eye(*head.kernel.shape), np.zeros(3)])
    return model


def cornered():
    """A picture that is red at its top left and blue at its bottom right."""
    picture = BLACK.copy()
    picture[:16, :16, 0] = picture[-16:, -16:, 2] = 255
    return picture


@pytest.mark.parametrize("frozen", [False, True])
def test_the_heat_is_in_the_corner_on_which_the_class_depends(frozen):
    model = seeing_colours()
    model.trainable = not frozen
    heat = grad_cam.heatmaps(model, np.stack([cornered()] * 2), [0, 2])
    expected = np.zeros((2, 4, 4), np.float32)
    expected[0, 0, 0] = expected[1, 3, 3] = 1
    np.testing.assert_array_equal(heat, expected)
    assert heat.dtype == np.float32


def test_pictures_of_several_turns_get_the_heat_that_each_gets_alone():
    model, count = seeing_colours(), 2 * grad_cam.AT_ONCE + 1
    pictures = np.float32(np.random.default_rng(0).integers(0, 256, (count, 64, 64, 3)))
    classes = [place % 3 for place in range(count)]
    alone = [grad_cam.heatmaps(model, picture[None], [label])[0]
             for picture, label in zip(pictures, classes)]
    np.testing.assert_allclose(grad_cam.heatmaps(model, pictures, classes), alone, rtol=1e-5)


def test_what_speaks_against_a_class_or_not_at_all_gives_no_heat():
    against = grad_cam.heatmaps(seeing_colours(sign=-1), cornered()[None], [0])
    absent = grad_cam.heatmaps(seeing_colours(), cornered()[None], [1])
    np.testing.assert_array_equal([against, absent], np.zeros((2, 1, 4, 4)))


@pytest.mark.parametrize("architecture, last_map", [
    pytest.param("efficientnet_b0", "top_activation", marks=pytest.mark.slow),
    ("baseline_cnn", "max_pooling2d")])
def test_below_one_dense_layer_it_is_the_class_activation_map_of_the_logit(architecture, last_map):
    """As section 3.1 of the paper derives; the gradient of a probability would not give that."""
    model = build(architecture)
    images = np.random.default_rng(0).uniform(0, 255, (4, 64, 64, 3)).astype(np.float32)
    classes = [0, 1, 2, 0]
    last = [layer for layer in model.layers if len(layer.output.shape) == 4][-1]
    assert last.name.startswith(last_map)
    maps = keras.Model(model.input, last.output)(images, training=False)
    kernel = model.get_layer(network.PREDICTIONS).get_weights()[0]
    expected = np.maximum(np.einsum("bhwk,kb->bhw", maps, kernel[:, classes]), 0)
    expected /= np.maximum(expected.max(axis=(1, 2), keepdims=True), 1e-30)
    assert expected.any()
    np.testing.assert_allclose(grad_cam.heatmaps(model, images, classes), expected, atol=1e-4)


def test_a_model_of_mixed_precision_is_explained_like_any_other():
    with mixed_precision():
        heat = grad_cam.heatmaps(seeing_colours(), cornered()[None], [2])
    assert heat.dtype == np.float32 and np.argwhere(heat).tolist() == [[0, 3, 3]]


@pytest.mark.parametrize("classes", [[0], [0, 3], [-1, 0]])
def test_labels_that_do_not_fit_are_refused(classes):
    with pytest.raises(ValueError, match="2 pictures need as many labels from 0 to 2"):
        grad_cam.heatmaps(seeing_colours(), np.stack([BLACK] * 2), classes)


def test_an_overlay_leaves_alone_what_is_cold_and_reddens_what_is_hot():
    picture = np.random.default_rng(0).integers(0, 256, (60, 40, 3), np.uint8)
    np.testing.assert_array_equal(grad_cam.overlay(picture, np.zeros((7, 7))), picture)
    heat = np.zeros((4, 4), np.float32)
    heat[0, 3] = 1  # stretches over 15 x 10 pixels at the top right
    found = grad_cam.overlay(picture, heat)
    assert found.shape == picture.shape and found.dtype == np.uint8
    np.testing.assert_array_equal(found[30:], picture[30:])
    np.testing.assert_array_equal(found[:, :20], picture[:, :20])
    red, green, blue = found[:5, -4:].mean(axis=(0, 1))
    assert red > 1.2 * max(green, blue)
    assert grad_cam.overlay(picture[:1, :1], heat).shape == (1, 1, 3)
