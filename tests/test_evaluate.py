"""The contract of `python -m fashionclf.evaluate`, kept by the program itself."""
import json
import shutil
import subprocess
import sys

import pytest
from tiny import CLASSES, make_records

from fashionclf import classifier

pytestmark = pytest.mark.slow  # each test starts the program


@pytest.fixture(scope="module")
def records_dir(tmp_path_factory):
    return make_records(tmp_path_factory.mktemp("evaluate"),
                        per_class={"train": 1, "validation": 2, "test": 3})


def make_run(folder, classes):
    spec = classifier.Spec("baseline_cnn", classes, 32, 0.0)
    folder.mkdir()
    classifier.save(classifier.build(spec), spec, folder)
    return folder


def evaluate(*words):
    return subprocess.run([sys.executable, "-m", "fashionclf.evaluate", *words],
                          capture_output=True, text=True)


def test_the_report_and_the_printed_numbers_agree(records_dir, tmp_path):
    run = make_run(tmp_path / "run", CLASSES)
    done = evaluate(f"--run={run}", f"--records={records_dir}")
    assert done.returncode == 0, done.stderr
    scores = json.loads((run / "report/metrics.json").read_text())
    assert (scores["n"], scores["split"]) == (9, "test")
    assert f"accuracy            {scores['top1']:.3f}" in done.stdout
    assert "majority baseline   0.333" in done.stdout
    for file in (run / "report").iterdir():
        assert str(file) in done.stdout
    assert list((run / "tensorboard/report").iterdir())


def test_another_split_does_not_touch_the_report_of_the_test_split(records_dir, tmp_path):
    run = make_run(tmp_path / "run", CLASSES)
    other = make_records(tmp_path / "other", per_class={"train": 1, "test": 1})
    shutil.copy(other / "manifest.json", run / "records_manifest.json")
    done = evaluate(f"--run={run}", f"--records={records_dir}", "--split=validation")
    assert done.returncode == 0, done.stderr
    assert json.loads((run / "report_validation/metrics.json").read_text())["n"] == 6
    assert not (run / "report").exists()
    assert "are not the records of the training" in done.stdout


def test_records_of_other_classes_are_refused_in_one_line(records_dir, tmp_path):
    run = make_run(tmp_path / "run", ["Red", "Green", "Cyan"])
    done = evaluate(f"--run={run}", f"--records={records_dir}")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: ") and "lack Cyan; the run does not know Blue" in last
    assert not (run / "report").exists()
