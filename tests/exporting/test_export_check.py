"""A comparison counts every picture, and finds each way in which an export can be wrong."""
import numpy as np
import pytest

from fashionclf.exporting import export_check, export_trial
from fashionclf.exporting.export_check import Comparison
from fashionclf.exporting.export_trial import Trial
from fashionclf.pictures import files as picture_files
from fashionclf.records.input_pipeline import Records
from tests.helpers.tiny import frame, make_records

LATENCY = {"median": 1.0, "p90": 2.0}
SAME = dict(pictures=9, largest_difference=0.0, features_difference=0.0, agreement=1.0,
            run_accuracy=1.0, accuracy=1.0, run_pictures_per_second=1.0, pictures_per_second=1.0,
            run_latency_ms=LATENCY, latency_ms=LATENCY)


@pytest.fixture(scope="module")
def records_dir(tmp_path_factory):
    return make_records(tmp_path_factory.mktemp("check"), per_class={"train": 8, "test": 7})


def stub(examples, labels):
    """A runtime that is sure that each example is of its class in `labels`."""
    known = {picture.tobytes(): label for picture, label in
             zip(export_trial.load(examples, frame()), labels, strict=True)}

    def run(batch):
        rows = np.eye(3, dtype=np.float32)[[known[picture.tobytes()] for picture in batch]]
        return [rows, rows + 1]
    return run


def test_the_comparison_counts_every_picture_and_the_worst_one(records_dir):
    examples = export_trial.of_records(Records.open(records_dir, frame()), "test", 5)
    labels = [example.label for example in examples]
    run = stub(examples, labels)
    export = stub(examples, labels[:4] + [(labels[4] + 1) % 3])
    trial = Trial(examples=examples, calibration=[], batch_size=4)
    found = export_check.compare_on_pictures(run, export, frame(), trial)
    assert (found.pictures, found.largest_difference, found.agreement) == (5, 1.0, 0.8)
    assert (found.run_accuracy, found.accuracy) == (1.0, 0.8)
    assert found.features_difference == pytest.approx((2 / 6) ** 0.5)  # of (2, 1, 1), (1, 2, 1)


@pytest.mark.parametrize("name, widths", [("probabilities", (2, 3)), ("features", (3, 2))])
def test_outputs_of_another_shape_are_refused(records_dir, name, widths):
    listed, _ = picture_files.find([str(records_dir.parent / "source")])
    examples = export_trial.of_files(listed, 3)
    assert len({example.encoded for example in examples}) == 3
    with pytest.raises(ValueError, match=f"{name} .* can't be exported to that format"):
        export_check.compare_on_pictures(
            stub(examples, [0, 1, 2]),
            lambda batch: [np.ones((len(batch), width)) for width in widths],
            frame(), Trial(examples=examples, calibration=[]))


@pytest.mark.parametrize("name, change, message", [
    ("onnx", {"largest_difference": 2e-4}, "a probability differs by 2.0e-04 from the run's, "
     "above --tolerance=0.0001"),
    ("litert", {"features_difference": 2e-4}, "a picture's features differ by 2.0e-04"),
    ("litert_float16", {"largest_difference": 0.03}, "above --float16_tolerance=0.02"),
    ("onnx_float16", {"features_difference": 0.03}, "above --float16_tolerance=0.02"),
    ("litert_int8", {"agreement": 0.94}, "for 0.9400 of the pictures, below --int8_agreement"),
    ("litert_int8", {"features_difference": 0.6}, "above 0.5, the limit of int8")])
def test_an_export_beyond_its_limit_has_a_reason_and_a_cure(name, change, message):
    trial = Trial(examples=[], calibration=[])
    assert export_check.fault(name, Comparison(**SAME), trial) is None
    assert message in export_check.fault(name, Comparison(**SAME | change), trial)


@pytest.mark.parametrize("name, difference", [("litert_float16", 0.01), ("litert_int8", 0.3)])
def test_smaller_weights_may_differ_more(name, difference):
    found = Comparison(**SAME | {"largest_difference": difference,
                                 "features_difference": difference})
    assert export_check.fault(name, found, Trial(examples=[], calibration=[])) is None
