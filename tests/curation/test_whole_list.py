"""The columns of predict that depend on all pictures."""
import numpy as np
import pytest

from fashionclf.curation import whole_list
from fashionclf.deployment import prediction_table

CLASSES = ["Tee", "Coat"]
TEE, COAT = np.array([0.9, 0.1], np.float32), np.array([0.2, 0.8], np.float32)
SURE = np.array([0, 1], np.float32)


def completed(answers, features=None, **asked):
    """The further cells of each row, for answers: probabilities or the reason for none."""
    further = whole_list.columns(CLASSES, **asked)
    rows = [[*prediction_table.row(f"{i}.jpg", answer, CLASSES), f"csv {i}", *further.kept(answer)]
            for i, answer in enumerate(answers)]
    found = list(further.completed(lambda: iter(rows), features))
    first, fixed = len(prediction_table.COLUMNS), slice(len(prediction_table.COLUMNS))
    assert [row[fixed] for row in found] == [row[fixed] for row in rows]
    assert [row[-1] for row in found] == [f"csv {i}" for i in range(len(answers))]
    assert all(len(row) == first + len(further.names) + 1 for row in found)
    return [row[first:-1] for row in found]


def test_every_picture_of_a_garment_has_its_answer_even_an_unreadable_one():
    rows = completed([TEE, COAT, "no picture", "no picture"], items=["a", "b", "a", "c"], count=0)
    assert rows == [["a", "Tee", 0.9, 1], ["b", "Coat", 0.8, 1], ["a", "Tee", 0.9, 1],
                    ["c", None, None, 0]]


def test_the_pictures_to_label_next_are_ranked_and_the_others_blank(capsys):
    features = np.array([[1, 0], [np.nan, np.nan], [0, 1], [1, 0.01]], np.float32)
    rows = completed([TEE, "no picture", COAT, TEE], features, items=None, count=3)
    assert sorted(map(str, sum(rows, []))) == ["1", "2", "None", "None"]
    assert rows[1] == [None] and rows[2] != [None]
    assert "--next=3: 2 of 4 pictures are marked" in capsys.readouterr().err
    rows = completed([TEE, "no picture", COAT, TEE], features, items=["g", "g", "g", "h"], count=2)
    assert [row[0] for row in rows] == ["g", "g", "g", "h"]
    assert [row[4] is not None for row in rows].count(True) == 2 and rows[3][4]


@pytest.mark.parametrize("by_uncertainty, first, words", [
    (True, 0, "of which the model is unsure"), (False, 3, "whatever the model's classes")])
def test_a_model_of_other_classes_has_no_say_in_what_to_label_next(
        by_uncertainty, first, words, capsys):
    # The model is unsure of 0 alone; 3 stands for most.
    features = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 0.2], [0, 1, 0.1]], np.float32)
    rows = completed([COAT, SURE, SURE, SURE], features, items=None, count=1,
                     by_uncertainty=by_uncertainty)
    assert [i for i, row in enumerate(rows) if row[0] == 1] == [first]
    assert f"--next=1: 1 of 4 pictures are marked, unlike each other, {words}" in \
        capsys.readouterr().err


def test_without_a_flag_there_are_no_further_columns():
    assert completed([TEE, "no picture"], items=None, count=0) == [[], []]


@pytest.mark.parametrize("name", ["item_class", "item_pictures", "next"])
def test_a_column_of_the_csv_never_takes_a_name_of_ours(name):
    assert prediction_table.columns([name], [name])[-1] == f"csv_{name}"
