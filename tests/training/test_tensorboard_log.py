"""Promises of TensorBoard's pages of a training: one axis, whatever was killed; no step changed."""
import keras
import numpy as np
import pytest
import tensorflow as tf

from fashionclf.records.input_pipeline import Records
from fashionclf.training import history, loop, tensorboard_log
from tests.helpers.checks import Killed, assert_same, events, killed_after
from tests.helpers.tiny import SIZE, frame, make_phase, make_recipe, make_records
from tests.training.test_loop import cnn, weights

pytestmark = pytest.mark.slow  # networks are built and run

HEAD, FINE_TUNE = make_phase(3), make_phase(3, name="fine_tune")
PICTURES = [f"validation/{tag}" for tag in ("confusion_matrix", "misclassified", "Red/pr_curves")]


def pictures(folder, **per_class):
    return Records.open(make_records(folder, per_class=per_class), frame())


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return pictures(tmp_path_factory.mktemp("log"), train=6, validation=2, test=1)


def train(run, data, phases=(HEAD, FINE_TUNE), recipe=make_recipe(), **output):
    model = cnn()
    for phase in phases:
        loop.run_phase(model, phase, recipe, data, loop.Output(run_dir=run, **output))
    return model


def steps(run, name, tag):
    log = events(run / "tb" / name)
    return [event.step for event in log.Tensors(tag)] if tag in log.Tags()["tensors"] else []


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, data):
    run = tmp_path_factory.mktemp("unbroken")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tensorboard_log, "FIRST_PAGES", 2)
        return run, train(run, data)


def test_training_and_validation_share_a_chart_and_both_phases_its_axis(unbroken):
    for split in ("train", "validation"):
        for tag in ("epoch/loss", "epoch/accuracy"):
            assert steps(unbroken[0], split, tag) == [1, 2, 3, 4, 5, 6]
    for tag in PICTURES:  # after 2, 4, 8 ... epochs and at the end of a phase
        assert steps(unbroken[0], "validation", tag) == [2, 3, 4, 6]


def test_a_training_killed_in_both_phases_goes_on_along_the_axis(tmp_path, data, unbroken):
    for calls in (1, 6):  # of two an epoch: in the head phase, and after it
        with killed_after(calls, loop, "make_step", of_result=True):
            train(tmp_path, data, checkpoint_every_steps=1)
    model = train(tmp_path, data, checkpoint_every_steps=1)
    assert steps(tmp_path, "train", "epoch/loss") == [1, 2, 3, 4, 5, 6]
    assert steps(tmp_path, "train", "train/before_and_after_augmentation") == [0, 3]
    assert_same(weights(unbroken[1]), weights(model))


def test_classes_are_shown_once_and_pictures_in_pairs_before_each_phase(unbroken):
    tag = "train/before_and_after_augmentation"
    assert steps(unbroken[0], "train", "data/class_distribution") == [0]
    assert steps(unbroken[0], "train", tag) == [0, 3]
    for tensor in events(unbroken[0] / "tb" / "train").Tensors(tag):
        sheet = tf.io.decode_png(tensor.tensor_proto.string_val[2]).numpy()
        assert sheet.shape == (3 * (SIZE + 8), 3 * (2 * SIZE + 8), 3)  # 8 pictures, 3 in a line
        before, after = np.split(sheet[4:4 + SIZE, 4:4 + 2 * SIZE], 2, axis=1)
        assert np.bincount(before.argmax(axis=2).ravel()).max() > 0.8 * SIZE ** 2  # of one colour
        assert (before != after).any()


def test_without_validation_or_augmentation_there_are_no_pages_of_them(tmp_path):
    data = pictures(tmp_path, train=6, test=1)
    short = [make_phase(1), make_phase(1, name="fine_tune")]
    train(tmp_path / "run", data, short, make_recipe(augmentation=None))
    assert steps(tmp_path / "run", "train", "epoch/loss") == [1, 2]
    assert steps(tmp_path / "run", "train", "train/pictures") == [0, 1]
    assert not (tmp_path / "run/tb/validation").exists()


@pytest.mark.parametrize("accuracies, epoch, value", [
    ([0.9, 0.1, 0.2], 1, 0.9), ([0.1, 0.9, 0.2], 2, 0.9), ([np.nan] * 3, 3, 0.53)])
def test_a_point_marks_the_kept_epoch_on_the_curve_it_was_chosen_by(
        tmp_path, accuracies, epoch, value):
    log = history.History(tmp_path / "history.csv", validation_examples=1000)
    for number, accuracy in enumerate(accuracies):  # a head epoch, two of fine-tuning
        log.append({"phase": "fine_tune" if number else "head", "epoch": max(1, number), "step": 1,
                    "loss": 1, "accuracy": 0.51 + number / 100, "l2": 0, "learning_rate": 1,
                    "images_per_second": 1, "val_loss": accuracy, "val_accuracy": accuracy})
    tensorboard_log.mark_kept(tmp_path, log)
    point, = events(tmp_path / "kept").Tensors("epoch/accuracy")
    assert point.step == epoch and tf.make_ndarray(point.tensor_proto) == pytest.approx(value)


def test_a_profile_of_some_steps_of_each_phase_changes_no_weight(tmp_path, data, unbroken):
    model = train(tmp_path, data, profile_steps=(2, 3))  # the epoch of step 2 ends with it
    assert_same(weights(unbroken[1]), weights(model))
    for name in ("head", "fine_tune"):
        found = list((tmp_path / "tb" / name).glob("plugins/profile/*/*.xplane.pb"))
        assert len(found) == 1


def test_a_profile_ends_with_what_stops_the_training(tmp_path):
    with pytest.raises(Killed), tensorboard_log.Profile(tmp_path, (1, 9)) as profile:
        with profile.step(1):
            raise Killed
    with tensorboard_log.Profile(tmp_path, (1, 1)) as profile:  # two at once would be refused
        with profile.step(1):
            keras.ops.add(1, 2)
