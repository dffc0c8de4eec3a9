"""The contract of `python -m fashionclf.evaluate`, kept by the program itself."""
import json

import pandas as pd
import pytest

from tests.helpers.checks import succeed
from tests.helpers.programs import start
from tests.helpers.tiny import CLASSES, make_records, make_spec, save_run

pytestmark = pytest.mark.slow  # each test starts the program


@pytest.fixture(scope="module")
def records_dir(tmp_path_factory):
    return make_records(tmp_path_factory.mktemp("evaluate"),
                        per_class={"train": 1, "validation": 2, "test": 3})


def make_run(folder, classes):
    folder.mkdir()
    return save_run(folder, make_spec(classes=classes)).folder


def evaluate(*words, **options):
    return succeed("fashionclf.evaluate", *words, **options)


def test_the_report_and_the_printed_numbers_agree(records_dir, tmp_path):
    run = make_run(tmp_path / "run", CLASSES)
    said = evaluate(f"--run={run}", f"--records={records_dir}", fresh=True)
    scores = json.loads((run / "report/metrics.json").read_text())
    assert (scores["n"], scores["split"]) == (9, "test")
    assert f"accuracy            {scores['top1']:.3f}" in said
    assert "majority baseline   0.333" in said
    assert scores["by_garment"]["garments"] == 3
    assert "Per garment (3 with 9 pictures; items of the records): accuracy" in said
    assert all(str(file) in said for file in (run / "report").iterdir())
    assert list((run / "tb/report").iterdir())


def test_another_split_does_not_touch_the_report_of_the_test_split(records_dir, tmp_path):
    run = make_run(tmp_path / "run", CLASSES)
    said = evaluate(f"--run={run}", f"--records={records_dir}", "--split=validation",
                    "--group_pattern=_(Red|Green|Blue)/")
    assert "Per garment (3 with 6 pictures; --group_pattern=_(Red|Green|Blue)/)" in said
    assert json.loads((run / "report_validation/metrics.json").read_text())["n"] == 6
    assert not (run / "report").exists()
    assert f"unknown whether validation pictures were in the training of {run}" in said


def test_a_pattern_that_is_none_is_named_at_once(records_dir, tmp_path):
    run = make_run(tmp_path / "run", CLASSES)
    done = start("fashionclf.evaluate", f"--run={run}", f"--records={records_dir}",
                 "--group_pattern=(")
    assert done.returncode == 1 and "--group_pattern=( is not a regular expression" in done.stderr
    assert not (run / "report").exists()


def test_records_of_other_classes_are_scored_by_an_alignment(records_dir, tmp_path):
    run = make_run(tmp_path / "run", ["Scarlet", "Cherry", "Sky", "Black"])
    (tmp_path / "align.csv").write_text(
        "run_class,records_class\nScarlet,Red\nCherry,Red\nSky,Blue\nBlack,\n")
    said = evaluate(f"--run={run}", f"--records={records_dir}", f"--align={tmp_path / 'align.csv'}")
    assert "Scarlet + Cherry -> Red" in said and "Green (3 pictures)" in said
    assert "coverage: 6 of 9 pictures (0.667)" in said
    scores = json.loads((run / "report_aligned/metrics.json").read_text())
    rows = pd.read_csv(run / "report_aligned/predictions.csv")
    assert scores["n"] == len(rows) == 6 and set(rows["true"]) == {"Red", "Blue"}
    hits = (rows["true"] == rows["predicted"]).sum()
    assert scores["top1"] == pytest.approx(hits / 6)
    assert scores["alignment"]["accuracy over all"] == pytest.approx(hits / 9)
    assert not (run / "report").exists()


def test_the_word_same_scores_the_classes_of_one_name(records_dir, tmp_path):
    run = make_run(tmp_path / "run", ["Black", "Blue"])
    said = evaluate(f"--run={run}", f"--records={records_dir}", "--align=same")
    assert "Blue -> Blue" in said and "coverage: 3 of 9 pictures (0.333)" in said


def test_an_alignment_to_unknown_classes_is_refused_in_one_line(records_dir, tmp_path):
    run = make_run(tmp_path / "run", ["Scarlet", "Sky"])
    (tmp_path / "align.csv").write_text("run_class,records_class\nScarlet,Redd\nSky,\n")
    done = start("fashionclf.evaluate", f"--run={run}", f"--records={records_dir}",
                 f"--align={tmp_path / 'align.csv'}")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "align.csv:2: the records have no class 'Redd'; did you mean Red?" in done.stderr


def test_what_held_out_pictures_show_is_kept_and_predict_uses_it(records_dir, tmp_path):
    run = make_run(tmp_path / "run", CLASSES)
    wanted = start("fashionclf.predict", f"--run={run}", "--min_precision=0.9", records_dir.parent)
    assert wanted.returncode == 1 and "--keep_reference" in wanted.stderr

    said = evaluate(f"--run={run}", f"--records={records_dir}", "--keep_reference")
    assert "reference.npz: 9 test pictures of 3 garments, by which predict" in said
    shown = start("fashionclf.predict", f"--run={run}", "--format=jsonl",
                  records_dir.parent / "source")
    row = json.loads(shown.stdout.splitlines()[0])
    assert row["outlier"] in (True, False) and row["check"] is False and row["set"] is None
    assert "no row is marked to check: the 9 test pictures of 3 garments" in shown.stderr


@pytest.mark.parametrize("words", [["--split=train"], ["--align=same"]])
def test_a_reference_is_kept_of_held_out_pictures_of_the_own_classes_alone(
        records_dir, tmp_path, words):
    run = make_run(tmp_path / "run", CLASSES)
    done = start("fashionclf.evaluate", f"--run={run}", f"--records={records_dir}",
                 "--keep_reference", *words)
    assert done.returncode == 1 and "--keep_reference takes pictures" in done.stderr
