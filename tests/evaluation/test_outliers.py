"""Promises of outliers and drift: what is marked, how often by mistake, what is told of a batch."""
import numpy as np
import pytest

from fashionclf.evaluation import drift, outliers


def test_the_distance_is_that_of_the_fifth_most_similar_picture():
    angles = np.radians([0, 10, 20, 30, 40, 50])
    sample = np.column_stack([np.cos(angles), np.sin(angles)])
    found = outliers.distances(np.array([[3.0, 0.0], [0.0, 2.0]]), sample)
    assert found == pytest.approx(1 - np.cos(np.radians([40, 80])), abs=1e-6)
    assert outliers.distances(np.array([[3.0, 0.0]]), sample[:2]) == pytest.approx(
        1 - np.cos(angles[1]), abs=1e-6)


def test_rounded_directions_give_the_same_distances():
    features = np.abs(np.random.default_rng(0).normal(size=(40, 1280)))
    exact, rounded = (outliers.distances(features[:20], outliers.unit(sample)) for sample in (
        features[20:], outliers.directions(features[20:])))
    assert rounded == pytest.approx(exact, abs=1e-3)


def test_each_garment_weighs_the_same_in_the_threshold():
    # A garment with 900 far pictures, and 99 with one near picture each
    distances = np.repeat([0.9, 0.1], [900, 99])
    garments = np.repeat(np.arange(100), [900] + [1] * 99)
    assert outliers.threshold(distances, garments) == pytest.approx(0.1)


def held_out(rng, garments=60):
    """Distances, predicted classes and garments: ten pictures each, alike within a garment."""
    numbers = np.repeat(np.arange(garments), 10)
    distances = 0.3 + (rng.normal(size=garments)[numbers] + rng.normal(size=numbers.size)) / 50
    return distances, rng.integers(3, size=garments)[numbers], numbers


def measure(batch, kept):
    return drift.measure(*batch[:2], held_out=kept[0], held_out_predicted=kept[1],
                         garments=kept[2], num_classes=3)


def test_new_garments_of_the_same_kind_raise_no_alarm_and_farther_ones_do():
    rng = np.random.default_rng(0)
    kept, alarms = held_out(rng), 0
    for _ in range(30):
        found = measure(held_out(rng, garments=8), kept)
        alarms += found.other_pictures + found.other_classes
    assert alarms <= 4
    distances, predicted, _ = held_out(rng, garments=8)
    assert measure((distances + 0.06, predicted), kept).other_pictures


def test_a_class_that_is_much_more_frequent_is_named():
    rng = np.random.default_rng(0)
    kept = held_out(rng)
    found = measure((kept[0][:100], np.full(100, 2)), kept)
    assert found.other_classes and found.moved_class == 2 and found.share == 1


def test_a_few_pictures_are_no_batch():
    kept = held_out(np.random.default_rng(0))
    assert measure((kept[0][:49], kept[1][:49]), kept) is None
