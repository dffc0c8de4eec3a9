"""The tools behind the README's figures do what they say, on a few small pictures."""
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from tiny import CLASSES, make_records

from fashionclf import classifier

ROOT = Path(__file__).resolve().parents[1]


def start(tool, *flags):
    return subprocess.run([sys.executable, "-m", f"tools.{tool}", *map(str, flags)], cwd=ROOT,
                          text=True, capture_output=True)


def make_run(folder, records, seed, image_size=32):
    keras.utils.set_random_seed(seed)
    folder.mkdir()
    spec = classifier.Spec("baseline_cnn", CLASSES, image_size, 0.0)
    classifier.save(classifier.build(spec), spec, folder)
    shutil.copy(records / "manifest.json", folder / "records_manifest.json")
    for name in ("flags.cfg", "history.csv"):
        (folder / name).write_text(name)
    return folder


@pytest.mark.slow
def test_the_mean_of_runs_is_the_mean_of_their_weights_and_is_evaluated(tmp_path):
    records = make_records(tmp_path, per_class={"train": 2, "validation": 2, "test": 3})
    runs = [make_run(tmp_path / f"run{seed}", records, seed) for seed in range(3)]
    flags = (f"--runs={','.join(map(str, runs))}", f"--records={records}")
    done = start("average_runs", *flags, f"--run={tmp_path / 'mean'}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("validation accuracy") == 4 and "test: 9 pictures" in done.stdout
    weights = [classifier.load(run)[0].get_weights() for run in [*runs, tmp_path / "mean"]]
    for *ours, mean in zip(*weights, strict=True):
        np.testing.assert_allclose(mean, np.mean(ours, axis=0), atol=1e-6)
    again = start("average_runs", *flags, f"--run={tmp_path / 'mean'}")
    assert again.returncode == 1 and "never overwritten" in again.stderr


@pytest.mark.slow
def test_runs_of_two_kinds_or_of_other_records_have_no_mean(tmp_path):
    records = make_records(tmp_path, per_class={"train": 2, "validation": 2, "test": 3})
    other = make_records(tmp_path / "other", per_class={"train": 3, "validation": 2, "test": 3})
    one = make_run(tmp_path / "one", records, 0)
    for two, message in ((make_run(tmp_path / "two", records, 1, image_size=48), "one kind"),
                         (make_run(tmp_path / "three", other, 1), "trained on other records")):
        done = start("average_runs", f"--runs={one},{two}", f"--records={records}",
                     f"--run={tmp_path / 'mean'}")
        assert done.returncode == 1 and message in done.stderr and str(two) in done.stderr
    assert not (tmp_path / "mean").exists()


def said(code):
    """What code prints in a process of its own: two tools' flags don't go into one."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_table_of_leakage_says_by_how_much_a_random_split_flatters():
    shown = said("""if True:
        import pandas as pd
        from tools import measure_leakage
        rows = [("stratified", 0, 0.9, 0.8), ("grouped", 0, 0.7, 0.5),
                ("stratified", 1, 0.8, 0.8), ("grouped", 1, 0.8, 0.7)]
        print(measure_leakage.table(pd.DataFrame(
            rows, columns=["split", "seed", "accuracy", "macro F1"])))""")
    assert "| grouped | 1 | 0.800 | 0.700 |" in shown
    assert ("accuracy: stratified 0.850, grouped 0.750; flattered by 0.100 "
            "(standard error 0.100 over 2 seeds)") in shown


def test_look_alikes_are_counted_among_all_pairs_and_shown():
    shown = said("""if True:
        import numpy as np
        from tools import measure_look_alikes as tool
        looks = np.array(["0" * 64, "f" * 64, "0" * 63 + "1", "0" * 62 + "ff"])
        print(tool.copies_table([("grey", np.array([0, 2, 30, 40]))], 32))
        print(tool.pairs_text(["a", "b", "c", "d"], looks, 7))""")
    assert "| grey | 16 | 38 | 40 | 75.0% |" in shown
    assert "2 of 6 pairs of pictures are within 7 bits" in shown
    assert "the nearest pair is 1 bits apart" in shown
    assert shown.splitlines()[-2:] == ["    1 a c", "    7 c d"]
