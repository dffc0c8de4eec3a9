"""Promises of the errors that are shown: confident ones, of as many garments as there are."""
import pandas as pd

from fashionclf.evaluation import mistakes

ERRORS = pd.DataFrame({"item": list("aaaabbc"), "path": list("1234567"),
                       "probability": [0.99, 0.98, 0.97, 0.96, 0.95, 0.94, 0.3]})


def test_each_garment_shows_its_most_confident_error_before_another_shows_its_second():
    shuffled = ERRORS.sample(frac=1, random_state=1)
    for count, paths in ((1, "1"), (3, "157"), (4, "1257"), (5, "12567"), (6, "123567"),
                         (9, "1234567")):
        assert "".join(mistakes.spread(shuffled, count)["path"]) == paths


def test_no_error_is_no_error():
    assert mistakes.spread(ERRORS[:0], 5).empty
