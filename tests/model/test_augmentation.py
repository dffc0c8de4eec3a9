import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from fashionclf.model.augmentation import DRAWS, Augmentation


def stripes():
    """A picture that is bright in its left quarter, with a coloured band on top."""
    picture = np.full((1, 32, 32, 3), 60, np.float32)
    picture[:, :, :8] = 200
    picture[:, :4, :, 0] = 255
    return picture


@pytest.mark.parametrize("first, step", [(0.0, 1), (1.0, -1)])
def test_numbers_in_the_middle_change_nothing_and_a_flip_is_exactly_the_mirrored_picture(
        first, step):
    draws = np.array([[first] + [0.5] * (DRAWS - 1)], np.float32)
    np.testing.assert_allclose(Augmentation()(stripes(), draws), stripes()[:, :, ::step], atol=1e-3)


def test_every_picture_of_a_batch_has_its_own_change_and_stays_in_range():
    rng = np.random.default_rng(1)
    batch = np.repeat(stripes(), 16, axis=0)
    changed = np.array(Augmentation()(batch, rng.random((16, DRAWS), np.float32)))
    assert changed.min() >= 0 and changed.max() <= 255
    assert len({picture.tobytes() for picture in changed}) == 16


def test_the_layer_comes_back_from_its_config():
    layer = Augmentation(zoom=0.3, flip=False)
    again = keras.layers.deserialize(keras.layers.serialize(layer),
                                     custom_objects={"Augmentation": Augmentation})
    assert again.settings == layer.settings


def test_of_activations_half_the_feature_maps_are_mirrored_and_nothing_else():
    maps = tf.random.stateless_uniform([4, 3, 5, 2], [0, 1])
    uniform = tf.constant([[0.2], [0.7], [0.6], [0.5]]) * tf.ones([1, DRAWS])
    found = Augmentation().of_activations(maps, uniform).numpy()
    for row, mirrored in enumerate([False, True, True, False]):
        np.testing.assert_array_equal(found[row], maps[row, :, ::-1] if mirrored else maps[row])
    unchanged = Augmentation(flip=False).of_activations(maps, uniform)
    np.testing.assert_array_equal(unchanged, maps)
    pooled = maps[:, 0, :, 0]
    np.testing.assert_array_equal(Augmentation().of_activations(pooled, uniform), pooled)


def expected_transform(size, settings, mirror, angle, zoom, stretch, shift_x, shift_y):
    """Output to input pixels: to the middle, rotate, scale, mirror, back, shift; 3 x 3."""
    middle, turn = (size - 1) / 2, np.radians(angle * settings["rotation"])
    scale, aspect = 1 + zoom * settings["zoom"], np.sqrt(1 + stretch * settings["stretch"])
    side = -1 if mirror > 0 and settings["flip"] else 1
    back = [middle + size * settings["shift"] * shift for shift in (shift_x, shift_y)]
    return (np.array([[1, 0, back[0]], [0, 1, back[1]], [0, 0, 1]])
            @ np.diag([side * scale * aspect, scale / aspect, 1])
            @ [[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]
            @ [[1, 0, -middle], [0, 1, -middle], [0, 0, 1]])


@pytest.mark.parametrize("flip", [True, False])
def test_geometry_is_one_product_of_matrices(flip):
    layer = Augmentation(flip=flip, rotation=40, zoom=0.3, stretch=0.5, shift=0.2)
    signed = np.random.default_rng(0).uniform(-1, 1, (6, 7)).astype(np.float32)
    signed[0, :3] = [-1, 0, 1]  # neither side of the middle is a flip but the right one
    found = layer._transforms(9, *tf.unstack(signed)).numpy()
    for row, numbers in zip(found, signed.T, strict=True):
        expected = expected_transform(9, layer.settings, *numbers)
        np.testing.assert_allclose([*row, 1], expected.ravel(), atol=1e-5)


def test_a_tiny_picture_is_resampled_and_recoloured_as_in_numpy():
    """Bilinear between pixels; what reflection fills in from outside is not compared."""
    layer, rng = Augmentation(rotation=30, contrast=0.9), np.random.default_rng(2)
    pictures = rng.uniform(0, 255, (4, 9, 9, 3)).astype(np.float32)
    uniform = rng.random((4, DRAWS), np.float32)
    found = layer(pictures, uniform).numpy()
    compared = 0
    for number, signed in enumerate(2 * uniform.astype(float) - 1):
        x, y = np.meshgrid(np.arange(9), np.arange(9))
        transform = expected_transform(9, layer.settings, *signed[:6])
        x, y = np.einsum("ij,jhw->ihw", transform, [x, y, np.ones_like(x)])[:2]
        moved = np.stack([ndimage.map_coordinates(pictures[number, ..., channel], [y, x], order=1)
                          for channel in range(3)], axis=2)
        brightness, contrast, saturation = signed[6:] * [0.1 * 255, 0.9, 0.2]
        grey = moved.mean(axis=2, keepdims=True)
        saturated = grey + (1 + saturation) * (moved - grey)
        expected = np.clip((1 + contrast) * (saturated - 127.5) + 127.5 + brightness, 0, 255)
        inside = (x > 0) & (x < 8) & (y > 0) & (y < 8)
        np.testing.assert_allclose(found[number][inside], expected[inside], atol=0.05)
        compared += inside.sum()
    assert compared > 150 and found.min() == 0 and found.max() == 255


def test_changes_are_as_large_as_the_measured_recipes_need_them():
    assert Augmentation().settings == dict(
        flip=True, rotation=15.0, zoom=0.15, stretch=0.1, shift=0.1, brightness=0.1, contrast=0.2,
        saturation=0.2)
