import builtins
import io
import json
import os
from pathlib import Path

import keras
import numpy as np
import pytest

from fashionclf.model import network, weights
from fashionclf.model.weights import Run
from tests.helpers.tiny import frame, make_spec, save_run

B0 = make_spec("efficientnet_b0", ["a", "b", "c"], framing=frame(64, 0.1))
B1 = make_spec("efficientnet_b1", ["a", "b", "c"], framing=frame(32, 0.1))
CNN = make_spec(classes=["a", "b", "c"], framing=frame(32, 0.1))


@pytest.fixture(scope="module")
def b0():
    return network.build(B0)


def pictures(size, count=2):
    return np.random.default_rng(0).uniform(0, 255, (count, size, size, 3)).astype(np.float32)


def official_file(tmp_path, architecture):
    """What efficientnetb0_notop.h5 is: random weights here, std in the variance's place."""
    trunk = architecture(include_top=False, weights=None)
    rng = np.random.default_rng(0)
    for layer in trunk.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            shape = layer.gamma.shape
            layer.set_weights([rng.uniform(0.5, 1.5, shape), rng.normal(0, 0.1, shape),
                               rng.normal(0, 0.1, shape), rng.uniform(0.5, 1.5, shape)])
    normalization = next(x for x in trunk.layers if isinstance(x, keras.layers.Normalization))
    normalization.set_weights([np.array(network.IMAGENET_MEAN),
                               np.array(network.IMAGENET_STD), np.array(0)])
    file = tmp_path / "efficientnetb0_notop.weights.h5"
    trunk.save_weights(file)
    return file


@pytest.mark.parametrize("block, lowest, blocks", [
    (None, 0, 1), ("block7a", 1, 2), ("block6a", 5, 6), ("stem", 17, 18)])
def test_the_blocks_above_each_variable_are_counted(b0, block, lowest, blocks):
    network.unfreeze_from(b0, block)
    counts = network.blocks_above(b0)
    assert len(counts) == len(b0.trainable_variables)
    assert counts == sorted(counts, reverse=True) and counts[0] == lowest and counts[-1] == 0
    assert set(counts) == set(range(blocks))


@pytest.mark.slow
@pytest.mark.parametrize("spec, architecture, layers", [
    (B0, keras.applications.EfficientNetB0, 238), (B1, keras.applications.EfficientNetB1, 340)],
    ids=["B0", "B1"])
def test_our_graph_equals_the_official_imagenet_graph(tmp_path, monkeypatch, spec, architecture,
                                                      layers):
    file, size = official_file(tmp_path, architecture), spec.framing.image_size
    module = __import__("keras.src.applications.efficientnet", fromlist=["file_utils"])
    monkeypatch.setattr(module.file_utils, "get_file", lambda *_, **__: str(file))
    official = architecture(include_top=False, weights="imagenet", input_shape=(size, size, 3))
    for layer in official.layers:  # Keras 3 adopts new statistics only on request
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
    assert len(official.layers) == layers
    ours = network.build(spec)
    weights.load_trunk(ours, "imagenet")
    maps = keras.Model(ours.input, ours.get_layer("top_activation").output)
    expected = official.predict(pictures(size), verbose=0)
    difference = np.abs(maps.predict(pictures(size), verbose=0) - expected).max()
    assert np.abs(expected).max() > 0.1 and difference < 1e-4


def test_logits_have_a_column_a_class(b0):
    assert b0(pictures(64)).shape == (2, 3)
    assert network.build(CNN)(pictures(32)).shape == (2, 3)


def test_stochastic_depth_drops_the_branches_of_single_examples(b0):
    branches = [x for x in b0.layers if isinstance(x, network.StochasticDepth)]
    assert [x.name for x in branches] == [
        "block2b_drop", "block3b_drop", "block4b_drop", "block4c_drop", "block5b_drop",
        "block5c_drop", "block6b_drop", "block6c_drop", "block6d_drop"]
    assert np.allclose([x.depth for x in branches], np.array([2, 4, 6, 7, 9, 10, 12, 13, 14]) / 16)
    plain = np.array(b0(pictures(64)))
    branches[-1].keep = np.array([1, 0], np.float32)[:, None, None, None]
    dropped = np.array(b0(pictures(64)))
    branches[-1].keep = None
    np.testing.assert_array_equal(dropped[0], plain[0])
    assert (dropped[1] != plain[1]).all()


def test_the_input_is_0_to_255_and_rescaled_inside(b0):
    normalized = keras.Model(b0.input, next(
        x for x in b0.layers if isinstance(x, keras.layers.Normalization)).output)
    white = np.array(normalized(np.full((1, 64, 64, 3), 255.0)))[0, 0, 0]
    expected = (1 - np.array(network.IMAGENET_MEAN)) / np.array(network.IMAGENET_STD)
    np.testing.assert_allclose(white, expected, rtol=1e-5)


def test_an_unknown_block_is_answered_with_those_there_are(b0):
    with pytest.raises(ValueError, match="block9.*block7a"):
        network.unfreeze_from(b0, "block9")


def test_a_saved_model_comes_back_the_same(tmp_path):
    model = network.build(CNN)
    weights.save(Run(folder=tmp_path, network=model, spec=CNN, provenance={"kept": "last"}))
    run = weights.load(tmp_path)
    assert run.spec == CNN and run.folder == tmp_path
    np.testing.assert_array_equal(model(pictures(32)), run.network(pictures(32)))


def test_model_json_is_whole_or_not_there(tmp_path, monkeypatch):
    """A training is finished once the file has its name: it must never be open under it."""
    real, opened = open, []

    def recording(file, *args, **kwargs):
        opened.append(Path(os.fspath(file)).name if not isinstance(file, int) else file)
        return real(file, *args, **kwargs)

    def torn(self, text, **_):
        with real(self, "w") as file:
            file.write(text[:len(text) // 2])
        raise KeyboardInterrupt
    monkeypatch.setattr(Path, "write_text", torn)
    with pytest.raises(KeyboardInterrupt):
        save_run(tmp_path, CNN)
    assert not (tmp_path / "model.json").exists()
    monkeypatch.undo()

    monkeypatch.setattr(io, "open", recording)
    monkeypatch.setattr(builtins, "open", recording)
    save_run(tmp_path, CNN)
    assert (tmp_path / "model.json").is_file() and "model.json" not in opened
    assert "incomplete-model.json" in opened
    assert sorted(file.name for file in tmp_path.iterdir()) == ["model.json", "model.weights.h5"]


def test_exchanged_weights_are_refused(tmp_path):
    save_run(tmp_path, CNN)
    description = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps({**description, "weights_sha256": "0"}))
    with pytest.raises(ValueError, match="sha256"):
        weights.load(tmp_path)


def test_logit_adjustment_is_a_shift_of_each_class_by_the_logarithm_of_its_share():
    model = network.build(CNN)
    pictures = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    before = model(pictures).numpy()
    network.adjust_logits(model, np.array([60, 40, 0]), 0.5)
    np.testing.assert_allclose(model(pictures) - before,
                               [-0.5 * np.log(np.array([60, 40, 1]) / 101)] * 2, atol=1e-5)


@pytest.mark.slow
def test_without_a_network_the_error_names_the_file_of_the_architecture(monkeypatch):
    model = network.build(B1)

    def unavailable(*_, **__):
        raise Exception("URL fetch failure")
    monkeypatch.setattr(keras.applications, "EfficientNetB1", unavailable)
    with pytest.raises(ValueError, match="URL fetch failure. Put efficientnetb1_notop.h5 into"):
        weights.load_trunk(model, "imagenet")


@pytest.mark.slow
def test_weights_that_do_not_fit_or_do_not_exist_are_named_with_the_cure(tmp_path, b0):
    small = tmp_path / "small.weights.h5"
    network.build(CNN).save_weights(small)
    with pytest.raises(ValueError, match="small.weights.h5: does not fit.*same EfficientNet"):
        weights.load_trunk(b0, str(small))
    with pytest.raises(FileNotFoundError, match="--weights takes"):
        weights.load_trunk(b0, str(tmp_path / "none.weights.h5"))
    with pytest.raises(ValueError, match="--weights=none"):
        weights.load_trunk(network.build(CNN), "imagenet")
