"""The benchmark resumes after a stop, gives all the same pictures, and leaves no one out."""
import json
import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

from tests.helpers.programs import ROOT, start_code, succeed
from tests.helpers.tiny import CLASSES, make_records
from tools.benchmark import contenders, folders, job, machine, results, timed

MINUTE = 60  # seconds
SETTING = {"machine": {"cores": "2"}, "records": "abc"}


def run(contender, number, seconds, accuracy=0.5):
    return {"contender": contender, "round": number, "accuracy": accuracy, "macro_f1": 0.25,
            "seconds": {"total": seconds, "set-up": 1.0, "head": seconds - 1.0}}


@pytest.fixture(scope="module")
def records_dir(tmp_path_factory):
    return make_records(tmp_path_factory.mktemp("benchmark"), suffix=".jpg",
                        per_class={"train": 6, "validation": 2, "test": 3})


def test_what_is_measured_is_kept_and_not_mixed_with_figures_of_another_machine(tmp_path):
    file = tmp_path / "benchmark.json"
    results.Results(file, SETTING).add_run(run("keras", 0, 10.0))
    again = results.Results(file, SETTING)
    assert again.find("keras", 0)
    assert not again.find("keras", 1) and not again.find("pytorch", 0)
    with pytest.raises(ValueError, match="machine.*--output"):
        results.Results(file, {**SETTING, "machine": {"cores": "4"}})


def test_the_table_has_medians_ranges_and_accuracy_beside_time():
    content = {"setting": SETTING, "limits": {
        "input": {"ours": [80.0, 90.0, 95.0], "bare": [100.0, 100.0, 100.0], "bar": 0.9}}}
    content["runs"] = [run("keras", 0, 20.0), run("keras", 1, 40.0), run("keras", 2, 30.0, 0.75),
                       run("fashionclf", 0, 15.0, 0.625)]
    shown = results.report(content)
    assert "| fashionclf | 1 | 15 | 2.00 | 1 | 14 | 0.625 | 0.250 |" in shown
    assert "| keras | 3 | 30 (20 to 40) | 1.00 | 1 | 29 | 0.500 (0.500 to 0.750) |" in shown
    assert "| input | 90 (80 to 95) | 100 | 0.90 (0.80 to 0.95) | 0.9 |" in shown


def test_the_job_is_the_one_of_the_config():
    given = dict(re.findall(r"^--(\w+)=(\S+)$", (ROOT / "configs/slides_model2.cfg").read_text(),
                            re.MULTILINE))
    assert float(given["head_learning_rate"]) == job.HEAD_LEARNING_RATE
    assert float(given["fine_tune_learning_rate"]) == job.FINE_TUNE_LEARNING_RATE
    assert float(given["l2"]) == job.L2 and float(given["dropout"]) == job.DROPOUT
    assert given["unfreeze_from"] == job.UNFREEZE_FROM


def test_stages_are_timed_by_what_the_program_prints(tmp_path):
    code = "import time; print('a', flush=True); time.sleep(0.2); print('b', flush=True)"
    seconds = timed.run([sys.executable, "-c", code], marks={"first": "a", "second": "b"},
                        log=tmp_path / "log")
    assert seconds["first"] >= 0.2
    assert seconds["total"] == pytest.approx(sum(seconds.values()) - seconds["total"])


def test_a_program_that_fails_is_quoted(tmp_path):
    with pytest.raises(RuntimeError, match="(?s)exit code 1.*no such luck"):
        timed.run([sys.executable, "-c", "raise SystemExit('no such luck')"], marks={},
                  log=tmp_path / "log")


def test_folders_hold_the_bytes_of_the_records(records_dir, tmp_path):
    folder = folders.export(records_dir, tmp_path / "pictures")
    stored = tfds.builder_from_directory(records_dir).as_dataset(
        decoders={"image": tfds.decode.SkipDecoding()})
    assert sorted(stored) == ["test", "train", "validation"]
    for split, records in stored.items():
        wanted = sorted((CLASSES[x["label"]], x["image"]) for x in records.as_numpy_iterator())
        assert wanted == sorted((file.parent.name, file.read_bytes())
                                for file in (folder / split).rglob("*.jpg"))


def test_a_box_is_refused():
    record = {"path": b"a.jpg", "bbox": np.array([1, 1, 9, 9]), "image": b"\xff\xd8"}
    with pytest.raises(ValueError, match="a.jpg has a box"):
        folders._check(Path("records"), record)


def test_a_contender_that_is_not_installed_is_an_error_only_when_asked_for(monkeypatch, capsys):
    monkeypatch.setattr(machine, "installed", lambda name: None)
    assert contenders.chosen([]) == ["fashionclf", "fashionclf_uncached", "keras"]
    assert r"fashionclf[benchmark]" in capsys.readouterr().out
    with pytest.raises(ValueError, match="pip install"):
        contenders.chosen(["keras", "pytorch"])


@pytest.mark.slow
@pytest.mark.skipif(not machine.installed("torchvision"), reason="PyTorch is not installed: "
                    "pip install 'fashionclf[benchmark]'")
def test_torch_pools_the_features_of_keras(tmp_path):
    file, spoilt = tmp_path / "trunk.npz", tmp_path / "spoilt.npz"
    # In processes of their own: TensorFlow and PyTorch don't go into one.
    assert start_code(contenders.CONVERT, "none", file, 64).returncode == 0
    with np.load(file) as found:
        np.savez(spoilt, **{**found, "stem_conv/kernel": found["stem_conv/kernel"] * 1.1})
    build = ("import sys, pathlib; from tools.benchmark import torch_network; "
             "torch_network.build(pathlib.Path(sys.argv[1]), 3, dropout=0.2)")
    assert "pooled features are Keras' within" in start_code(build, file).stdout
    assert "pooled features differ from Keras'" in start_code(build, spoilt).stderr


@pytest.mark.slow
@pytest.mark.parametrize("names, limits", [
    pytest.param(["fashionclf"], ["input"], id="ours"),
    pytest.param([], ["input", "build", "predict", "head_step", "fine_tune_step"], id="all",
                 marks=pytest.mark.drill)])
def test_every_contender_gets_a_row_of_finite_figures(names, limits, records_dir, tmp_path):
    flags = [f"--contenders={','.join(names)}", f"--records={records_dir}", "--weights=none",
             f"--output={tmp_path / 'out'}", "--head_epochs=1", "--fine_tune_epochs=1",
             "--image_size=32", "--batch_size=4", "--cache_views=1", "--limit_pictures=4"]
    first = succeed("tools.benchmark", *flags, "--nolimits", timeout=30 * MINUTE)
    assert "round 0" in first.stdout

    # The second time the limits alone are left to do.
    again = succeed("tools.benchmark", *flags, f"--limit_names={','.join(limits)}",
                    timeout=30 * MINUTE)
    assert "round 0" not in again.stdout + again.stderr

    found = json.loads((tmp_path / "out" / "benchmark.json").read_text())
    assert {row["contender"] for row in found["runs"]} == set(names or contenders.chosen([]))
    assert list(found["limits"]) == limits
    for row in found["runs"]:
        assert all(map(math.isfinite, [*row["seconds"].values(), row["accuracy"]]))
        assert f"| {row['contender']} | 1 |" in again.stdout


@pytest.mark.slow
def test_the_step_is_timed_with_and_without_fewer_passes():
    said = succeed("tools.benchmark.step", "--image_size=32", "--batch_size=2", "--times=1",
                   "--unfreeze_from=block7a")
    header, _, row = said.stdout.strip().splitlines()
    assert "fewer passes, ms a step" in header
    assert re.fullmatch(r"\| block7a \| \d+ \| \d+ \| \d+\.\d\d \|", row)
