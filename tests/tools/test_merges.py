"""Merges are chosen by the mistakes they remove for each bit they lose."""
import numpy as np
import pandas as pd
import pytest

from tools.studies import merges

CLASSES = ["Tee", "Top", "Hat", "Coat"]
MATRIX = np.array([[30, 10, 0, 0],   # Tee
                   [6, 14, 0, 0],    # Top
                   [0, 0, 20, 0],    # Hat
                   [0, 0, 4, 16]])   # Coat


def test_what_a_merge_loses_is_the_decrease_of_entropy():
    counts = MATRIX.sum(axis=1)
    lost = merges.bits_lost(counts)
    before = merges.entropy(counts)
    assert before == pytest.approx(0.4 * np.log2(2.5) + 3 * 0.2 * np.log2(5))
    assert lost[0, 1] == pytest.approx(before - merges.entropy(np.array([60, 20, 20])))
    np.testing.assert_array_equal(lost, lost.T)
    assert lost[2, 3] == pytest.approx(0.4)  # two halves of 0.4 of the pictures: a bit of these


def test_the_pair_that_is_most_confused_for_its_information_goes_first():
    found = merges.suggest(MATRIX, CLASSES, merges=2)
    steps = found.steps
    assert steps["merge"].tolist() == ["", "Tee and Top", "Hat and Coat"]
    assert steps["classes"].tolist() == [4, 3, 2]
    assert steps["mistakes"].tolist() == [0, 16, 4]
    assert steps["accuracy"].tolist() == pytest.approx([0.8, 0.96, 1.0])
    assert steps["majority_baseline"].tolist() == pytest.approx([0.4, 0.6, 0.6])
    assert steps["per_bit"][2] == pytest.approx(0.04 / 0.4)
    assert steps["bits"].diff()[1:].tolist() == pytest.approx((-steps["bits_lost"][1:]).tolist())
    assert found.into == {"Tee": "Tee+Top", "Top": "Tee+Top", "Hat": "Coat+Hat",
                          "Coat": "Coat+Hat"}
    rows, columns = np.repeat(np.argwhere(MATRIX), MATRIX[MATRIX > 0], axis=0).T
    true, predicted = (pd.Series(np.array(CLASSES)[labels]) for labels in (rows, columns))
    assert merges.merged_accuracy(true, predicted, found.into) == pytest.approx(1.0)


def test_a_rare_class_gives_more_for_less_information_than_a_common_pair():
    matrix = np.array([[90, 10, 0], [10, 90, 0], [4, 0, 0]])
    first = merges.suggest(matrix, ["Tee", "Top", "Vest"], merges=1).steps.iloc[1]
    assert first["merge"] == "Tee and Vest" and first["mistakes"] == 4


def test_a_merged_class_is_merged_on():
    matrix = np.array([[10, 5, 5, 0], [5, 10, 4, 0], [0, 0, 10, 0], [0, 0, 0, 10]])
    found = merges.suggest(matrix, CLASSES, merges=9)
    assert found.into == {"Tee": "Tee+Top+Hat", "Top": "Tee+Top+Hat", "Hat": "Tee+Top+Hat",
                          "Coat": "Coat"}
    assert len(found.steps) == 3 and found.steps["accuracy"].iloc[-1] == 1.0


def test_a_class_without_pictures_of_its_own_is_lost_for_nothing():
    matrix = np.array([[5, 1, 0], [0, 5, 2], [0, 0, 0]])
    first = merges.suggest(matrix, ["Tee", "Top", "Vest"], merges=1).steps.iloc[1]
    assert (first["merge"], first["bits_lost"], first["per_bit"]) == ("Top and Vest", 0.0, np.inf)


def test_nothing_is_merged_that_gains_too_little_or_nothing():
    assert len(merges.suggest(MATRIX, CLASSES, merges=3, least_per_bit=0.2).steps) == 2
    apart = merges.suggest(np.eye(4, dtype=int), CLASSES, merges=3)
    assert len(apart.steps) == 1 and apart.into == {name: name for name in CLASSES}


def test_a_merged_class_takes_no_name_that_is_taken():
    matrix = np.array([[9, 3, 0], [0, 5, 0], [0, 0, 5]])
    with pytest.raises(ValueError, match=r"'Tee' would be merged into 'Tee\+Top'.*--category_map"):
        merges.suggest(matrix, ["Tee", "Top", "Tee+Top"], merges=1)
