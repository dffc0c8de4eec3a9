import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from fashionclf.model import network
from fashionclf.records.input_pipeline import Records
from fashionclf.training import loop
from fashionclf.training.step import make_step
from tests.helpers.checks import assert_same, killed_after
from tests.helpers.tiny import SIZE, frame, make_phase, make_recipe, make_records, make_spec


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = make_records(tmp_path_factory.mktemp("tuning"),
                          per_class={"train": 8, "validation": 2, "test": 2})
    return Records.open(folder, frame())


def run_phase(model, phase, recipe, data, folder, **output):
    loop.run_phase(model, phase, recipe, data, loop.Output(run_dir=folder, **output))


def cnn():
    keras.utils.set_random_seed(0)
    return network.build(make_spec())


def weights(model):
    return [v.numpy() for v in model.variables]


def one_step(model, which, enters=None, **changes):
    network.unfreeze_from(model, which.unfreeze_from)
    optimizer = keras.optimizers.Adam(1e-2)
    optimizer.build(model.trainable_variables)
    step = make_step(model, optimizer, which, make_recipe(**changes), enters)
    shape = model.get_layer(enters).input.shape[1:] if enters else (SIZE, SIZE, 3)
    images = np.random.default_rng(0).uniform(0, 255, (8, *shape)).astype(np.float32)
    return step({"image": tf.constant(images), "label": tf.range(8, dtype=tf.int64) % 3},
                tf.constant([1, 2]))


@pytest.fixture(scope="module")
def changed(efficientnet):
    """Names of the layers that a step of each phase changes in an EfficientNet."""
    def run(block):
        model = efficientnet()
        before = {v.path: v.numpy() for v in model.variables}
        one_step(model, make_phase(unfreeze_from=block))
        return {v.path for v in model.variables if (before[v.path] != v.numpy()).any()}
    return {"fine_tune": run("block6a"), "head": run(None)}  # which freezes the blocks again


@pytest.mark.slow
def test_the_head_phase_leaves_the_trunk_bitwise_unchanged(changed):
    assert {path.split("/")[0] for path in changed["head"]} == {"predictions"}


@pytest.mark.slow
def test_fine_tuning_changes_the_top_two_blocks_and_no_batchnorm(changed):
    blocks = {path.split("_")[0].split("/")[0] for path in changed["fine_tune"]}
    assert {block[:6] for block in blocks} == {"block6", "block7", "top", "predic"}
    assert not any("bn" in path for path in changed["fine_tune"])


@pytest.mark.slow
def test_stochastic_depth_reaches_trained_blocks_and_ends_with_the_step(efficientnet):
    def loss(block, rate):
        model = efficientnet()
        found = one_step(model, make_phase(unfreeze_from=block), stochastic_depth=rate)
        assert all(getattr(layer, "keep", None) is None for layer in model.layers)
        return float(found[0])
    assert loss("block6b", 0.9) == loss("block6b", 0.9) != loss("block6b", 0.0)
    assert loss(None, 0.9) == loss(None, 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("block, enters", [("conv2d", None), ("block7a", "block7a_expand_conv")])
def test_a_step_compiled_by_xla_is_the_plain_one_up_to_rounding(efficientnet, block, enters):
    """On augmented pictures, and on the activations of frozen layers."""
    def stepped(jit):
        model = efficientnet() if enters else cnn()
        found = one_step(model, make_phase(unfreeze_from=block), enters, mixup=0.2,
                         stochastic_depth=0.2, jit=jit)
        return found.numpy(), weights(model)
    (plain, after), (compiled, compiled_after) = stepped(False), stepped(True)
    np.testing.assert_allclose(compiled, plain, rtol=1e-5)
    assert_same(compiled_after, after, atol=1e-2)


@pytest.mark.slow
def test_it_learns_what_colours_tell(tmp_path, data):
    run_phase(cnn(), make_phase(epochs=4), make_recipe(augmentation=None), data, tmp_path)
    history = pd.read_csv(tmp_path / "history.csv")
    assert history["val_accuracy"].max() == 1.0 and history["loss"].iloc[-1] < 0.7
    assert (tmp_path / "checkpoints" / "best.weights.h5").is_file()


@pytest.mark.slow
def test_a_training_loss_that_rises_is_pointed_out(tmp_path, data, capsys, monkeypatch):
    losses = [1.0, 1.2, 0.9, 1.2]
    monkeypatch.setattr(loop._EpochTrainer, "train", lambda self, epoch: {
        "loss": losses[epoch], "accuracy": 0.5, "l2": 0.0, "images_per_second": 1.0})
    run_phase(cnn(), make_phase(epochs=4), make_recipe(), data, tmp_path)
    notes = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note:")]
    assert len(notes) == 1 and "from 0.900 to 1.200" in notes[0]
    assert "a lower --head_learning_rate" in notes[0]


def test_l2_is_the_sum_of_squares_of_the_trained_kernels():
    model = cnn()
    expected = 1e-4 * sum(np.square(v.numpy()).sum() for v in model.trainable_variables
                          if v.name == "kernel")
    assert float(one_step(model, make_phase())[1]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("block, kills, changes", [
    ("conv2d", [2, 2], {"mixup": 0.2}),  # of 3 an epoch: after a save within the epoch
    ("block6b", [4], {"mixup": 0.2, "stochastic_depth": 0.2})])
def test_a_phase_killed_in_an_epoch_ends_bit_for_bit_like_an_unbroken_one(
        tmp_path, data, efficientnet, block, kills, changes):
    """Also that the same flags give the same weights twice, on threads as they come.

    test_tensorboard_log kills a training without a moving average in both phases.
    """
    recipe = make_recipe(ema_momentum=0.9, **changes)

    def train(run):
        model = efficientnet() if block == "block6b" else cnn()
        run_phase(model, make_phase(unfreeze_from=block), recipe, data, run,
                  checkpoint_every_steps=1)
        return weights(model)

    for steps in kills:
        with killed_after(steps, loop, "make_step", of_result=True):
            train(tmp_path / "run")
    assert_same(train(tmp_path / "run"), train(tmp_path / "unbroken_run"))
    assert pd.read_csv(tmp_path / "run" / "history.csv")["epoch"].tolist() == [1, 2]


@pytest.mark.slow
def test_a_loss_that_is_not_finite_stops_training_and_names_the_last_good_save(tmp_path, data):
    run_phase(cnn(), make_phase(epochs=1), make_recipe(), data, tmp_path)
    with pytest.raises(FloatingPointError) as stop:
        run_phase(cnn(), make_phase(), make_recipe(class_weights=np.full(3, np.nan)), data,
                  tmp_path)
    for what in ("epoch 2", "by step 3", "at learning rate", str(tmp_path), "head/ckpt-1"):
        assert what in str(stop.value)
    assert [file.name for file in tmp_path.rglob("*.index")] == ["ckpt-1.index"]
