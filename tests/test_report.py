"""Promises of the report: every file, captions, tags, whatever the names."""
import html.parser
import json

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny import CLASSES, make_records

from fashionclf import classifier, inference, report

NAMES = ["Coat", "$x_1$", "Été, \"new\""]


def predictions(paths=None):
    """Five of six right; the mistake is picture 3, a "$x_1$" taken for a Coat."""
    labels = np.array([0, 0, 1, 1, 2, 2])
    probabilities = np.full((6, 3), 0.1, np.float32)
    probabilities[np.arange(6), [0, 0, 1, 0, 2, 2]] = 0.8
    return inference.Predictions(labels, probabilities,
                                 paths or [f"img/<b>, {i}\n\".jpg" for i in range(6)],
                                 ["a", "a", "b", "b", "c", "c"])


def load_pictures(paths):
    return {path: np.full((40, 30, 3), 200, np.uint8) for path in paths}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    scores = report.write(folder / "report", predictions(), NAMES, load_pictures=load_pictures,
                          tensorboard_dir=folder / "tensorboard", step=7,
                          provenance={"split": "test"})
    return folder, scores


def test_all_files_are_written_and_metrics_are_what_is_returned(written):
    folder, scores = written
    assert sorted(file.name for file in (folder / "report").iterdir()) == [
        "classification_report.txt", "confusion_matrix.png", "index.html", "metrics.json",
        "misclassified.png", "per_class.csv", "predictions.csv", "reliability.png"]
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


class Page(html.parser.HTMLParser):
    """What a browser would make of a page: its tags and its text."""

    def __init__(self, file):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def test_the_page_shows_every_picture_and_no_name_becomes_a_tag(tmp_path):
    evil = ["<script>alert(1)</script>.jpg", "\"><img src=x onerror=alert(1)>", "a&amp;b", "x",
            "</table><iframe src=//x>", "y"]
    classes = ["<i>Coat", "&eacute;", "'\"><svg onload=alert(1)>"]
    wrong = predictions(evil)
    wrong.probabilities[:] = wrong.probabilities[:, [1, 2, 0]]
    report.write(tmp_path, wrong, classes, load_pictures=load_pictures)
    page = Page(tmp_path / "index.html")
    assert {tag for tag, _ in page.tags} <= {
        "html", "meta", "title", "style", "h1", "h2", "p", "img", "table", "thead", "tbody", "tr",
        "th", "td"}
    shown = [attrs["src"] for tag, attrs in page.tags if tag == "img"]
    assert shown == ["confusion_matrix.png", "reliability.png", "misclassified.png"]
    assert all((tmp_path / name).is_file() for name in shown)
    assert all(name in page.text for name in [*evil[:3], evil[4], *classes])


def test_tensorboard_holds_both_pictures_the_table_and_the_scores(written):
    events = EventAccumulator(str(written[0] / "tensorboard" / "report"))
    events.Reload()
    tags = events.Tags()["tensors"]
    assert {"test/confusion_matrix", "test/misclassified", "test/classification_report",
            "test/top1", "test/macro_f1"} <= set(tags)
    assert events.Tensors("test/top1")[0].step == 7
    png = events.Tensors("test/confusion_matrix")[0].tensor_proto.string_val[2]
    with Image.open(written[0] / "report" / "confusion_matrix.png") as file:
        assert tf.io.decode_png(png).shape == (file.height, file.width, 3)


def test_only_mistakes_are_asked_for_and_none_at_all_is_fine(tmp_path):
    asked = []

    def loader(paths):
        asked.append(paths)
        return load_pictures(paths)

    report.write(tmp_path / "a", predictions(), NAMES, load_pictures=loader)
    perfect = predictions()
    perfect.labels[3] = 0
    report.write(tmp_path / "b", perfect, NAMES, load_pictures=loader)
    assert asked == [[predictions().paths[3]], []]
    assert (tmp_path / "b" / "misclassified.png").is_file()


@pytest.fixture(scope="module")
def records_dir(tmp_path_factory):
    return make_records(tmp_path_factory.mktemp("records"), per_class={"train": 1, "test": 3})


def spec(classes):
    return classifier.Spec("baseline_cnn", classes, 32, 0.1)


def test_evaluate_run_counts_every_record_and_says_accuracy_beside_the_baseline(
        records_dir, tmp_path, capsys):
    model = classifier.build(spec(CLASSES))
    scores = report.evaluate_run(model, spec(CLASSES), records_dir, "test", tmp_path, batch_size=4)
    assert scores["n"] == 9 and scores["majority_baseline"] == 3 / 9
    printed = capsys.readouterr().out
    assert f"accuracy            {scores['top1']:.3f}  (" in printed
    assert "majority baseline   0.333" in printed
    rows = pd.read_csv(tmp_path / "predictions.csv")
    assert (rows["true"] == rows["predicted"]).mean() == pytest.approx(scores["top1"])


def test_gallery_pictures_are_those_of_their_records(records_dir):
    path = "img/test_Green/img_00000001.png"
    found = report.read_pictures(records_dir, "test", [path], box_margin=0.0)
    with Image.open(records_dir.parent / "source" / path) as picture:
        np.testing.assert_array_equal(found.pop(path), np.asarray(picture))
    assert not found


@pytest.mark.parametrize("classes, message", [
    (["Red", "Green", "Cyan"], "records lack Cyan; the run does not know Blue"),
    (["Green", "Red", "Blue"], "their order differs"),
])
def test_records_of_other_classes_are_refused_with_the_difference(records_dir, classes, message):
    with pytest.raises(ValueError, match=message):
        report.evaluate_run(None, spec(classes), records_dir, "test", "x", batch_size=4)


def test_an_empty_split_is_refused_with_the_cure(records_dir):
    with pytest.raises(ValueError, match="'validation' is empty; choose another --split"):
        report.evaluate_run(None, spec(CLASSES), records_dir, "validation", "x", batch_size=4)
