"""The programs as a user starts them."""
import json
import re
import shutil
import signal

import h5py
import numpy as np
import pandas as pd
import pytest

from tests.helpers.checks import succeed
from tests.helpers.programs import ROOT, begin, start, start_code, wait_until
from tests.helpers.small_disk import small_disk
from tests.helpers.tiny import CLASSES, make_records, make_spec, save_run

PROGRAMS = ["build_tfrecords", "train", "evaluate", "predict", "check_labels", "search", "export",
            "serve"]
TOOLS = [".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__main__")
         for file in (ROOT / "tools").rglob("*.py") if "cli.run(main" in file.read_text()]
HEAVY = ["tensorflow", "tensorflow_datasets", "keras", "pandas", "scipy", "sklearn", "matplotlib",
         "apache_beam", "hypothesis", "faiss", "fastapi"]
CONFIGS = sorted((ROOT / "configs").glob("*.cfg"))


@pytest.mark.parametrize("module", [*(f"fashionclf.{name}" for name in PROGRAMS), *TOOLS])
def test_help_comes_at_once_as_nothing_heavy_is_imported(module):
    code = f"""if True:
        import atexit, runpy, sys
        sys.argv = ["{module}", "--help"]
        atexit.register(lambda: print("heavy:", sorted(set(sys.modules) & set({HEAVY}))))
        runpy.run_module("{module}", run_name="__main__")"""
    shown = start_code(code).stdout
    assert "--helpfull" in shown and shown.splitlines()[-1] == "heavy: []"


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.name)
def test_every_config_passes_its_programs_check(config):
    opens = re.match(r"# python -m (\S+) --flagfile=configs/(\S+)\n", config.read_text())
    assert opens[2] == config.name
    succeed(opens[1], f"--flagfile={config}", "--only_check_args", fresh=True)


@pytest.fixture(scope="module")
def records_dir(tmp_path_factory):
    return make_records(tmp_path_factory.mktemp("programs"),
                        per_class={"train": 24, "validation": 4, "test": 4})


def small(records_dir, run, *more):
    return ("fashionclf.train", f"--records={records_dir}", f"--run={run}",
            "--architecture=baseline_cnn", "--weights=none", "--image_size=32", "--batch_size=8",
            "--head_epochs=1", "--fine_tune_epochs=3", "--ema_momentum=0.9", *more)


def await_a_checkpoint(training, run, phase="fine_tune"):
    """Waits until the training has saved at least once in `phase`."""
    wait_until(lambda: list(run.glob(f"checkpoints/{phase}/*.index")), training)


@pytest.mark.slow
def test_an_error_of_the_work_itself_is_one_line_too(tmp_path, records_dir):
    (tmp_path / "text.txt").write_text("no weights")
    shown = start("fashionclf.train", f"--records={records_dir}", f"--run={tmp_path / 'run'}",
                  f"--weights={tmp_path / 'text.txt'}")
    lines = [line for line in shown.stderr.splitlines() if line.startswith("error: ")]
    assert shown.returncode == 1 and len(lines) == 1 and "does not fit" in lines[0], shown.stderr
    assert "Traceback" not in shown.stderr


@pytest.mark.slow
def test_a_killed_training_goes_on_and_the_finished_model_predicts(tmp_path, records_dir):
    first = tmp_path / "coats [1]"
    with begin(*small(records_dir, first, "--checkpoint_every_steps=2", "--calibrate")) as victim:
        await_a_checkpoint(victim, first)
        victim.kill()
    assert not (first / "model.json").exists()

    # Run and records have moved, and what differs changes no weight.
    run, moved = tmp_path / "moved {2}*", tmp_path / "moved [records]"
    first.rename(run)
    shutil.copytree(records_dir, moved)
    flags = small(f"{moved}/", run, "--checkpoint_every_steps=3", "--calibrate",
                  f"--cache_dir={tmp_path / 'cache?'}")
    resumed = start(*flags)
    assert "resuming from the newest checkpoint" in resumed.stdout and not resumed.returncode
    assert "deprecated" not in resumed.stderr, "a library's notes, not ours"
    history = pd.read_csv(run / "history.csv")
    assert list(zip(history["phase"], history["epoch"])) == [
        ("head", 1), *(("fine_tune", epoch) for epoch in range(1, 4))]
    metrics = json.loads((run / "report" / "metrics.json").read_text())
    assert metrics["n"] == 12 and metrics["seen_in_training"]["training_pictures"] == 72
    model = json.loads((run / "model.json").read_text())
    assert model["kept"] == metrics["kept"] and model["trunk_from"] == "none"
    kept = history[history["kept"]][["phase", "epoch"]].to_numpy().tolist()
    assert kept == [[model["kept"]["phase"], model["kept"]["epoch"]]]
    assert list((run / "tb").rglob("events.*"))

    assert "finished" in start(*flags).stdout
    other = start(*flags, "--dropout=0.5")
    assert other.returncode == 1 and "--dropout was 0.3, is 0.5. Run the" in other.stderr

    succeed("fashionclf.evaluate", f"--run={run}", f"--records={records_dir}",
            f"--output={tmp_path / 'again'}")
    again = json.loads((tmp_path / "again" / "metrics.json").read_text())
    assert again == json.loads((run / "report" / "metrics.json").read_text())
    assert again["temperature"] != 1.0

    rows = succeed("fashionclf.predict", f"--run={run}", "--output=-",
                   records_dir.parent / "source").splitlines()
    assert rows[0] == ("path,class,probability,class_2,probability_2,class_3,probability_3,"
                       "error,check,outlier,set")
    assert (run / "reference.npz").is_file()
    assert len(rows) == 1 + 96 and rows[1].split(",")[1] in CLASSES


@pytest.mark.slow
def test_a_training_starts_from_the_head_of_a_run_with_the_same_classes(tmp_path, records_dir):
    save_run(tmp_path / "old", make_spec())
    said = succeed(*small(records_dir, tmp_path / "run", f"--weights={tmp_path / 'old'}",
                          "--align=same", "--fine_tune_epochs=0"))
    assert "head: 3 of 3 classes start from" in said


@pytest.mark.slow
def test_without_a_test_split_the_report_is_of_the_validation_split_and_says_so(tmp_path):
    records = make_records(tmp_path / "records", per_class={"train": 32, "validation": 4})
    run = tmp_path / "run"
    said = succeed(*small(records, run, "--fine_tune_epochs=0", "--logit_adjustment=1"))
    assert "no test split: the report will be of the validation pictures" in said

    metrics = json.loads((run / "report" / "metrics.json").read_text())
    assert metrics["split"] == "validation" and metrics["n"] == 4 * len(CLASSES)
    assert any("by which the epoch of this model was chosen" in text
               for text in metrics["warnings"])

    # Equally frequent classes are all shifted by the same.
    trained, saved = (h5py.File(file)["layers/dense/vars/1"][:] for file in
                      (run / "checkpoints" / "best.weights.h5", run / "model.weights.h5"))
    np.testing.assert_allclose(saved - trained, np.log(3), rtol=1e-5)
    assert json.loads((run / "model.json").read_text())["logit_adjustment"] == 1


@pytest.mark.slow
def test_an_efficientnet_b1_with_a_solved_head_is_tuned_exported_and_predicts(tmp_path,
                                                                              records_dir):
    run = tmp_path / "run"
    said = succeed("fashionclf.train", f"--records={records_dir}", f"--run={run}",
                   "--architecture=efficientnet_b1", "--weights=none", "--image_size=32",
                   "--head=solved", "--cache_views=2", "--fine_tune_epochs=1",
                   "--unfreeze_from=block7b", "--stochastic_depth=0.2", "--export=litert",
                   f"--cache_dir={tmp_path / 'cache'}")
    assert "head: solved on 2 views of 72 pictures" in said
    assert "leaves the next phase something to learn" in said
    history = pd.read_csv(run / "history.csv")
    assert history["phase"].tolist() == ["head", "fine_tune"]
    spec = json.loads((run / "model.json").read_text())
    assert spec["architecture"] == "efficientnet_b1"

    for engine in ("tensorflow", "litert"):
        rows = succeed("fashionclf.predict", f"--run={run}", "--output=-", f"--engine={engine}",
                       records_dir.parent / "source").splitlines()
        assert len(rows) == 1 + 96 and rows[1].split(",")[1] in CLASSES


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_leaves_with_its_usual_code(tmp_path, records_dir, number):
    run = tmp_path / "run"
    flags = small(records_dir, run, "--fine_tune_epochs=500")
    with begin(*flags) as training:
        await_a_checkpoint(training, run)
        if number == signal.SIGTERM:
            second = start(*flags)
            assert second.returncode == 1 and "another training is writing" in second.stderr
        training.send_signal(number)
        said, _ = training.communicate(timeout=60)
    assert training.returncode == 128 + number
    assert f"{number.name}: checkpoint after" in said and "run the same command to resume" in said


@pytest.mark.slow
def test_a_full_disk_leaves_the_saves_before_whole(tmp_path, records_dir):
    with small_disk(tmp_path / "disk", "14m") as resize:
        flags = small(records_dir, tmp_path / "disk" / "run")
        full = start(*flags)
        assert full.returncode == 1 and "No space left on device" in full.stderr
        assert "make room and run the same command again" in full.stderr
        resize("40m")
        finished = start(*flags)
        assert finished.returncode == 0, finished.stderr
        assert "is damaged" not in finished.stderr
        assert len(pd.read_csv(tmp_path / "disk" / "run" / "history.csv")) == 4


def test_a_program_in_a_fork_ends_as_in_a_python_of_its_own(tmp_path):
    (tmp_path / "program.py").write_text(
        "import atexit, sys, threading, time\n"
        "atexit.register(print, 'at exit')\n"
        "threading.Thread(target=lambda: (time.sleep(0.2), print('thread'))).start()\n"
        "sys.exit(3)\n")
    for fresh in (False, True):
        done = start("program", cwd=tmp_path, fresh=fresh)
        assert (done.returncode, done.stdout) == (3, "thread\nat exit\n")
