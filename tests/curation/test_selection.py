"""What to label next: typical ones of many kinds, uncertain ones first, one of each garment."""
import time

import numpy as np
import pytest

from fashionclf.curation import selection


@pytest.fixture(scope="module")
def clusters():
    """60 pictures around 6 directions, which are far from each other; gives their clusters too."""
    rng = np.random.default_rng(0)
    centres, of = np.eye(6, 32), np.repeat(np.arange(6), 10)
    return (centres[of] + 0.1 * rng.normal(size=(60, 32))).astype(np.float16), of


def test_pictures_of_different_kinds_are_chosen_and_always_the_same_ones(clusters):
    features, of = clusters
    assert sorted(of[selection.choose(features, 6)]) == list(range(6))
    chosen = selection.choose(features, 20)
    assert len(set(chosen.tolist())) == 20 and set(of[chosen]) == set(range(6))
    assert selection.choose(features, 20).tolist() == chosen.tolist()


def test_a_picture_that_stands_for_many_comes_before_an_odd_one(clusters):
    features, of = clusters
    odd = np.zeros((1, 32), np.float16)
    odd[0, 20] = 1
    chosen = selection.choose(np.concatenate([odd, features]), 7)
    assert chosen[-1] == 0 and sorted(of[chosen[:-1] - 1]) == list(range(6))
    units = features.astype(float) / np.linalg.norm(features.astype(float), axis=1, keepdims=True)
    nearest = [np.linalg.norm(units - units[of == kind].mean(axis=0), axis=1).argmin()
               for kind in of[chosen[:-1] - 1]]
    assert nearest == (chosen[:-1] - 1).tolist()


def test_uncertain_pictures_come_before_certain_ones(clusters):
    features, of = clusters
    uncertain = np.where(of % 2, 0.01, 0.9) + 0.1 * np.random.default_rng(0).random(60)
    chosen = selection.choose(features, 3, uncertain=uncertain)
    assert sorted(of[chosen]) == [0, 2, 4]


def test_each_garment_is_asked_for_once(clusters):
    features, of = clusters
    chosen = selection.choose(features, 20, garments=of)
    assert len(chosen) == 6 and sorted(of[chosen]) == list(range(6))


def test_copies_are_asked_for_once(clusters):
    features, _ = clusters
    copies = np.concatenate([features, features * np.float16(1.01), features[:7]])
    assert len(selection.choose(copies, 500)) == len(selection.choose(features, 500)) <= 60


def test_unusable_pictures_are_never_chosen(clusters):
    features = clusters[0].copy()
    features[[3, 8]] = np.nan
    uncertain = np.ones(60)
    uncertain[[3, 8]] = np.nan
    chosen = selection.choose(features, 100, uncertain=uncertain)
    assert len(chosen) >= 50 and not {3, 8} & set(chosen.tolist())
    for nothing in (np.empty((0, 4)), np.full((3, 4), np.nan)):
        assert selection.choose(nothing, 5).tolist() == []


def test_pictures_without_any_feature_and_certain_ones_are_chosen_at_last():
    features = np.array([[0, 0], [1, 0], [0, 0]], np.float32)
    assert sorted(selection.choose(features, 9)) == [0, 1, 2]
    assert len(set(selection.choose(np.eye(3), 2, uncertain=np.zeros(3)))) == 2


def test_uncertainty_is_one_minus_the_margin():
    rows = np.array([[0.2, 0.5, 0.3], [1, 0, 0], [0.5, 0.5, 0]], np.float32)
    assert selection.uncertainty(rows) == pytest.approx([0.8, 0, 1])
    assert selection.uncertainty(rows[:, :1]).tolist() == [1, 1, 1]


def test_thirty_thousand_pictures_take_seconds():
    features = np.random.default_rng(0).normal(size=(30_000, 64)).astype(np.float32)
    start = time.process_time()
    assert len(selection.choose(features, 100)) == 100
    assert time.process_time() - start < 30
