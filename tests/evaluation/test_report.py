"""Promises of the report: every file, captions, tags, whatever the names."""
import base64
import html
import io
import json
import re

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from PIL import Image

from fashionclf.evaluation import report
from fashionclf.model import inference, network
from fashionclf.model.weights import Run
from fashionclf.records.input_pipeline import Records
from tests.helpers.checks import events
from tests.helpers.tiny import CLASSES, frame, make_records, make_spec

NAMES = ["Coat", "$x_1$", "Été, \"new\""]


def predictions(paths=None):
    """Five of six right; the mistake is picture 3, a "$x_1$" taken for a Coat."""
    labels = np.array([0, 0, 1, 1, 2, 2])
    probabilities = np.full((6, 3), 0.1, np.float32)
    probabilities[np.arange(6), [0, 0, 1, 0, 2, 2]] = 0.8
    return inference.Predictions(
        labels=labels, probabilities=probabilities,
        paths=paths or [f"img/<b>, {i}\n\".jpg" for i in range(6)],
        items=["a", "a", "b", "b", "c", "c"])


def evaluation(predictions, classes=NAMES, **more):
    return report.Evaluation(predictions=predictions, classes=classes, name="test", **more)


def load_pictures(paths):
    return {path: np.full((40, 30, 3), 200, np.uint8) for path in paths}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    scores = report.write(
        folder / "report",
        evaluation(predictions(), load_pictures=load_pictures, provenance={"split": "test"}),
        tensorboard_dir=folder / "tb", step=7)
    return folder, scores


def test_all_files_are_written_and_metrics_are_what_is_returned(written):
    folder, scores = written
    assert sorted(file.name for file in (folder / "report").iterdir()) == [
        "classification_report.txt", "confusion_matrix.png", "coverage.png", "metrics.json",
        "misclassified.png", "per_class.csv", "predictions.csv", "reliability.png", "report.html"]
    assert json.loads((folder / "report" / "metrics.json").read_text()) == scores
    assert scores["split"] == "test" and scores["top1"] == 5 / 6


def test_tables_read_back_whatever_the_names(written):
    rows = pd.read_csv(written[0] / "report" / "predictions.csv")
    assert rows["path"].tolist() == predictions().paths
    assert rows.loc[3, ["true", "predicted"]].tolist() == ["$x_1$", "Coat"]
    assert rows.loc[3, ["probability", "probability_of_true"]].tolist() == [0.8, 0.1]
    per_class = pd.read_csv(written[0] / "report" / "per_class.csv")
    assert per_class["class"].tolist() == NAMES
    assert per_class["most_confused_with"].fillna("").tolist() == ["", "Coat", ""]


def test_the_page_shows_each_error_beside_its_heat_map_whatever_the_names(tmp_path):
    evil = ["<script>alert(1)</script>.jpg", "\"><img src=x onerror=alert(1)>", "a&amp;b", "x",
            "</table><iframe src=//x>", "y"]
    classes = ["<i>Coat", "&eacute;", "<script>alert(2)</script>"]
    wrong = predictions(evil)
    wrong.probabilities[:] = wrong.probabilities[:, [1, 2, 0]]
    wrong.probabilities[4] = [0.0, 0.95, 0.05]
    run_dir = tmp_path / "my <run>"
    run_dir.mkdir()
    (run_dir / "flags.cfg").write_text("--weights=<nowhere>\n")
    asked = []

    def explain(pictures, predicted):
        asked.extend(predicted)
        return np.stack([np.eye(2, dtype=np.float32)] * len(pictures))

    report.write(run_dir / "report", evaluation(
        wrong, classes, load_pictures=load_pictures, explain=explain, run_dir=run_dir,
        manifest={"quarantined": 12_345}))
    text = (run_dir / "report" / "report.html").read_text(encoding="utf-8")
    assert text.count("<script>") == 1 and "<iframe" not in text and "<i>Coat" not in text
    for said in [*evil, "--weights=<nowhere>", "my <run> on test pictures", "12,345"]:
        assert html.escape(said).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in text
    captions = re.findall("<figcaption>P: (.+) T: (.+)\n", html.unescape(text))
    assert captions[0] == ("&eacute;", classes[2]) and len(captions) == 6
    assert asked == [predicted for predicted, _ in captions]
    figure = text[text.index("<figure>"):text.index("<figcaption>")]
    shown = [np.asarray(Image.open(io.BytesIO(base64.b64decode(uri)))).astype(int)
             for uri in re.findall("jpeg;base64,([^\"]+)", figure)]
    assert [picture.shape for picture in shown] == [(40, 30, 3)] * 2
    grey = np.abs(shown[0] - 200).max(axis=2)
    tinted = np.abs(shown[1] - 200).max(axis=2)
    assert grey.max() < 5 and tinted[:5, :5].min() > 40 and tinted[:3, -3:].max() < 40


def test_tensorboard_holds_both_pictures_the_table_and_the_scores(written):
    log = events(written[0] / "tb" / "report")
    assert {f"test/{tag}" for tag in ("confusion_matrix", "misclassified", "classification_report",
                                      "accuracy", "macro_f1")} <= set(log.Tags()["tensors"])
    assert log.Tensors("test/accuracy")[0].step == 7
    png = log.Tensors("test/confusion_matrix")[0].tensor_proto.string_val[2]
    with Image.open(written[0] / "report" / "confusion_matrix.png") as file:
        assert tf.io.decode_png(png).shape == (file.height, file.width, 3)


def test_only_mistakes_are_asked_for_and_none_at_all_is_fine(tmp_path):
    asked = []

    def loader(paths):
        asked.append(paths)
        return load_pictures(paths)

    report.write(tmp_path / "a", evaluation(predictions(), load_pictures=loader))
    perfect = predictions()
    perfect.labels[3] = 0
    report.write(tmp_path / "b", evaluation(perfect, load_pictures=loader))
    assert asked == [[predictions().paths[3]], []]
    assert (tmp_path / "b" / "misclassified.png").is_file()
    assert "No picture is misclassified" in (tmp_path / "b" / "report.html").read_text()


@pytest.fixture(scope="module")
def records_dir(tmp_path_factory):
    return make_records(tmp_path_factory.mktemp("records"), per_class={"train": 1, "test": 3})


def new_run(folder, classes=CLASSES):
    spec = make_spec(classes=classes, framing=frame(32, 0.1))
    return Run(folder=folder, network=network.build(spec), spec=spec)


@pytest.mark.slow
def test_an_evaluation_counts_every_record_and_says_accuracy_beside_the_baseline(
        records_dir, tmp_path, capsys):
    records = Records.open(records_dir, frame(32, 0.1))
    scores = report.evaluate(new_run(tmp_path / "run"), records, "test", tmp_path, batch_size=4)
    assert scores["n"] == 9 and scores["majority_baseline"] == 3 / 9
    printed = capsys.readouterr().out
    assert f"accuracy            {scores['top1']:.3f}  (" in printed
    assert "majority baseline   0.333" in printed
    rows = pd.read_csv(tmp_path / "predictions.csv")
    assert (rows["true"] == rows["predicted"]).mean() == pytest.approx(scores["top1"])
    page = (tmp_path / "report.html").read_text()
    assert page.count("<figure>") == page.count("Heat map of the predicted class") == round(
        9 * (1 - scores["top1"])) > 0


def test_gallery_pictures_are_those_of_their_records(records_dir):
    path = "img/test_Green/img_00000001.png"
    found = Records.open(records_dir, frame()).pictures("test", [path])
    with Image.open(records_dir.parent / "source" / path) as picture:
        np.testing.assert_array_equal(found.pop(path), np.asarray(picture))
    assert not found


@pytest.mark.parametrize("classes, split, message", [
    (["Red", "Green", "Cyan"], "test", "records lack Cyan; the run does not know Blue"),
    (["Green", "Red", "Blue"], "test", "their order differs"),
    (CLASSES, "validation", "'validation' is empty; choose another --split")])
def test_records_of_other_classes_or_without_the_split_are_refused_with_the_cure(
        records_dir, tmp_path, classes, split, message):
    with pytest.raises(ValueError, match=message):
        report.evaluate(new_run(tmp_path, classes), Records.open(records_dir, frame()), split,
                        tmp_path, batch_size=4)
    assert not list(tmp_path.iterdir())
