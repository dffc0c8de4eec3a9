"""Promises of TensorBoard's pages of an evaluation: curves, hyperparameters, projector."""
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins import projector as page
from tensorboard.plugins.hparams import metadata

from fashionclf.evaluation import figures, report, tensorboard_pages
from fashionclf.model import inference, network
from fashionclf.model.weights import Run
from fashionclf.records.input_pipeline import Records
from tests.helpers.checks import events
from tests.helpers.tiny import CLASSES, make_records, make_spec

SPEC = make_spec()
SIDE = tensorboard_pages.THUMBNAIL


def test_a_sheet_holds_pictures_line_by_line_and_ends_white():
    pictures = np.arange(3, dtype=np.uint8)[:, None, None, None] * np.ones((2, 4, 3), np.uint8)
    sheet = figures.sheet(pictures, 2)
    assert sheet.shape == (4, 8, 3)
    assert [sheet[0, 0, 0], sheet[0, 4, 0], sheet[2, 0, 0], sheet[2, 4, 0]] == [0, 1, 2, 255]
    assert figures.sheet(pictures, 5).shape == (2, 20, 3)


def test_each_class_that_occurs_has_its_precision_and_recall(tmp_path):
    probabilities = np.array([[0.9, 0.1, 0], [0.4, 0.6, 0], [0.2, 0.8, 0]], np.float32)
    found = inference.Predictions(labels=np.array([0, 0, 1]), probabilities=probabilities,
                                  paths=list("abc"), items=list("abc"))
    with tf.summary.create_file_writer(str(tmp_path / tensorboard_pages.RUN)).as_default(step=0):
        tensorboard_pages.add_precision_recall("test", found, CLASSES)
    logs = events(tmp_path / tensorboard_pages.RUN)
    assert set(logs.Tags()["tensors"]) == {
        "test/Red/pr_curves", "test/Green/pr_curves"}
    counts = tf.make_ndarray(logs.Tensors("test/Red/pr_curves")[0].tensor_proto)
    at = {threshold: counts[:, round(200 * threshold)] for threshold in (0.0, 0.3, 0.5)}
    assert at[0.0][4:] == pytest.approx([2 / 3, 1])  # precision, recall
    assert at[0.3][4:] == pytest.approx([1, 1])
    assert at[0.5][4:] == pytest.approx([1, 1 / 2])


def test_hyperparameters_keep_their_types(tmp_path):
    values = {"dropout": 0.2, "head_epochs": 3, "augment": True, "weights": "imagenet"}
    tensorboard_pages.add_hyperparameters(tmp_path, values, run=Path("saved_models/mine"))
    log = events(tmp_path / tensorboard_pages.RUN)
    content = log.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    info = metadata.parse_session_start_info_plugin_data(content)
    assert info.group_name == "mine (saved_models/mine)"
    kinds = {name: (value.WhichOneof("kind"), getattr(value, value.WhichOneof("kind")))
             for name, value in info.hparams.items()}
    assert kinds == {"dropout": ("number_value", 0.2), "head_epochs": ("number_value", 3),
                     "augment": ("bool_value", True), "weights": ("string_value", "imagenet")}


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """TensorBoard's folder after an evaluation of test and validation, and the model."""
    folder = tmp_path_factory.mktemp("projector")
    records_dir = make_records(folder, per_class={"train": 1, "validation": 1, "test": 4})
    run = Run(folder=folder, network=network.build(SPEC), spec=SPEC)
    records = Records.open(records_dir, SPEC.framing)
    for split in ("test", "validation", "test"):
        report.evaluate(run, records, split, folder / "report", batch_size=5)
    return folder / "tb" / tensorboard_pages.RUN, run, records


def lines(file):
    return [line.split("\t") for line in file.read_text(encoding="utf-8").splitlines()]


@pytest.mark.slow
def test_the_projector_has_a_page_of_each_split(evaluated):
    text = (evaluated[0] / "projector_config.pbtxt").read_text()
    pages = text_format.Parse(text, page.ProjectorConfig()).embeddings
    assert [(p.tensor_name, list(p.tensor_shape)) for p in pages] == [
        ("validation", [3, 128]), ("test", [12, 128])]
    for p in pages:
        assert list(p.sprite.single_image_dim) == [SIDE, SIDE]
        for name in (p.tensor_path, p.metadata_path, p.sprite.image_path):
            assert (evaluated[0] / name).is_file()


@pytest.mark.slow
def test_line_thumbnail_and_features_of_the_projector_are_of_one_picture(evaluated):
    folder, run, records = evaluated
    header, *rows = lines(folder / "projector_test.tsv")
    assert header == ["class", "item", "correct", "predicted"]
    assert sorted(row[1] for row in rows) == [f"img/test_{name}" for name in sorted(CLASSES)
                                              for _ in range(4)]
    features = np.fromfile(folder / "projector_test.bytes", np.float32).reshape(12, -1)
    predicted = run.network.get_layer("predictions")(features).numpy().argmax(axis=1)
    assert [row[3] for row in rows] == [CLASSES[label] for label in predicted]
    with Image.open(folder / "projector_test.png") as file:
        sheet = np.asarray(file)
    assert sheet.shape == (3 * SIDE, 4 * SIDE, 3)
    for number, (name, item, correct, said) in enumerate(rows):
        line, column = divmod(number, 4)
        thumbnail = sheet[line * SIDE:(line + 1) * SIDE, column * SIDE:(column + 1) * SIDE]
        assert CLASSES[thumbnail.mean(axis=(0, 1)).argmax()] == name and item.endswith(name)
        assert correct == ("yes" if said == name else "no")


@pytest.mark.slow
def test_no_name_breaks_a_line_or_a_column_of_the_projector(tmp_path, evaluated):
    found = inference.Predictions(
        labels=np.array([0, 1, 2]), probabilities=np.eye(3, dtype=np.float32),
        paths=list("abc"), items=["a\tb", "a\nb", "a\u2028b\rc"],
        features=np.zeros((2, 4), np.float32))
    tensorboard_pages.add_projector(tmp_path, found, evaluated[2], "test")
    assert lines(tmp_path / tensorboard_pages.RUN / "projector_test.tsv")[1:] == [
        ["Red", "a b", "yes", "Red"], ["Green", "a b", "yes", "Green"]]


@pytest.mark.slow
def test_features_are_those_of_the_first_examples_and_change_no_probability(evaluated):
    _, run, records = evaluated
    plain, more = (report.predict_split(run, records, "test", batch_size=5, max_features=n)
                   for n in (0, 7))
    assert plain.features is None and more.features.shape == (7, 128)
    np.testing.assert_allclose(more.probabilities, plain.probabilities, atol=1e-6)
    logits = run.network.get_layer("predictions")(more.features)
    np.testing.assert_allclose(tf.nn.softmax(logits), plain.probabilities[:7], atol=1e-5)
