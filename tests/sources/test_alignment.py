"""Classes of a run and of other records are aligned by a file; what it can't align is said."""
import numpy as np
import pytest

from fashionclf.sources import alignment

OURS, THEIRS = ["Tee", "Singlet", "Camisole", "Bodysuit"], ["Top", "T-Shirt", "Hat"]
ROWS = "run_class,records_class\nTee,T-Shirt\nSinglet,Top\nBodysuit,\nCamisole,Top\n"


def read(tmp_path, text=ROWS):
    file = tmp_path / "align.csv"
    file.write_text(text)
    return alignment.read(str(file), OURS, THEIRS)


def test_several_classes_of_the_run_may_be_one_of_the_records(tmp_path):
    found = read(tmp_path)
    assert found.places.tolist() == [1, 0, 0, -1]
    assert found.reached.tolist() == [0, 1] and found.reached_classes == ["Top", "T-Shirt"]
    assert found.members(0).tolist() == [1, 2]


def test_probabilities_are_summed_into_the_records_classes(tmp_path):
    given = np.array([[0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.1, 0.1]], np.float32)
    summed = read(tmp_path).summed(given)
    np.testing.assert_allclose(summed, [[0.5, 0.1], [0.2, 0.7]], rtol=1e-6)
    assert summed.dtype == np.float32


def test_what_maps_what_can_not_and_how_much_that_is_are_counted(tmp_path):
    found = read(tmp_path)
    given = np.array([[0.6, 0.2, 0.2, 0.0],   # T-Shirt, right
                      [0.4, 0.3, 0.3, 0.0],   # Top by the sum alone, right
                      [0.3, 0.1, 0.1, 0.5],   # surest of Bodysuit, else T-Shirt, wrong
                      [0.9, 0.0, 0.1, 0.0]])  # a Hat, which the run can't say
    facts = found.facts(np.array([1, 0, 0, 2]), given)
    assert facts["maps"] == {"Top": ["Singlet", "Camisole"], "T-Shirt": ["Tee"]}
    assert facts["run classes without one"] == ["Bodysuit"]
    assert facts["records' classes without one"] == {"Hat": 1}
    assert (facts["pictures"], facts["scored"], facts["coverage"]) == (4, 3, 0.75)
    assert facts["accuracy over all"] == 0.5
    assert facts["scored of which the run says a class without one"] == 1
    said = alignment.as_text(facts)
    assert "Singlet + Camisole -> Top" in said and "Hat (1 pictures)" in said
    assert "only in the run: Bodysuit" in said
    assert "coverage: 3 of 4 pictures (0.750)" in said


@pytest.mark.parametrize("text, message", [
    ("run,to\nTee,Top\n", ":1: has no column 'run_class', only run, to; name its two"),
    (ROWS + "Tee,Top\n", r":6: 'Tee' is repeated \(first on line 2\); remove one"),
    (ROWS + "Te,Top\n", ":6: the run has no class 'Te'; did you mean Tee"),
    (ROWS.replace("Tee,T-Shirt", "Tee,TShirt"),
     ":2: the records have no class 'TShirt'; did you mean T-Shirt"),
    (ROWS.replace("Singlet,Top\n", ""), ": has no row for 'Singlet' of the run; add one"),
    ("run_class,records_class\nTee,\nSinglet,\nBodysuit,\nCamisole,\n",
     ": maps no class of the run; fill in"),
    ("", ":1: expected a header and at")])
def test_a_bad_alignment_is_named_with_file_line_and_cure(tmp_path, text, message):
    with pytest.raises(ValueError, match=f"align.csv{message}"):
        read(tmp_path, text)


def test_a_missing_alignment_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="--align takes a CSV with run_class,records_class"):
        alignment.read(tmp_path / "none.csv", OURS, THEIRS)


def test_where_each_class_has_its_own_nothing_is_said_to_be_without():
    found = alignment.Alignment(run_classes=["Tee"], records_classes=["Top"], places=np.array([0]))
    said = alignment.as_text(found.facts(np.array([0]), np.array([[1.0]])))
    assert "only in the run: -" in said and "only in the records: -" in said


def test_the_first_class_of_the_records_is_reached_as_any_other():
    found = alignment.Alignment(run_classes=["Tee", "Cape"], records_classes=["Top", "Hat"],
                                places=np.array([0, -1]))
    assert found.reached.tolist() == [0] and found.members(0).tolist() == [0]
    facts = found.facts(np.array([0, 0, 0, 1]),
                        np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.2, 0.8]]))
    assert facts["run classes without one"] == ["Cape"]
    assert facts["accuracy over all"] == 0.75  # all are Top where Cape is left out
    assert facts["scored of which the run says a class without one"] == 1
    assert "only in the run: Cape" in alignment.as_text(facts)


def test_the_word_same_aligns_the_classes_of_one_name_and_refuses_to_align_none():
    found = alignment.read("same", ["Tee", "Hat", "Top"], THEIRS)
    assert found.places.tolist() == [-1, 2, 0] and found.reached_classes == ["Top", "Hat"]
    with pytest.raises(ValueError, match="--align=same: .* no class name in common"):
        alignment.read("same", OURS, THEIRS)
