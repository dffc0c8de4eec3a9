"""Promises of TensorBoard's pages of a training: one axis, whatever was killed; no step changed."""
import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fashionclf.records.input_pipeline import Records
from fashionclf.training import loop, tensorboard_log
from tests.helpers.tiny import SIZE, frame, make_phase, make_recipe, make_records
from tests.training.test_loop import Killed, cnn, kill_after, weights

pytestmark = pytest.mark.slow  # networks are built and run

HEAD, FINE_TUNE = make_phase(3), make_phase(3, name="fine_tune")
PICTURES = ["validation/confusion_matrix", "validation/misclassified",
            "validation/Red/pr_curves"]


def pictures(folder, **per_class):
    return Records.open(make_records(folder, per_class=per_class), frame())


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return pictures(tmp_path_factory.mktemp("log"), train=6, validation=2, test=1)


def train(run, data, *, augmentation=True, **output):
    model, recipe = cnn(), make_recipe(**{} if augmentation else {"augmentation": None})
    for phase in (HEAD, FINE_TUNE):
        loop.run_phase(model, phase, recipe, data, loop.Output(run_dir=run, **output))
    return model


def steps(run, name, tag):
    events = EventAccumulator(str(run / "tensorboard" / name))
    events.Reload()
    return [event.step for event in events.Tensors(tag)] if tag in events.Tags()["tensors"] else []


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, data):
    run = tmp_path_factory.mktemp("unbroken")
    return run, train(run, data)


def test_both_phases_lie_on_one_axis(unbroken):
    for tag in ("train/loss", "validation/accuracy"):
        assert steps(unbroken[0], "head", tag) == [1, 2, 3]
        assert steps(unbroken[0], "fine_tune", tag) == [4, 5, 6]


def test_validation_is_shown_after_1_2_4_8_epochs_and_at_the_end_of_a_phase(unbroken):
    for tag in PICTURES:
        assert steps(unbroken[0], "head", tag) == [1, 2, 3]
        assert steps(unbroken[0], "fine_tune", tag) == [4, 6]


def test_a_training_killed_in_both_phases_goes_on_along_the_axis(tmp_path, data, unbroken,
                                                                 monkeypatch):
    how = {"checkpoint_every_steps": 1}
    for steps_until in (1, 6):  # of two an epoch: in the head phase, and after it
        kill_after(monkeypatch, steps_until)
        with pytest.raises(Killed):
            train(tmp_path, data, **how)
        monkeypatch.undo()
    model = train(tmp_path, data, **how)
    assert steps(tmp_path, "head", "train/loss") == [1, 2, 3]
    assert steps(tmp_path, "fine_tune", "train/loss") == [4, 5, 6]
    assert steps(tmp_path, "head", "train/before_and_after_augmentation") == [0]
    for one, other in zip(weights(unbroken[1]), weights(model), strict=True):
        np.testing.assert_array_equal(one, other)


def test_classes_are_shown_once_and_pictures_in_pairs_before_each_phase(unbroken):
    assert steps(unbroken[0], "head", "data/class_distribution") == [0]
    assert steps(unbroken[0], "fine_tune", "data/class_distribution") == []
    for name, step in (("head", 0), ("fine_tune", 3)):
        tag = "train/before_and_after_augmentation"
        assert steps(unbroken[0], name, tag) == [step]
        events = EventAccumulator(str(unbroken[0] / "tensorboard" / name))
        events.Reload()
        png = events.Tensors(tag)[0].tensor_proto.string_val[2]
        sheet = tf.io.decode_png(png).numpy()
        assert sheet.shape == (3 * (SIZE + 8), 3 * (2 * SIZE + 8), 3)  # 8 pictures, 3 in a line
        before, after = sheet[4:4 + SIZE, 4:4 + SIZE], sheet[4:4 + SIZE, 4 + SIZE:4 + 2 * SIZE]
        assert (before.argmax(axis=2).ravel() == np.bincount(
            before.argmax(axis=2).ravel()).argmax()).mean() > 0.8  # a picture of one colour
        assert (before != after).any()


def test_without_validation_or_augmentation_there_are_no_pages_of_them(tmp_path):
    data = pictures(tmp_path, train=6, test=1)
    train(tmp_path / "run", data, augmentation=None)
    assert steps(tmp_path / "run", "head", "train/loss") == [1, 2, 3]
    assert steps(tmp_path / "run", "head", "train/pictures") == [0]
    assert not any(steps(tmp_path / "run", name, tag) for name in ("head", "fine_tune")
                   for tag in [*PICTURES, "validation/loss"])


def test_a_profile_of_some_steps_of_each_phase_changes_no_weight(tmp_path, data, unbroken):
    model = train(tmp_path, data, profile_steps=(2, 3))  # the epoch of step 2 ends with it
    for one, other in zip(weights(unbroken[1]), weights(model), strict=True):
        np.testing.assert_array_equal(one, other)
    for name in ("head", "fine_tune"):
        found = list((tmp_path / "tensorboard" / name).glob("plugins/profile/*/*.xplane.pb"))
        assert len(found) == 1


def test_a_profile_ends_with_what_stops_the_training(tmp_path):
    with pytest.raises(Killed), tensorboard_log.Profile(tmp_path, (1, 9)) as profile:
        with profile.step(1):
            raise Killed
    with tensorboard_log.Profile(tmp_path, (1, 1)) as profile:  # two at once would be refused
        with profile.step(1):
            keras.ops.add(1, 2)
