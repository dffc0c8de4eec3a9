"""Promises of a pass: every record once, every file a row, the same picture as in training."""
import keras
import numpy as np
import pytest
import tensorflow as tf

from fashionclf.model import calibration, inference, network
from fashionclf.records.input_pipeline import Records
from tests.helpers.checks import mixed_precision
from tests.helpers.tiny import frame, make_records, make_spec


@pytest.fixture(scope="module")
def records_dir(tmp_path_factory):
    return make_records(tmp_path_factory.mktemp("inference"), per_class={"train": 1, "test": 3})


@pytest.fixture(scope="module")
def predictor():
    keras.utils.set_random_seed(0)
    return inference.Predictor(network.build(make_spec()))


def evaluation(records_dir, batch_size=4):
    return Records.open(records_dir, frame()).evaluation("test", batch_size=batch_size)


def test_the_tail_batch_is_counted_and_rows_sum_to_one(records_dir, predictor):
    found = predictor.predict_dataset(evaluation(records_dir), expected=9)  # 4 + 4 + 1
    assert found.probabilities.shape == (9, 3) and found.probabilities.dtype == np.float32
    assert found.probabilities.sum(axis=1) == pytest.approx(np.ones(9), abs=1e-6)
    assert sorted(found.labels) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert len(set(found.paths)) == 9 and all(p.startswith(i)
                                              for p, i in zip(found.paths, found.items))


def test_a_dataset_that_lost_a_record_raises(records_dir, predictor):
    with pytest.raises(ValueError, match="has 8 examples, expected 9 as in its manifest"):
        predictor.predict_dataset(evaluation(records_dir, batch_size=1).skip(1), expected=9)
    with pytest.raises(ValueError, match="has 0 examples, expected at least one"):
        predictor.predict_dataset(evaluation(records_dir).take(0), expected=None)


def test_probabilities_are_float32_and_sum_to_one_under_mixed_precision():
    with mixed_precision():
        model = network.build(make_spec())
    found = inference.Predictor(model).probabilities(tf.random.uniform((5, 32, 32, 3)) * 255)
    assert found.dtype == np.float32
    assert found.sum(axis=1) == pytest.approx(np.ones(5), abs=1e-6)


@pytest.mark.slow
def test_features_come_with_the_same_probabilities_and_are_what_the_last_layer_sees(records_dir):
    model = network.build(make_spec())
    images = next(iter(evaluation(records_dir, batch_size=3)))["image"]
    for mirrored in (False, True):
        plain, both = (inference.Predictor(model, mirrored=mirrored, features=features)
                       for features in (False, True))
        probabilities, features = both.outputs(images)
        np.testing.assert_allclose(probabilities, plain.probabilities(images), atol=1e-6)
        assert features.shape == (3, 128) and features.dtype == np.float32
        if not mirrored:
            logits = model.get_layer(network.PREDICTIONS)(features)
            np.testing.assert_allclose(tf.nn.softmax(logits), probabilities, atol=1e-5)
    dataset = both.predict_dataset(evaluation(records_dir), expected=9)
    assert dataset.features.shape == (9, 128)
    np.testing.assert_allclose(dataset.features[:3], features, rtol=1e-4, atol=1e-4)
    assert plain.predict_dataset(evaluation(records_dir), expected=9).features is None


def test_mirrored_predictions_are_the_mean_over_both_sides_of_the_mirror():
    model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten(),
                              keras.layers.Dense(3)])
    pictures = np.random.default_rng(0).uniform(0, 1, (2, 4, 4, 3)).astype(np.float32)
    plain = inference.Predictor(model)
    both = (plain.probabilities(pictures) + plain.probabilities(pictures[:, :, ::-1])) / 2
    mirrored = inference.Predictor(model, mirrored=True).probabilities(pictures)
    np.testing.assert_allclose(mirrored, both, atol=1e-6)
    assert not np.allclose(mirrored, plain.probabilities(pictures))


def weighty(policy="float32"):
    """A small model with BatchNorm, every weight of which is drawn."""
    layers = keras.layers
    model = keras.Sequential([
        keras.Input((8, 8, 3)), layers.Conv2D(4, 3, use_bias=False, dtype=policy),
        layers.BatchNormalization(dtype=policy), layers.DepthwiseConv2D(3, dtype=policy),
        layers.BatchNormalization(dtype=policy), layers.GlobalAveragePooling2D(),
        layers.Dense(3, dtype="float32")])
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in model.get_weights()])
    return model


@pytest.mark.parametrize("policy, tolerance", [("float32", 1e-6), ("mixed_bfloat16", 0.03)])
def test_fixed_weights_change_no_probability(policy, tolerance):
    model = weighty(policy)
    pictures = np.random.default_rng(1).uniform(-1, 1, (5, 8, 8, 3)).astype(np.float32)
    free, fixed = (inference.Predictor(model, fixed=fixed).probabilities(pictures)
                   for fixed in (False, True))
    assert fixed.dtype == np.float32 and np.ptp(fixed, axis=0).max() > 5 * tolerance
    np.testing.assert_allclose(fixed, free, atol=tolerance)


def test_free_weights_are_looked_up_at_each_pass_and_fixed_ones_once():
    model = weighty()
    pictures = np.ones((1, 8, 8, 3), np.float32)
    free, fixed = (inference.Predictor(model, fixed=fixed) for fixed in (False, True))
    before = [predictor.probabilities(pictures) for predictor in (free, fixed)]
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    assert free.probabilities(pictures) == pytest.approx(np.full((1, 3), 1 / 3))
    assert (fixed.probabilities(pictures) == before[1]).all()
    np.testing.assert_allclose(*before, atol=1e-6)


def test_a_smaller_last_batch_is_no_new_graph():
    traced = []

    class Noted(keras.layers.Layer):
        def call(self, images):
            traced.append(images.shape)
            return images
    model = keras.Sequential([keras.Input((4, 4, 3)), Noted(), keras.layers.Flatten()])
    predictor = inference.Predictor(model, mirrored=True)
    traced.clear()
    for size in (3, 3, 2, 1):
        assert predictor.probabilities(tf.zeros((size, 4, 4, 3))).shape == (size, 48)
    assert traced == [(None, 4, 4, 3)]


def test_a_temperature_changes_the_probabilities_and_no_feature(predictor):
    images = tf.random.stateless_uniform((3, 32, 32, 3), [0, 1]) * 255
    model = network.build(make_spec())
    plain, warm = (inference.Predictor(model, temperature=temperature, features=True)
                   for temperature in (1.0, 2.0))
    (expected, features), (found, same) = plain.outputs(images), warm.outputs(images)
    np.testing.assert_allclose(found, calibration.at_temperature(expected, 2.0), rtol=1e-6)
    np.testing.assert_array_equal(same, features)
