"""Wrong labels are found by models that never saw their garment, and nothing else is claimed."""
import numpy as np
import pandas as pd
import pytest

from fashionclf.curation import doubtful_labels, label_report, out_of_fold
from fashionclf.curation.doubtful_labels import CheckedLabels
from fashionclf.curation.labelled_pictures import Described, LabelledPictures
from fashionclf.pictures.picture_hashes import PictureHashes

CLASSES = ["Coat", "Dress", "Skirt"]


def features_of(classes, seed=0, width=8):
    """Features that separate the classes."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(len(classes), width)) + 8 * np.eye(width)[classes]


@pytest.fixture
def planted():
    """180 pictures of 60 garments in three classes; eleven of them are labelled wrongly."""
    true = np.arange(180) // 3 % 3
    wrong = np.zeros(180, bool)
    wrong[5:180:17] = True
    labels = np.where(wrong, (true + 1) % 3, true)
    return labels, true, np.arange(180) // 3, wrong


def check(labels, true, garments, classes=CLASSES):
    features = features_of(true)
    found = doubtful_labels.by_other_folds(features, labels, garments, len(classes))
    return CheckedLabels(classes=classes, labels=labels, garments=garments, probabilities=found,
                         features=features)


def in_memory(checked, unusable=()):
    """The pictures of `checked`, of which files are never opened."""
    rows = pd.DataFrame({"path": [f"{i:03d}.jpg" for i in range(len(checked.labels))],
                         "digest": "0" * 64, "label": checked.labels,
                         "item": checked.garments.astype(str)})
    return LabelledPictures(
        classes=checked.classes, table=rows, hashes=PictureHashes(),
        unusable=pd.DataFrame(unusable, columns=["path", "digest", "label", "item", "error"]),
        described=[Described(checked.probabilities, checked.features)],
        loaders=lambda paths: {path: path.upper for path in paths})


def test_planted_errors_rank_first_with_the_class_that_they_are_of(planted):
    labels, true, garments, wrong = planted
    checked = check(labels, true, garments)
    first = checked.ranked()[:wrong.sum()]
    assert sorted(first) == np.flatnonzero(wrong).tolist()
    doubtful = checked.doubts.doubtful
    assert not doubtful[~wrong].any() and doubtful.sum() > wrong.sum() / 2
    assert np.array_equal(checked.suggested[wrong], true[wrong])


def test_neighbours_are_of_other_garments_and_stand_beside_a_doubtful_label(planted):
    labels, true, garments, wrong = planted
    checked = check(labels, true, garments)
    assert sorted(checked.neighbours) == np.flatnonzero(checked.doubts.doubtful).tolist()

    # All features of a garment are the same: its own pictures would be the nearest.
    alone = CheckedLabels(classes=CLASSES, labels=labels, garments=garments,
                          probabilities=checked.probabilities,
                          features=np.repeat(features_of(true)[::3], 3, axis=0))
    for i, counts in alone.neighbours.items():
        assert counts.sum() == doubtful_labels.NEIGHBOURS
        assert counts[true[i]] > counts[labels[i]]


def test_a_doubtful_picture_may_have_fewer_neighbours_than_are_looked_at():
    labels, others = np.array([0, 1, 0]), np.array([[0.9, 0.1], [0.1, 0.9], [0.1, 0.9]])
    checked = CheckedLabels(classes=CLASSES[:2], labels=labels, garments=np.arange(3),
                            probabilities=others, features=np.eye(3))
    assert {i: counts.tolist() for i, counts in checked.neighbours.items()} == {2: [1, 1]}


def test_folds_never_split_a_garment_and_spread_each_class():
    rng = np.random.default_rng(0)
    garments = rng.integers(0, 40, 300)
    labels = garments % 3
    fold = out_of_fold.folds(labels, garments)
    assert (pd.Series(fold).groupby(garments).nunique() == 1).all()
    assert (pd.crosstab(labels, fold) > 0).all(axis=None)


def test_a_garments_own_label_never_teaches_the_model_that_checks_it():
    """Each garment has a feature of its own, by which a model that saw it would know its label."""
    garments = np.repeat(np.arange(20), 5)
    labels = np.random.default_rng(0).permutation(np.arange(20) % 2)[garments]
    found = doubtful_labels.by_other_folds(100 * np.eye(20)[garments], labels, garments, 2)
    assert found[np.arange(100), labels].mean() < 0.6


def test_two_classes_are_enough_and_one_is_refused():
    labels = np.arange(60) % 2
    checked = check(labels, labels, np.arange(60), classes=CLASSES[:2])
    assert not checked.doubts.doubtful.any() and checked.confidence.min() > 0.5
    with pytest.raises(ValueError, match="fewer than two classes have pictures of 3 garments"):
        check(np.zeros(60, int), labels, np.arange(60))


def test_three_garments_of_a_class_are_enough():
    labels = np.arange(6) % 2
    checked = check(labels, labels, np.arange(6), classes=CLASSES[:2])
    assert checked.checked.all() and checked.confidence.mean() > 0.5


def test_a_class_of_one_garment_is_named_and_not_checked(planted):
    labels, true, garments, _ = planted
    labels, true = np.where(garments == 0, 3, labels), np.where(garments == 0, 3, true)
    checked = check(labels, true, garments, classes=[*CLASSES, "Beret"])
    assert np.flatnonzero(~checked.checked).tolist() == [0, 1, 2]

    why = doubtful_labels.why_too_few(labels, garments, 4)
    rows = label_report.table(in_memory(checked), checked, why)
    assert [row[0] for row in rows[-3:]] == ["000.jpg", "001.jpg", "002.jpg"]
    assert rows[-1][1] == "Beret" and rows[-1][-1].startswith("its class has 1 garments")
    assert "; not checked: 3 (Beret)." in label_report.summary(checked, 0)
    assert "Beret" not in label_report.noise_text(checked)


def test_a_row_tells_what_a_person_needs_to_decide(planted):
    labels, true, garments, wrong = planted
    checked = check(labels, true, garments)
    pictures = in_memory(checked, [("gone.jpg", "", 1, "9", "missing file")])
    rows = [dict(zip(label_report.COLUMNS, row))
            for row in label_report.table(pictures, checked, [""] * len(labels))]
    assert len(rows) == 181 and rows[-1]["error"] == "missing file" and rows[-1]["class"] == "Dress"

    worst = rows[0]
    number = int(worst["path"][:3])
    given, suggested = CLASSES[labels[number]], CLASSES[true[number]]
    assert (worst["class"], worst["suggested"], worst["doubtful"]) == (given, suggested, True)
    assert worst["probability"] > 0.5 > worst["probability_of_class"]
    assert worst["evidence"].startswith("doubtful: of 10 similar, ")
    assert f" are {suggested}, " in worst["evidence"] and worst["evidence"].endswith(given)
    assert rows[20]["evidence"] is None and rows[20]["doubtful"] is False


def test_cards_are_the_doubtful_ones_in_the_order_of_the_rows(planted):
    labels, true, garments, wrong = planted
    checked = check(labels, true, garments)
    cards = list(label_report.cards(in_memory(checked), checked, 4))
    shown = [i for i in checked.ranked() if checked.doubts.doubtful[i]][:4]
    assert [int(card.path[:3]) for card in cards] == shown
    assert all(CLASSES.index(card.suggested) == true[int(card.path[:3])] for card in cards)
    priorities = [card.priority for card in cards]
    assert priorities == sorted(priorities, reverse=True) and len(cards[0].reasons) == 1
    assert cards[0].pixels() == cards[0].path.upper()
    assert {*cards[0].alternatives, cards[0].given, cards[0].suggested} == set(CLASSES)


def test_the_share_of_wrong_labels_is_within_its_interval(planted):
    labels, true, garments, wrong = planted
    noise = check(labels, true, garments).noise().set_index("class")
    for label, name in enumerate(CLASSES):
        row, share = noise.loc[name], wrong[labels == label].mean()
        assert row["pictures"] == (labels == label).sum()
        assert row["low"] <= share <= row["high"] and abs(row["wrong"] - share) < 0.03
    assert noise["mostly"].tolist() == ["Skirt", "Coat", "Dress"]
