"""Promises of reference.npz: it comes back as written, and only for the model that wrote it."""
import dataclasses
import json

import numpy as np
import pytest

from fashionclf.deployment import confidence
from fashionclf.evaluation import reference

CLASSES = ["Tee", "Coat", "Hat"]
MODEL = {"architecture": "baseline_cnn", "classes": CLASSES, "image_size": 32, "box_margin": 0.0,
         "mirrored": False, "temperature": 1.0, "weights_sha256": "f00d"}


def make(garments=60, errors=2):
    """Three held-out pictures of each garment; `errors` garments are wrong, at low probability."""
    rng, n = np.random.default_rng(0), 3 * garments
    labels = np.arange(n) // 3 % 3
    wrong = np.arange(n) < 3 * errors
    probabilities = np.full((n, 3), 0.05, np.float32)
    probabilities[np.arange(n), (labels + wrong) % 3] = 0.9
    probabilities[wrong] = 0.2 + 0.4 * (probabilities[wrong] > 0.5)
    probabilities[wrong] /= probabilities[wrong].sum(axis=1, keepdims=True)
    features = rng.normal(size=(n + 50, 8)) + 3
    return reference.of(split="validation", records_fingerprint="cafe", labels=labels,
                        probabilities=probabilities, items=[f"g{i // 3}" for i in range(n)],
                        features=features[:n], training_features=features[n:])


@pytest.fixture
def run_dir(tmp_path):
    (tmp_path / "model.json").write_text(json.dumps(MODEL))
    reference.write(tmp_path, make(), model=MODEL)
    return tmp_path


def test_a_reference_comes_back_as_it_was_written(run_dir):
    found, made = reference.read(run_dir), make()
    for field in dataclasses.fields(made):
        np.testing.assert_allclose(*(getattr(each, field.name) for each in (found, made))
                                   ) if field.name not in ("split", "records_fingerprint") else None
    assert found.held_out() == "180 validation pictures of 60 garments"
    assert found.records_fingerprint == "cafe"


def test_a_run_without_a_reference_has_none(run_dir):
    (run_dir / reference.FILE).unlink()
    assert reference.read(run_dir) is None


@pytest.mark.parametrize("field, value", [("weights_sha256", "beef"), ("temperature", 2.0),
                                          ("classes", CLASSES[::-1])])
def test_a_reference_of_another_model_is_refused(run_dir, field, value):
    (run_dir / "model.json").write_text(json.dumps(MODEL | {field: value}))
    with pytest.raises(ValueError, match=f"of another model: {field} differ"):
        reference.read(run_dir)


def test_a_damaged_reference_is_refused(run_dir):
    file = run_dir / reference.FILE
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xff
    file.write_bytes(content)
    with pytest.raises(ValueError, match="damaged.*--keep_reference"):
        reference.read(run_dir)


def judge(run_dir, min_precision=None, min_probability=None):
    return confidence.judge(str(run_dir), min_precision=min_precision,
                            min_probability=min_probability)


def test_rows_are_checked_below_the_threshold_that_the_precision_needs(run_dir):
    found = judge(run_dir, min_precision=0.9)
    assert "60 garments" in found.told and found.min_probability > 0
    unsure, sure = np.array([0.1, 0.1, 0.1]) + 0.05, np.array([0.96, 0.02, 0.02])
    assert found.cells(unsure, None, CLASSES)[0] and not found.cells(sure, None, CLASSES)[0]
    assert found.cells("no picture", None, CLASSES) == (True, None, None)


def test_a_precision_that_no_threshold_shows_is_refused_with_the_highest(run_dir):
    with pytest.raises(ValueError, match="--min_precision=0.999: the 180 .* show at most 0.9"):
        judge(run_dir, min_precision=0.999)


def test_a_probability_overrules_the_precision(run_dir):
    assert judge(run_dir, min_probability=0.25).min_probability == 0.25
    unmarked = judge(run_dir, min_probability=0.0)
    assert unmarked.told is None and unmarked.cells("no picture", None, CLASSES)[0] is False


def test_a_run_without_a_reference_marks_nothing_and_refuses_a_precision(run_dir):
    (run_dir / reference.FILE).unlink()
    without = judge(run_dir)
    assert without.cells(np.array([0.4, 0.3, 0.3]), without.distance(np.ones(8)), CLASSES) == (
        False, None, None)
    with pytest.raises(ValueError, match="no reference.npz.*--keep_reference"):
        judge(run_dir, min_precision=0.9)


def test_too_few_garments_mark_nothing_and_it_is_told(run_dir):
    reference.write(run_dir, make(garments=4, errors=1), model=MODEL)
    few = judge(run_dir)
    assert few.min_probability == 0 and "too few garments" in few.told
    assert few.set_quantile is None


def test_a_far_picture_is_an_outlier_and_to_be_checked(run_dir):
    found, sure = judge(run_dir), np.array([0.98, 0.01, 0.01])
    assert found.cells(sure, found.distance(np.full(8, 3.0)), CLASSES) == (False, False, "Tee")
    assert found.cells(sure, found.distance(np.full(8, -3.0)), CLASSES)[:2] == (True, True)


def test_the_end_tells_of_outliers_and_of_pictures_of_another_kind(run_dir):
    tally = confidence.Tally(judge=judge(run_dir), classes=CLASSES)
    rows = [tally.row(f"{i}.jpg", np.array([0.98, 0.01, 0.01]), np.full(8, -3.0) + i / 100)
            for i in range(60)]
    assert rows[0][-3:] == [True, True, "Tee"]
    text = "\n".join(tally.lines())
    assert "60 of 60 pictures look like nothing" in text and "of another kind" in text
    assert "Tee is the class of 100%" in text
