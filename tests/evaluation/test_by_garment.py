"""Scores per garment: what counts as one, what is left out, and how far to trust them."""
import numpy as np
import pytest

from fashionclf.evaluation import by_garment
from fashionclf.model.inference import Predictions

CLASSES = ["Tee", "Coat"]


def predictions(rows):
    """Of rows of path, item, label and the probability of Tee."""
    paths, items, labels, tee = zip(*rows)
    return Predictions(labels=np.array(labels), paths=list(paths), items=list(items),
                       probabilities=np.array([[p, 1 - p] for p in tee], np.float32))


SHOP = predictions([row for n in range(6) for row in (
    (f"s{n // 2}/g{n}/1.jpg", f"g{n}", n % 2, 0.4 if n else 0.3),  # right for coats alone
    (f"s{n // 2}/g{n}/2.jpg", f"g{n}", n % 2, 0.9 if n % 2 == 0 else 0.2))])


def test_a_garment_is_right_where_its_pictures_are_right_together():
    found = by_garment.scores(SHOP, CLASSES)
    assert found["garments"] == 6 and found["pictures"] == 12 and found["left_out"] == 0
    assert found["top1"] == found["macro_f1"] == 1.0  # of the pictures, three of four are right
    low, high = found["top1_interval"]
    assert 0.5 < low < high == 1.0
    assert by_garment.sentence(found) == (
        "Per garment (6 with 12 pictures; items of the records): accuracy 1.000 "
        f"({low:.3f} to 1.000), macro F1 1.000 "
        "({:.3f} to {:.3f})".format(*found["macro_f1_interval"]))


def test_garments_of_one_item_are_alike_and_widen_the_interval():
    senders = predictions([(f"s{n % 5}_{n}/{k}.jpg", f"s{n % 5}", n % 2, 0.9) for n in range(40)
                           for k in range(2)])
    wide = by_garment.scores(senders, CLASSES, r"s\d+_\d+")
    narrow = by_garment.scores(predictions(
        [(f"s{n}/{k}.jpg", f"s{n}", n % 2, 0.9) for n in range(40) for k in range(2)]), CLASSES)
    assert wide["garments"] == narrow["garments"] == 40 and wide["top1"] == narrow["top1"] == 0.5
    assert np.diff(wide["top1_interval"]) > np.diff(narrow["top1_interval"])


def test_items_of_several_classes_are_no_garments_and_few_of_them_are_left_out():
    few = predictions([(f"g{n}/{k}.jpg", f"g{n}", int(n == 0 and k), 0.9) for n in range(20)
                       for k in range(2)])
    found = by_garment.scores(few, CLASSES)
    assert (found["garments"], found["pictures"], found["left_out"]) == (19, 38, 1)
    assert "1 of several classes left out" in by_garment.sentence(found)

    senders = predictions([(f"s{n}/{k}.jpg", f"s{n}", k, 0.9) for n in range(6) for k in range(2)])
    found = by_garment.scores(senders, CLASSES)
    assert "top1" not in found and "6 of 6 with several pictures have several classes, as 's0'" \
        in by_garment.sentence(found)
    with pytest.raises(ValueError, match=r"--group_pattern=s\\d: 6 of 6 with several pictures"):
        by_garment.scores(senders, CLASSES, r"s\d")


def test_garments_of_one_picture_have_the_scores_of_pictures():
    single = predictions([(f"{n}.jpg", f"{n}", n % 2, 0.9) for n in range(6)])
    assert by_garment.sentence(by_garment.scores(single, CLASSES)) == (
        "No answer per garment (items of the records): each garment has one picture")
    # A pattern may join what the records take for several garments.
    assert by_garment.scores(single, CLASSES, r"^(\d)\.jpg")["note"] == \
        "each garment has one picture"


def test_a_pattern_that_joins_items_compares_what_it_joins():
    joined = predictions([(f"look{n}_{k}.jpg", f"i{n}{k}", n % 2, 0.9) for n in range(6)
                          for k in range(3)])
    found = by_garment.scores(joined, CLASSES, r"look\d")
    assert found["garments"] == 6 and found["pictures"] == 18
