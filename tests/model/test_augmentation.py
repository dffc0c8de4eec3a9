import keras
import numpy as np
import pytest
import tensorflow as tf

from fashionclf.model.augmentation import DRAWS, Augmentation


def stripes():
    """A picture that is bright in its left quarter, with a coloured band on top."""
    picture = np.full((1, 32, 32, 3), 60, np.float32)
    picture[:, :, :8] = 200
    picture[:, :4, :, 0] = 255
    return picture


def draws(**columns):
    numbers = np.full((1, DRAWS), 0.5, np.float32)
    numbers[:, 0] = 0.0  # no flip
    for column, value in columns.items():
        numbers[:, int(column[1:])] = value
    return numbers


def test_numbers_in_the_middle_change_nothing():
    np.testing.assert_allclose(Augmentation()(stripes(), draws()), stripes(), atol=1e-3)


def test_a_flip_is_exactly_the_mirrored_picture():
    flipped = Augmentation()(stripes(), draws(_0=1.0))
    np.testing.assert_allclose(flipped, stripes()[:, :, ::-1], atol=1e-3)


def test_shift_moves_by_its_share_of_the_side():
    moved = np.array(Augmentation(shift=0.25)(stripes(), draws(_4=1.0)))
    assert moved[0, 20, 0, 1] == pytest.approx(60) and stripes()[0, 20, 0, 1] == 200


@pytest.mark.parametrize("column, expected", [(6, 60 + 25.5), (7, 127.5 + 1.2 * (60 - 127.5))])
def test_brightness_and_contrast_follow_their_formula(column, expected):
    changed = np.array(Augmentation()(stripes(), draws(**{f"_{column}": 1.0})))
    assert changed[0, 20, 20, 1] == pytest.approx(expected, abs=1e-2)


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


def test_of_activations_half_the_maps_are_mirrored_and_nothing_else():
    maps = tf.random.stateless_uniform([4, 3, 5, 2], [0, 1])
    uniform = tf.constant([[0.2], [0.7], [0.6], [0.5]]) * tf.ones([1, DRAWS])
    found = Augmentation().of_activations(maps, uniform).numpy()
    for row, mirrored in enumerate([False, True, True, False]):
        np.testing.assert_array_equal(found[row], maps[row, :, ::-1] if mirrored else maps[row])
    unchanged = Augmentation(flip=False).of_activations(maps, uniform)
    np.testing.assert_array_equal(unchanged, maps)
    pooled = maps[:, 0, :, 0]
    np.testing.assert_array_equal(Augmentation().of_activations(pooled, uniform), pooled)
