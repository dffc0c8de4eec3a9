"""Promises of the intervals: they hold their score, and grow where garments are few or alike."""
import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy.stats import binomtest

from fashionclf.evaluation import intervals, metrics
from tests.evaluation.test_metrics import random_case


@pytest.mark.parametrize("hits, n", [(81, 263), (0, 20), (10, 10), (1, 5)])
def test_pictures_that_are_a_garment_each_have_wilsons_interval(hits, n):
    found = intervals.of_share(np.arange(n) < hits, np.arange(n))
    assert found == pytest.approx(binomtest(hits, n).proportion_ci(method="wilson"))


@pytest.mark.parametrize("right", [True, False])
def test_where_all_are_right_or_none_garments_count_not_pictures(right):
    found = intervals.of_share(np.full(200, right), np.repeat(np.arange(10), 20))
    assert found == pytest.approx(binomtest(10 * right, 10).proportion_ci(method="wilson"))


def test_copies_of_pictures_within_a_garment_change_nothing():
    labels, probabilities = random_case(n=100)
    classes, garments = list("abcdefg"), np.arange(100).astype(str)
    alone = metrics.summary(labels, probabilities, classes, garments)
    copied = metrics.summary(np.repeat(labels, 16), np.repeat(probabilities, 16, axis=0), classes,
                             np.repeat(garments, 16))
    for name in ("top1", "top3", "top5", "macro_f1"):
        assert copied[f"{name}_interval"] == pytest.approx(alone[f"{name}_interval"]), name
    assert alone["interval_method"] == "Wilson, at the effective sample size of 100 garments"


@hypothesis.given(st.data())
@hypothesis.settings(deadline=None, max_examples=100)
def test_no_interval_leaves_its_score_out(data):
    n, num_classes = data.draw(st.integers(1, 60)), data.draw(st.integers(1, 6))
    draw = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    labels = draw.integers(draw.integers(1, num_classes + 1), size=n)
    probabilities = np.eye(num_classes)[np.where(
        draw.random(n) < draw.choice([0, 0.1, 1]), draw.integers(num_classes, size=n), labels)]
    items = draw.integers(draw.integers(1, n + 1), size=n).astype(str)
    classes = list("abcdef"[:num_classes])
    scores = metrics.summary(labels, probabilities, classes, items)
    for name in ("top1", "top3", "top5", "macro_f1"):
        interval = scores[f"{name}_interval"]
        if scores["garments"] < intervals.FEWEST:
            assert interval is None and "fewer than 5" in scores["interval_notes"][name]
        else:
            assert 0 <= interval[0] <= scores[name] <= interval[1] <= 1
            assert interval[1] - interval[0] > 0.01

    table = metrics.per_class(labels, probabilities.argmax(axis=1), classes, items)
    given = table[table["recall_note"] == ""]
    assert (given["recall_low"] <= given["recall"]).all()
    assert (given["recall"] <= given["recall_high"]).all()


REST = {"temperature": 1, "ece": 0, "warnings": [], "remarks": []}  # of metrics.json


def ten_folders():
    """372 pictures in 10 folders, each class a "garment" of its own; 353 are right."""
    labels = np.arange(372) % 10
    probabilities = np.eye(10)[labels]
    probabilities[::20] = np.roll(probabilities[::20], 1, axis=1)
    return labels, probabilities, [f"class {i}" for i in range(10)], labels.astype(str)


def test_classes_of_one_garment_are_named_and_the_macro_f1_lies_within_its_interval():
    scores = metrics.summary(*ten_folders())
    low, high = scores["macro_f1_interval"]
    assert scores["macro_f1"] == pytest.approx(0.949, abs=0.003)
    assert low < 0.75 < scores["macro_f1"] < high
    assert scores["interval_notes"]["macro_f1"].startswith(
        "10 of 10 classes have fewer than 5 garments, which say little about their F1: class 0 1,")
    printed = metrics.headline({**scores, **REST}, "test")
    assert scores["interval_notes"]["macro_f1"] in printed


def test_a_split_of_few_garments_has_no_interval_but_words():
    scores = metrics.summary(np.zeros(9, int), np.ones((9, 1)), ["Coat"], [*"abcabcabc"])
    assert scores["top1_interval"] is scores["macro_f1_interval"] is None
    assert "1.000  (no interval: 3 garments, fewer than 5)" in metrics.headline(
        {**scores, **REST}, "test")


def test_95_of_100_intervals_hold_the_true_accuracy_of_alike_pictures():
    draw, held = np.random.default_rng(0), []
    for _ in range(400):
        share = np.repeat(draw.beta(4, 1, size=40), 8)  # of a garment's pictures
        low, high = intervals.of_share(draw.random(320) < share, np.repeat(np.arange(40), 8))
        held.append(low <= 0.8 <= high)
    assert 0.92 <= np.mean(held) <= 0.99
