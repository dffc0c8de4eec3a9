"""Promises of the report's first sentence: right figures, no more claimed than is known."""
import pandas as pd
import pytest

from fashionclf.evaluation import opening

SCORES = {"n": 410, "top1": 0.8415, "top1_interval": [0.7903, 0.882], "interval_level": 0.95,
          "majority_baseline": 0.1976}
UNSEEN = {"training_pictures": 3687, "copies": 0, "near_duplicates": 0, "in_validation": 0,
          "share_of_shared_garments": 0.0}
CLASSES = pd.DataFrame({"class": ["Shoes", "Blouse", "Polo", "Tee"], "n": [36, 2, 10, 81],
                        "garments": [13, 2, 7, 22], "f1": [0.97, 0.0, 0.62, 0.9]})


def sentence(classes=CLASSES, seen=UNSEEN, **scores):
    return opening.sentence({**SCORES, "seen_in_training": seen, **scores}, classes)


def test_it_says_how_many_of_a_hundred_are_right_and_the_best_and_weakest_class():
    assert sentence() == (
        "Of 100 photographs of garments it has never seen, the model names the right one of 4 "
        "classes for 84 (79 to 88); it is best at Shoes and weakest at Polo.")
    assert opening.basis(SCORES, CLASSES) == (
        "The range is the 95% interval for pictures of the same kind; those of another kind, as "
        "another shop's, may lie outside it. Always answering Tee would be right for 20. Best and "
        "weakest are by F1, of the classes of 5 garments or more.")


@pytest.mark.parametrize("known, subject, caveat", [
    ({"share_of_shared_garments": None}, "photographs it has never seen", ""),
    ({"training_pictures": 0}, "photographs like these", ""),
    ({"unhashed": ["imagenet", "saved_models/older"]}, "photographs like these", ""),
    ({"unhashed": ["imagenet", "trunk.h5"]}, "photographs of garments it has never seen", ""),
    ({"copies": 80, "near_duplicates": 7}, "photographs like these",
     ", but it was trained on 87 of these 410: expect less of it on new ones"),
    ({"in_validation": 410}, "photographs like these",
     ", but its epoch was chosen by 410 of these 410: expect less of it on new ones"),
    ({"share_of_shared_garments": 0.978}, "photographs like these",
     ", but it was trained on other photographs of the garments of 98 of them: expect less of it "
     "on new ones")])
def test_a_result_that_could_mislead_is_not_told_without_its_caveat(known, subject, caveat):
    told = sentence(seen={**UNSEEN, **known})
    assert told.startswith(f"Of 100 {subject}, the model names")
    assert f"for 84 (79 to 88){caveat};" in told


def test_without_an_interval_or_classes_to_compare_it_claims_neither():
    few = CLASSES.assign(garments=4)
    assert sentence(few, top1_interval=None).endswith("for 84 (too few garments for an interval).")
    basis = opening.basis({**SCORES, "top1_interval": None}, few)
    assert basis == "Always answering Tee would be right for 20."
    assert sentence(CLASSES.assign(f1=0.5)).endswith("(79 to 88).")
    assert sentence(CLASSES.assign(f1=[1.0, 0.0, 0.6, 1.0])).endswith("; it is weakest at Polo.")


@pytest.mark.parametrize("share, said", [(0, 0), (0.001, 1), (0.996, 99), (1, 100), (0.5, 50)])
def test_all_and_none_are_said_only_where_it_is_all_or_none(share, said):
    assert f"for {said} (" in sentence(top1=share)
