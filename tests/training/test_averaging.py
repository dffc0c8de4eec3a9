"""Promises of --average: the mean of the runs' weights, tested like any training."""
import json

import keras
import numpy as np
import pandas as pd
import pytest

from fashionclf.evaluation.lineage import Lineage
from fashionclf.model import network, weights
from fashionclf.records.input_pipeline import Records
from fashionclf.training import averaging
from tests.helpers.checks import assert_same, succeed
from tests.helpers.tiny import CLASSES, frame, make_records, make_spec, save_run

ROSE = "the training loss rose"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    keras.utils.set_random_seed(0)
    return [save_run(folder / name, make_spec(), kept={
        "gained": True, "summary": f"of {name}", "warnings": [ROSE] if name == "two" else []})
        for name in ("one", "two", "three")]


def folders(runs):
    return [str(run.folder) for run in runs]


def means(runs):
    return [np.mean(values, axis=0) for values in zip(*(run.network.get_weights() for run in runs))]


def test_it_is_the_mean_of_all_weights_and_of_one_run_that_run(runs):
    model = network.build(make_spec())
    averaging.average(model, folders(runs))
    assert_same(model.get_weights(), means(runs), atol=1e-7)
    averaging.average(model, folders(runs[:1]))
    assert_same(model.get_weights(), runs[0].network.get_weights())


@pytest.mark.parametrize("changed, named", [
    ({"architecture": "efficientnet_b0"}, "architecture"), ({"classes": CLASSES[::-1]}, "classes"),
    ({"framing": frame(48)}, "framing")])
def test_runs_that_do_not_go_together_are_refused(runs, changed, named):
    with pytest.raises(ValueError, match=f"one: its {named} is"):
        averaging.check(folders(runs), make_spec(**changed), logit_adjustment=0.0)
    averaging.check(folders(runs), make_spec(), logit_adjustment=0.0)


def test_a_head_is_shifted_towards_rare_classes_once(tmp_path):
    shifted = save_run(tmp_path / "shifted", make_spec(), logit_adjustment=0.25)
    averaging.check(folders([shifted]), make_spec(), logit_adjustment=0.0)
    with pytest.raises(ValueError, match=r"already \(--logit_adjustment=0.25\); add"):
        averaging.check(folders([shifted]), make_spec(), logit_adjustment=0.5)


@pytest.mark.slow
def test_train_averages_reports_and_remembers_the_runs(runs, tmp_path):
    records = make_records(tmp_path / "records", per_class={"train": 8, "validation": 4, "test": 4})
    command = ("fashionclf.train", f"--records={records}", f"--run={tmp_path / 'mean'}",
               f"--average={','.join(folders(runs))}", "--architecture=baseline_cnn",
               "--image_size=32", "--box_margin=0")
    printed = succeed(*command)
    assert "average: the mean of the weights of 3 runs" in printed

    run = weights.load(tmp_path / "mean")
    assert_same(run.network.get_weights(), means(runs), atol=1e-7)
    told = json.loads((run.folder / "model.json").read_text())
    assert [other["weights_sha256"] for other in told["averaged"]] == [
        json.loads((one.folder / "model.json").read_text())["weights_sha256"] for one in runs]
    assert told["kept"]["summary"] == "the weights are the mean of those of other runs"
    assert told["kept"]["phase"] == "average" and (run.folder / "report/metrics.json").is_file()
    warning = f"{runs[1].folder}: {ROSE}"
    assert warning in json.loads((run.folder / "report/metrics.json").read_text())["warnings"]
    (again,) = averaging.facts([str(run.folder)])["averaged"]
    assert again["warnings"] == [warning], "the mean of a mean"
    (row,) = pd.read_csv(run.folder / "history.csv").to_dict("records")
    assert row["phase"] == "average" and 0 <= row["val_accuracy"] <= 1 and np.isnan(row["loss"])

    # It has seen the training pictures of these records; what the runs saw is not recorded.
    lineage = Lineage.of_run(run.folder, run.provenance)
    assert len(lineage.train.digests) == Records.open(records, frame()).examples["train"]
    assert list(lineage.unhashed) == folders(runs)
    assert "is finished" in succeed(*command)
