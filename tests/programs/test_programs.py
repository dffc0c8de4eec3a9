"""The programs as a user starts them."""
import json
import re
import signal

import pandas as pd
import pytest

from tests.helpers.programs import ROOT, begin, start, start_code, wait_until
from tests.helpers.small_disk import small_disk
from tests.helpers.tiny import CLASSES, make_records

PROGRAMS = ["build_tfrecords", "train", "evaluate", "predict", "search", "export"]
TOOLS = [".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__main__")
         for file in (ROOT / "tools").rglob("*.py") if "cli.run(main" in file.read_text()]
HEAVY = ["tensorflow", "tensorflow_datasets", "keras", "pandas", "scipy", "sklearn", "matplotlib",
         "apache_beam", "hypothesis", "faiss"]
CONFIGS = sorted((ROOT / "configs").glob("*.cfg"))


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS)
def test_help_teaches(program):
    shown = start(f"fashionclf.{program}", "--help", fresh=True)
    assert f"python -m fashionclf.{program}" in shown.stdout
    assert "--" in shown.stdout and "Traceback" not in shown.stderr


@pytest.mark.parametrize("module", [f"fashionclf.{name}" for name in PROGRAMS]
                         + TOOLS)
def test_help_comes_at_once_as_nothing_heavy_is_imported(module):
    code = f"""if True:
        import atexit, runpy, sys
        sys.argv = ["{module}", "--help"]
        atexit.register(lambda: print("heavy:", sorted(set(sys.modules) & set({HEAVY}))))
        runpy.run_module("{module}", run_name="__main__")"""
    shown = start_code(code)
    assert "--helpfull" in shown.stdout
    assert shown.stdout.splitlines()[-1] == "heavy: []"


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.name)
def test_every_config_passes_its_programs_check(config):
    opens = re.match(r"# python -m (\S+) --flagfile=configs/(\S+)\n", config.read_text())
    assert opens[2] == config.name
    checked = start(opens[1], f"--flagfile={config}", "--only_check_args", fresh=True)
    assert checked.returncode == 0, checked.stderr


@pytest.fixture(scope="module")
def records_dir(tmp_path_factory):
    return make_records(tmp_path_factory.mktemp("programs"),
                        per_class={"train": 24, "validation": 4, "test": 4})


def small(records_dir, run, *more):
    return ("fashionclf.train", f"--records={records_dir}", f"--run={run}",
            "--architecture=baseline_cnn", "--weights=none", "--image_size=32", "--batch_size=8",
            "--head_epochs=1", "--fine_tune_epochs=6", "--ema_momentum=0.9", *more)


def await_a_checkpoint(training, run, phase="fine_tune"):
    """Waits until the training has saved at least once in `phase`."""
    wait_until(lambda: list(run.glob(f"checkpoints/{phase}/*.index")), training)


@pytest.mark.slow
@pytest.mark.parametrize("program, flags, message", [
    ("build_tfrecords", ["--source_dir=nowhere", "--records=new"], "--source_dir"),
    ("build_tfrecords", ["--source=folder", "--source_dir={empty}", "--records=new"],
     "contains no pictures"),
    ("build_tfrecords", ["--source_dir=x", "--records={empty}"], "never overwritten"),
    ("build_tfrecords", ["--source=folder", "--source_dir={folder}", "--records={empty}/new",
                         "--classes={classes}"], "there are no pictures of class 'Tee'"),
    ("train", ["--records={empty}", "--run={empty}/run"], "build_tfrecords"),
    ("train", ["--records=x", "--run=y", "stray"], "unexpected argument 'stray'"),
    ("train", ["--records={records}", "--run={empty}/run", "--weights=nowhere.h5"],
     "--weights takes"),
    ("train", ["--records={records}", "--run={empty}/run", "--weights={classes}"], "does not fit"),
    ("train", ["--records={no_validation}", "--run={empty}/run", "--calibrate"],
     "--validation_fraction above 0"),
    ("train", ["--records={records}", "--run={empty}/run", "--weights=none", "--align=x.csv"],
     "--align starts from the head of a run"),
    ("evaluate", ["--run={empty}", "--records={records}"], "finished training"),
    ("predict", ["--run={empty}", "--output=-", "x.jpg"], "finished training")])
def test_what_is_wrong_is_said_in_one_line_with_the_cure(tmp_path, records_dir, program, flags,
                                                         message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "classes.txt").write_text("Tee\n")
    places = {"empty": tmp_path / "empty", "records": records_dir,
              "no_validation": make_records(tmp_path, per_class={"train": 1, "test": 1}),
              "folder": records_dir.parent / "source" / "img", "classes": tmp_path / "classes.txt"}
    shown = start(f"fashionclf.{program}", *[flag.format(**places) for flag in flags])
    lines = [line for line in shown.stderr.splitlines() if line.startswith("error: ")]
    assert shown.returncode == 1 and len(lines) == 1 and message in lines[0], shown.stderr
    assert "Traceback" not in shown.stderr


@pytest.mark.slow
def test_an_unknown_flag_is_refused():
    shown = start("fashionclf.train", "--records=x", "--run=y", "--epochs=3")
    assert shown.returncode == 1 and "epochs" in shown.stderr


@pytest.mark.slow
def test_a_killed_training_goes_on_and_the_finished_model_predicts(tmp_path, records_dir):
    run = tmp_path / "run"
    flags = small(records_dir, run, "--checkpoint_every_steps=2", "--calibrate")
    with begin(*flags) as victim:
        await_a_checkpoint(victim, run)
        victim.kill()
    assert not (run / "model.json").exists()

    resumed = start(*flags)
    assert resumed.returncode == 0, resumed.stderr
    assert "resuming from the newest checkpoint" in resumed.stdout
    history = pd.read_csv(run / "history.csv")
    assert list(zip(history["phase"], history["epoch"])) == [
        ("head", 1), *(("fine_tune", epoch) for epoch in range(1, 7))]
    assert json.loads((run / "report" / "metrics.json").read_text())["n"] == 12
    assert list((run / "tensorboard").rglob("events.*"))

    assert "finished" in start(*flags).stdout
    other = start(*flags, "--dropout=0.5")
    assert other.returncode == 1 and "--dropout=0.2, not --dropout=0.5" in other.stderr

    evaluated = start("fashionclf.evaluate", f"--run={run}", f"--records={records_dir}",
                      f"--output={tmp_path / 'again'}")
    assert evaluated.returncode == 0, evaluated.stderr
    again = json.loads((tmp_path / "again" / "metrics.json").read_text())
    assert again == json.loads((run / "report" / "metrics.json").read_text())
    assert again["temperature"] != 1.0

    predicted = start("fashionclf.predict", f"--run={run}", "--output=-",
                      records_dir.parent / "source")
    assert predicted.returncode == 0, predicted.stderr
    rows = predicted.stdout.splitlines()
    assert rows[0] == ("path,class,probability,class_2,probability_2,class_3,probability_3,"
                       "error,check")
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
        assert len(pd.read_csv(tmp_path / "disk" / "run" / "history.csv")) == 7
