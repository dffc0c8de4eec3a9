"""Promises of the numbers, on cases small enough to count by eye."""
import math

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, classification_report, f1_score

from fashionclf.evaluation import metrics
from tests.helpers.programs import start_code

CLASSES = ["Coat", "Dress", "Tee"]
# Coat, Coat, Dress, Tee predicted as Coat, Dress, Dress, Coat.
LABELS = np.array([0, 0, 1, 2])
PROBABILITIES = np.array([[.7, .2, .1], [.3, .6, .1], [.1, .8, .1], [.5, .3, .2]], np.float32)
PREDICTED = PROBABILITIES.argmax(axis=1)


def random_case(n=400, num_classes=7, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(num_classes - 1, size=n)  # the last class has no picture
    probabilities = rng.dirichlet(np.ones(num_classes), size=n)
    probabilities[np.arange(n), labels] += 0.1
    return labels, probabilities / probabilities.sum(axis=1, keepdims=True)


def test_summary_equals_the_numbers_counted_by_hand():
    found = metrics.summary(LABELS, PROBABILITIES, CLASSES)
    assert found["n"] == 4
    assert found["top1"] == 2 / 4
    assert found["top3"] == found["top5"] == 1.0
    # F1: Coat 2*1/(2+2), Dress 2*1/(1+2), Tee 0
    assert found["macro_f1"] == pytest.approx((1 / 2 + 2 / 3 + 0) / 3)
    assert found["weighted_f1"] == pytest.approx((2 * 1 / 2 + 2 / 3 + 0) / 4)
    assert found["balanced_accuracy"] == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert found["majority_baseline"] == 2 / 4
    assert found["log_loss"] == pytest.approx(-math.log(.7 * .3 * .8 * .2) / 4)


def test_summary_agrees_with_scikit_learn_where_a_class_has_no_picture():
    labels, probabilities = random_case()
    predicted = probabilities.argmax(axis=1)
    found = metrics.summary(labels, probabilities, list("abcdefg"))
    assert found["macro_f1"] == pytest.approx(f1_score(labels, predicted, average="macro"))
    with pytest.warns(UserWarning, match="not in y_true"):
        expected = balanced_accuracy_score(labels, predicted)
    assert found["balanced_accuracy"] == pytest.approx(expected)


def test_a_log_loss_stays_finite_where_a_label_has_no_probability():
    found = metrics.summary(np.array([0, 1]), np.array([[1., 0.], [1., 0.]]), ["Coat", "Tee"])
    assert found["log_loss"] == pytest.approx(-math.log(1e-12) / 2)


def test_top_k_breaks_ties_as_argmax_does():
    probabilities = np.full((6, 6), 1 / 6)
    found = metrics.summary(np.arange(6), probabilities, list("abcdef"))
    assert (found["top1"], found["top3"], found["top5"]) == (1 / 6, 3 / 6, 5 / 6)


@pytest.mark.parametrize("labels, probabilities, message", [
    ([0, 1], np.ones((3, 3)) / 3, r"need probabilities \[2, 3\]"),
    ([], np.ones((0, 3)), "at least one row"),
    ([0, 3], np.ones((2, 3)) / 3, "labels range from 0 to 3; 3 classes are numbered 0 to 2"),
    ([-1, 1], np.ones((2, 3)) / 3, "labels range from -1 to 1; 3 classes are numbered 0 to 2"),
    ([0, 1], [[1, 0, 0], [math.nan, 0, 1]], "row 1 .* not finite"),
])
def test_summary_names_what_is_wrong_with_its_input(labels, probabilities, message):
    with pytest.raises(ValueError, match=message):
        metrics.summary(labels, probabilities, CLASSES)


def test_per_class_equals_the_numbers_counted_by_hand_and_keeps_a_class_that_never_occurs():
    nan, table = math.nan, metrics.per_class(LABELS, PREDICTED, [*CLASSES, "Cape"])
    assert table["class"].tolist() == [*CLASSES, "Cape"]
    assert table["n"].tolist() == [2, 1, 1, 0]
    np.testing.assert_array_equal(table["precision"], [1 / 2, 1 / 2, nan, nan])  # Tee: never said
    np.testing.assert_array_equal(table["recall"], [1 / 2, 1, 0, nan])
    assert table["f1"].tolist() == pytest.approx([1 / 2, 2 / 3, 0, nan], nan_ok=True)
    assert table["most_confused_with"].tolist() == ["Dress", "", "Coat", ""]


def test_per_class_gives_no_interval_but_words_for_a_class_of_few_garments():
    labels, items = np.repeat([0, 1], [10, 20]), [f"{i // 2}" for i in range(10)] + [*"abcd"] * 5
    table = metrics.per_class(labels, labels, CLASSES, items)
    assert table["garments"].tolist() == [5, 4, 0]
    assert table["recall_low"][0] == pytest.approx(0.5655, abs=1e-4)  # Wilson's of 5 of 5
    assert table["recall_high"][0] == 1 and table["recall_low"][1:].isna().all()
    assert table["recall_note"].tolist() == ["", *["fewer than 5 garments"] * 2]


@pytest.mark.parametrize("tees, note", [
    (metrics.intervals.FEWEST, None),
    (metrics.intervals.FEWEST - 1,
     "1 of 2 classes have fewer than 5 garments, which say little about their F1: Tee 4")])
def test_the_headline_names_classes_of_few_garments(tees, note):
    labels = np.array([0] * 6 + [2] * tees)
    found = metrics.summary(labels, np.eye(3, dtype=np.float32)[labels], CLASSES,
                            items=[f"garment {i}" for i in range(len(labels))])
    assert found["garments"] == len(labels)
    assert found["interval_notes"].get("macro_f1") == note
    shown = metrics.headline({**found, "temperature": 1.0, "ece": 0.0, "warnings": [],
                              "remarks": []}, "test")
    low, high = found["macro_f1_interval"]
    assert f"macro F1            1.000  ({low:.3f} to {high:.3f})\n" in shown
    assert shown.count("Tee 4") == bool(note)


def test_scores_of_too_few_garments_have_their_number_in_place_of_an_interval():
    found = metrics.summary(LABELS, PROBABILITIES, CLASSES, items=["a", "a", "b", "c"])
    assert found["top1_interval"] is None
    assert found["interval_notes"]["top1"] == "no interval: 3 garments, fewer than 5"


def test_confused_pairs_come_by_number_then_by_share_of_the_true_class():
    labels, predicted = [0, 0, 0, 0, 1, 1, 2], [1, 1, 2, 0, 0, 1, 0]
    assert metrics.confused_pairs(np.array(labels), np.array(predicted), CLASSES).to_dict(
        "split")["data"] == [[CLASSES[0], CLASSES[1], 2, 0.5], [CLASSES[2], CLASSES[0], 1, 1.0],
                             [CLASSES[1], CLASSES[0], 1, 0.5], [CLASSES[0], CLASSES[2], 1, 0.25]]
    assert metrics.confused_pairs(np.arange(3), np.arange(3), CLASSES).empty


def test_text_table_is_scikit_learn_s_and_its_macro_average_is_the_summary_s():
    labels, probabilities = random_case()
    classes = [*"abcdefg", "never"]
    table = metrics.text_table(labels, probabilities.argmax(axis=1), classes)
    assert table == classification_report(labels, probabilities.argmax(axis=1), digits=3,
                                          target_names=classes[:7], zero_division=0)
    found = metrics.summary(labels, probabilities, classes[:7])
    macro = next(line for line in table.splitlines() if line.strip().startswith("macro avg"))
    assert float(macro.split()[4]) == pytest.approx(found["macro_f1"], abs=5e-4)


def test_metrics_load_without_tensorflow():
    code = "import sys, fashionclf.evaluation.metrics; sys.exit('tensorflow' in sys.modules)"
    assert start_code(code).returncode == 0
