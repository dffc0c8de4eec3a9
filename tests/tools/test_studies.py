"""The studies: one split whatever the classes are called, tables over seeds, each study once."""
import csv
import io
import json

import numpy as np
import pandas as pd
import pytest

from tests.helpers.deepfashion_tree import write_lists
from tests.helpers.programs import start, succeed
from tests.helpers.tiny import CLASSES, draw, make_spec, save_run
from tools.studies import programs, rounds, sources, tables

HOUR = 3600  # seconds
SENDER = r"Sender_(\d+)_"
ROWS = pd.DataFrame([("short", 0, 0.5), ("long", 0, 0.7), ("short", 1, 0.6), ("long", 1, 0.7),
                     ("short", 2, 0.9)], columns=["way", "seed", "accuracy"])


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A folder in DeepFashion's layout: 12 senders, each with 3 noisy pictures of 3 colours."""
    root, rng, rows = tmp_path_factory.mktemp("tree"), np.random.default_rng(0), []
    for sender in range(12):
        for channel, name in enumerate(CLASSES):
            for number in range(3):
                rows.append((f"img/Sender_{sender}_{name}/img_{number:08d}.png", channel + 1))
                draw(root / rows[-1][0], rng, channel)
    write_lists(root, {
        "Anno_coarse/list_category_img.txt": ("image_name category_label", rows),
        "Anno_coarse/list_category_cloth.txt": ("category_name category_type",
                                                [(name, 1) for name in CLASSES])})
    return root


@pytest.fixture
def recipe(tmp_path):
    """A recipe of one epoch per phase at 32 pixels."""
    file = tmp_path / "recipe.cfg"
    file.write_text("\n".join([
        "--image_size=32", "--batch_size=8", "--head_epochs=1", "--fine_tune_epochs=1",
        "--unfreeze_from=top", "--cache_views=1", "--warmup_steps=0"]) + "\n")
    return file


@pytest.fixture
def options(tree, recipe, tmp_path):
    return [f"--source_dir={tree}", f"--group_pattern={SENDER}", f"--recipe={recipe}",
            "--weights=none", "--seeds=1", f"--output={tmp_path / 'out'}"]


@pytest.fixture
def alignment_options(recipe, tree, tmp_path):
    """An older run of two classes, Scarlet and Blue, and records of Red, Green and Blue."""
    old_run, align = tmp_path / "old", tmp_path / "align.csv"
    save_run(old_run, make_spec(classes=["Scarlet", "Blue"]))
    align.write_text("run_class,records_class\nScarlet,Red\nBlue,Blue\n")
    recipe.write_text(recipe.read_text() + "--architecture=baseline_cnn\n--weights=none\n")

    split = sources.split(sources.read(tree, SENDER), test_fraction=0.3, validation_fraction=0.2,
                          seed=0)
    records = programs.build(split, tmp_path, "new")

    # What the rehearsal reads
    (old_run / "report").mkdir()
    (old_run / "report" / "per_class.csv").write_text("class\nScarlet\nBlue\n")
    split.table.to_csv(records / "rows.csv", index=False)
    return [f"--old_run={old_run}", f"--records={records}",
            f"--align={align}", f"--recipe={recipe}", "--seeds=1", f"--output={tmp_path / 'out'}"]


def test_a_split_keeps_groups_together_and_is_written_beside_the_rows(tree):
    rows = sources.read(tree, SENDER)
    drawn = sources.split(rows, test_fraction=0.3, validation_fraction=0.2, seed=1)
    parts = drawn.table.groupby("item")["partition"].nunique()
    assert (parts == 1).all() and set(drawn.table["partition"]) == {"train", "val", "test"}
    written = list(csv.DictReader(io.StringIO(sources.as_csv(drawn))))
    assert [row["path"] for row in written] == drawn.table["path"].tolist()
    assert {row["x1"] for row in written} == {""}


def test_boxes_of_the_source_are_kept(tmp_path):
    table = pd.DataFrame({"path": ["a.jpg", "b.jpg"], "item": "i", "category": "Tee",
                          "bbox": [(1, 2, 30, 40), None], "partition": "test"})
    assert sources.as_csv(sources.Rows(table, tmp_path)).splitlines()[1:] == [
        "a.jpg,i,Tee,test,1,2,30,40", "b.jpg,i,Tee,test,,,,"]


def test_a_source_without_categories_is_refused(tmp_path):
    (tmp_path / "img" / "a_Tee").mkdir(parents=True)
    (tmp_path / "img" / "a_Tee" / "x.jpg").touch()
    with pytest.raises(ValueError, match="no picture is annotated"):
        sources.read(tmp_path, None)


def test_means_have_the_standard_error_of_the_seeds():
    shown = tables.over_seeds(ROWS, "way", ["accuracy"])
    assert shown.values.tolist() == [["short", 3, "0.667 ± 0.120"], ["long", 2, "0.700 ± 0.000"]]
    alone = tables.over_seeds(ROWS[ROWS["seed"] == 2], "way", ["accuracy"])
    assert alone.values.tolist() == [["short", 1, "0.900"]]


def test_gains_are_taken_seed_by_seed():
    assert tables.gains(ROWS, "way", "accuracy").to_dict() == {
        "short": "+0.000 ± 0.000", "long": "+0.150 ± 0.050"}


def test_a_table_has_three_digits_and_blanks():
    table = pd.DataFrame({"way": ["a", "b"], "n": [2, 3], "x": [0.12345, np.nan]})
    assert tables.markdown(table).splitlines() == [
        "| way | n | x |", "|---|---|---|", "| a | 2 | 0.123 |", "| b | 3 |  |"]


def test_records_of_another_split_or_map_are_never_taken_for_those_asked_for(tree, tmp_path,
                                                                             monkeypatch):
    started = []

    def build(module, *words):
        started.append(words)
        records, = [word.partition("=")[2] for word in words if word.startswith("--records=")]
        (tmp_path / records).mkdir()
    monkeypatch.setattr(programs, "start", build)

    rows, other = (sources.split(sources.read(tree, SENDER), test_fraction=0.3,
                                 validation_fraction=0.2, seed=seed) for seed in (0, 1))
    file = tmp_path / "map.csv"
    file.write_text("from,to\nRed,Warm\n")
    first = programs.build(rows, tmp_path, "x", category_map=file)
    assert programs.build(rows, tmp_path, "x", category_map=file) == first
    assert len(started) == 1 and f"--category_map={file}" in started[0]

    assert programs.build(other, tmp_path, "x", category_map=file) != first
    file.write_text("from,to\nRed,Hot\n")
    assert programs.build(rows, tmp_path, "x", category_map=file) != first
    assert len(started) == 3
    with pytest.raises(FileNotFoundError, match="none.csv: no such file; correct the flag"):
        programs.build(rows, tmp_path, "x", category_map=tmp_path / "none.csv")


def test_a_report_of_other_weights_records_or_alignment_is_never_taken_for_this_one(tmp_path,
                                                                                    monkeypatch):
    started = []

    def evaluate(module, *words):
        started.append(module)
        report, = [word.partition("=")[2] for word in words if word.startswith("--output=")]
        (tmp_path / report).mkdir()
    monkeypatch.setattr(programs, "start", evaluate)

    run, records, align = tmp_path / "run", tmp_path / "records", tmp_path / "align.csv"
    run.mkdir()
    records.mkdir()
    found = []
    for weights, fingerprint, rows in (("w1", "f1", "r1"), ("w1", "f1", "r1"), ("w2", "f1", "r1"),
                                       ("w2", "f2", "r1"), ("w2", "f2", "r2")):
        (run / "model.json").write_text(json.dumps({"weights_sha256": weights}))
        (records / "manifest.json").write_text(json.dumps({"fingerprint": fingerprint}))
        align.write_text(rows)
        found.append(programs.evaluate(run, records, "test", align=align))
    assert found[0] == found[1] and len(set(found)) == len(started) == 4


def test_a_program_that_fails_ends_the_study_with_its_command():
    with pytest.raises(ChildProcessError, match="evaluate --run=nowhere.*\n.*exit code 1"):
        programs.start("fashionclf.evaluate", "--run=nowhere", "--epochs=3")


@pytest.fixture
def report(tmp_path):
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "per_class.csv").write_text("class,n\nTee,4\n'=Top,2\nHat,1\n")
    (folder / "predictions.csv").write_text(
        "path,true,predicted\n1,Tee,Tee\n2,Tee,'=Top\n3,Tee,Tee\n4,Tee,Tee\n5,'=Top,Tee\n"
        "6,'=Top,'=Top\n")
    return folder


@pytest.mark.slow
def test_suggested_files_are_those_that_the_programs_take(report, tmp_path):
    done = succeed("tools.studies.suggest_merges", f"--report={report}", "--merges=5",
                   f"--output={tmp_path / 'm'}")
    assert "| Tee and =Top | 2 | 2 |" in done.stdout and "2 classes become 1" in done.stdout
    written = {file.name: file.read_text() for file in (tmp_path / "m").glob("*.[ct]*")}
    assert written["category_map.csv"] == "from,to\nTee,Tee+=Top\n=Top,Tee+=Top\n"
    assert written["classes.txt"] == "Tee+=Top\nHat\n"
    assert written["align.csv"] == ("run_class,records_class\nTee,Tee+=Top\n=Top,Tee+=Top\n"
                                    "Hat,Hat\n")
    assert (tmp_path / "m" / "merges.png").stat().st_size > 1000


@pytest.mark.slow
def test_a_merge_that_gains_too_little_is_not_suggested(report):
    done = start("tools.studies.suggest_merges", f"--report={report}", "--least_per_bit=9",
                 f"--output={report}/m")
    assert done.returncode == 1 and not (report / "m").exists()
    assert done.stderr.startswith("error: no merge of two of the 3 classes gains anything")


def test_predictions_of_several_reports_are_pooled_if_their_classes_are_the_same(report):
    rows, classes = programs.pooled([report, report])
    assert classes == ["Tee", "=Top", "Hat"] and len(rows) == 2 * 6
    assert rows.iloc[1].tolist() == ["Tee", "=Top"]

    (report / "other").mkdir()
    (report / "other" / "per_class.csv").write_text("class\nTee\n")
    with pytest.raises(ValueError, match="other: its classes differ from those of"):
        programs.pooled([report, report / "other"])
    with pytest.raises(FileNotFoundError, match="is .*none a report of"):
        programs.pooled([report / "none"])


WAYS = pytest.mark.parametrize("how", [
    pytest.param(["tests.helpers.rehearsal"], id="rehearsed"),  # flags, files, tables: in seconds
    pytest.param([], id="real", marks=pytest.mark.drill)])


@pytest.mark.slow
@WAYS
def test_the_study_of_epochs_ends_with_its_table_and_is_not_done_twice(how, options, recipe,
                                                                       tmp_path):
    recipe.write_text(recipe.read_text() + "--architecture=baseline_cnn\n--head_epochs=0\n")
    flags = [*options, "--test_fraction=0.3", "--validation_fraction=0.2", "--epochs=1",
             "--epochs=2"]
    done, out = succeed(*how, "tools.studies.epochs", *flags, timeout=HOUR), tmp_path / "out"
    rows = pd.read_csv(out / "epochs.csv")
    assert rows["epochs"].tolist() == [1, 2]
    scores = json.loads((out / "run_2_epochs_0/report/metrics.json").read_text())
    assert rows["ECE with temperature"][1] == pytest.approx(scores["ece"])
    assert rows["ECE"][1] == pytest.approx(scores["ece_at_temperature_1"])
    table = (out / "epochs.md").read_text()
    assert f"| 2 | 1 | {scores['top1']:.3f} |" in table and table in done.stdout
    assert (out / "epochs.png").stat().st_size > 1000
    if how:
        return

    # Again, with less to do, as each start takes its time.
    assert rows["temperature"].nunique() == 2
    written = (out / "run_2_epochs_0/model.weights.h5").stat().st_mtime_ns
    again = succeed("tools.studies.epochs", *flags[:-2], "--epochs=2", timeout=HOUR)
    assert f"| 2 | 1 | {scores['top1']:.3f} |" in again.stdout
    assert (out / "run_2_epochs_0/model.weights.h5").stat().st_mtime_ns == written


@pytest.mark.slow
@WAYS
def test_the_study_of_merging_compares_four_ways_on_the_same_pictures(how, options, tmp_path):
    succeed(*how, "tools.studies.merging", *options, "--test_fraction=0.4",
            "--validation_fraction=0.3", "--merges=1", timeout=HOUR)
    out = tmp_path / "out"
    rows = pd.read_csv(out / "merging.csv")
    before, merged, summed, after = rows["accuracy"]
    assert len(rows) == 4 and rows["test pictures"].nunique() == 1
    assert merged >= before and rows["majority baseline"][1:].nunique() == 1

    found = [pd.read_csv(next(out.glob(f"{report}/predictions.csv")), index_col="path")
             for report in ("run_0/report", "run_0/report_test_*", "run_0_merged/report")]
    assert set(found[0].index) == set(found[1].index) == set(found[2].index)
    assert summed == pytest.approx((found[1]["true"] == found[1]["predicted"]).mean())
    assert after == pytest.approx((found[2]["true"] == found[2]["predicted"]).mean())

    table = (out / "merging.md").read_text()
    assert f"| the same predictions, merged | 1 | {merged:.3f} |" in table
    assert (out / "merging.png").stat().st_size > 1000


@pytest.mark.slow
@WAYS
def test_the_study_of_alignment_scores_the_old_run_beside_three_starts(
        how, alignment_options, tmp_path):
    done = succeed(*how, "tools.studies.alignment", *alignment_options, timeout=HOUR)
    out = tmp_path / "out"
    rows = pd.read_csv(out / "alignment.csv")
    assert rows["start"].tolist() == ["cold", "trunk of the old run",
                                      "trunk and head of the old run"]

    scores = programs.scores(next(out.glob("report_test_*")))
    assert set(scores["alignment"]["records' classes without one"]) == {"Green"}
    table = (out / "alignment.md").read_text()
    assert f"accuracy on those scored: {scores['top1']:.3f}" in table
    assert "| trunk and head of the old run | 1 |" in table
    assert (out / "alignment.png").stat().st_size > 1000
    if not how:
        assert scores["alignment"]["pictures"] == rows["test pictures"][0]
        assert "2 of 3 classes start from" in done.stderr


@pytest.mark.slow
@WAYS
def test_the_study_of_leakage_tells_by_how_much_a_random_split_overestimates(how, options,
                                                                             tmp_path):
    done = succeed(*how, "tools.studies.leakage", *options, "--seeds=2", timeout=HOUR)
    rows = pd.read_csv(tmp_path / "out" / "leakage.csv")
    assert rows["split"].tolist() == 2 * ["grouped", "stratified"]
    assert (rows["of items in train"] > 0).tolist() == 2 * [False, True]

    by_split = rows.groupby("split")["accuracy"].mean()
    gain = by_split["stratified"] - by_split["grouped"]
    line, = [line for line in done.stdout.splitlines() if line.startswith("| stratified | 2 |")]
    assert f"| {by_split['stratified']:.3f} ± " in line and f"| {gain:+.3f} ± " in line


def test_rounds_add_labels_to_those_before_and_a_choice_of_all_is_no_choice():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 90)
    pictures = rounds.Pictures(
        features=(4 * np.eye(8)[labels] + rng.normal(size=(90, 8))).astype(np.float32),
        labels=labels, groups=np.arange(90) // 3)
    rows = pd.DataFrame(rounds.compare(pictures, [8, 20, 1_000], seed=0, test_fraction=0.3))
    assert rows["way"].value_counts().to_dict() == dict.fromkeys(rounds.WAYS, 2) | {"all": 1}
    assert set(rows["labels"][:-1]) == {8, 20} and rows["labels"].iloc[-1] == 63
    assert rows["accuracy"].iloc[-1] > 0.9
    first = rows[rows["labels"] == 8].set_index("way")["accuracy"]
    assert first[rounds.RANDOM] == first[rounds.UNCERTAIN]  # before there is a model
    assert first[rounds.DIVERSE] == first[rounds.BOTH]
    pd.testing.assert_frame_equal(rows, pd.DataFrame(
        rounds.compare(pictures, [8, 20, 1_000], seed=0, test_fraction=0.3)))


@pytest.mark.slow
def test_the_study_of_labelling_reads_classes_and_groups_from_paths(tree, tmp_path):
    run = save_run(tmp_path / "run", make_spec()).folder
    done = succeed("tools.studies.labelling", r"--class_pattern=Sender_\d+_([^/]+)/",
                   rf"--group_pattern={SENDER}", f"--run={run}", "--labels=6", "--labels=20",
                   f"--cache_dir={tmp_path / 'cache'}", f"--output={tmp_path / 'out'}", "--seeds=2",
                   "--other_classes", str(tree / "img"), timeout=HOUR)
    rows = pd.read_csv(tmp_path / "out/labelling.csv")
    assert len(rows) == 2 * (5 * 2 + 1) and rows["accuracy"].between(0, 1).all()
    assert "108 of 108 pictures are used: 3 classes, 12 groups" in done.stdout
    assert "| way | 6 | 20 | all |" in (tmp_path / "out/labelling.md").read_text()
    assert (tmp_path / "out/labelling.png").stat().st_size > 1000


@pytest.mark.slow
def test_wrong_labels_are_planted_ranked_and_corrected(tree, tmp_path):
    pytest.importorskip("cleanlab", reason="fashionclf[dev] is missing")
    save_run(tmp_path / "run", make_spec())
    rows = sources.read(tree, SENDER).table
    known = rows.assign(**{"class": rows["category"].str.lower()})[["path", "class"]]
    known.loc[0, "class"] = "blue" if known.loc[0, "class"] == "red" else "red"
    known.to_csv(tmp_path / "known.csv", index=False)
    succeed("tools.studies.doubtful_labels", f"--source_dir={tree}", f"--group_pattern={SENDER}",
            f"--known={tmp_path / 'known.csv'}", f"--run={tmp_path / 'run'}", "--seeds=2",
            f"--cache_dir={tmp_path / 'cache'}", f"--output={tmp_path / 'out'}")
    rows = pd.read_csv(tmp_path / "out/doubtful_labels.csv")
    assert rows.groupby("errors")["seed"].nunique().to_dict() == {
        "known": 1, "uniform": 2, "confusable": 2}
    uniform = rows[rows["errors"] == "uniform"].groupby("score")["recall at 5 %"].mean()
    assert uniform["check_labels"] > 0.9 > uniform["random"]

    ways = pd.read_csv(tmp_path / "out/corrected_labels.csv").groupby("training labels").mean()
    assert ways.loc["clean", "wrong"] == 0 < ways.loc["with errors", "wrong"]
    assert ways.loc["5 % looked at and corrected", "wrong"] < ways.loc["with errors", "wrong"]
