"""A training may start from a run's trunk alone or from its head too, class by class."""
import numpy as np
import pytest

from fashionclf.model import network, weights
from fashionclf.model.network import PREDICTIONS
from fashionclf.sources.alignment import Alignment
from tests.helpers.checks import assert_same
from tests.helpers.tiny import frame, make_spec, save_run

OLD, NEW = ["Tee", "Singlet", "Camisole", "Bodysuit"], ["Hat", "Top", "T-Shirt"]
ALIGNED = Alignment(run_classes=OLD, records_classes=NEW, places=np.array([2, 1, 1, -1]))
FILE = "run_class,records_class\nTee,T-Shirt\nSinglet,Top\nCamisole,Top\nBodysuit,\n"


def cnn(classes):
    return network.build(make_spec(classes=classes))


def head(model):
    return model.get_layer(PREDICTIONS).get_weights()


def test_the_head_takes_over_the_rows_of_aligned_classes_and_no_other():
    run, model = cnn(OLD), cnn(NEW)
    (kernel, _), (fresh, _) = head(run), head(model)
    run.get_layer(PREDICTIONS).set_weights([kernel, np.array([1.0, 2.0, 4.0, 8.0])])
    weights.carry_head(run, model, ALIGNED)
    carried, bias = head(model)
    np.testing.assert_array_equal(carried[:, 0], fresh[:, 0])
    np.testing.assert_array_equal(carried[:, 2], kernel[:, 0])
    np.testing.assert_allclose(carried[:, 1], (kernel[:, 1] + kernel[:, 2]) / 2, rtol=1e-6)
    np.testing.assert_allclose(bias, [0.0, 3.0 + np.log(2), 1.0], rtol=1e-6)


def test_two_classes_that_are_as_likely_begin_with_the_probability_of_both():
    run, model = cnn(OLD), cnn(["Top", "T-Shirt", "Body"])
    kernel, bias = head(run)
    kernel[:, 2], bias[:] = kernel[:, 1], [0.3, 0.1, 0.1, -0.4]
    run.get_layer(PREDICTIONS).set_weights([kernel, bias])
    weights.carry_head(run, model, Alignment(
        run_classes=OLD, records_classes=["Top", "T-Shirt", "Body"],
        places=np.array([1, 0, 0, 2])))
    features = np.random.default_rng(0).normal(size=(5, len(kernel)))
    old, new = (np.exp(features @ k + b) for k, b in (head(run), head(model)))
    np.testing.assert_allclose(new[:, 0], old[:, 1] + old[:, 2], rtol=1e-5)
    np.testing.assert_allclose(new[:, 1:], old[:, [0, 3]], rtol=1e-5)


def test_an_alignment_needs_a_run():
    for start in ("imagenet", "none", "trunk.weights.h5"):
        with pytest.raises(ValueError, match=f"--weights={start} is not the folder of a run"):
            weights.warm_start(cnn(NEW), NEW, start, "align.csv")


def test_a_baseline_starts_from_a_run_of_its_own_kind_and_no_other(tmp_path):
    spec = make_spec(classes=OLD, framing=frame(64))
    run, model = network.build(spec), cnn(NEW)
    save_run(tmp_path, spec, run)
    weights.warm_start(model, NEW, str(tmp_path))
    trunks = [[array for layer in built.layers if layer.name != PREDICTIONS
               for array in layer.get_weights()] for built in (model, run)]
    assert len(trunks[0]) == 2 * 4
    assert_same(*trunks)
    with pytest.raises(ValueError, match="takes --weights=none or the folder of a run"):
        weights.warm_start(model, NEW, "imagenet")
    with pytest.raises(ValueError, match="holds a baseline_cnn; --weights needs a run of effi"):
        weights.warm_start(network.build(make_spec("efficientnet_b0", NEW)), NEW, str(tmp_path))


def test_the_head_of_a_run_with_the_same_classes_is_kept_on_request_and_a_line_says_how(tmp_path,
                                                                                        capsys):
    run, model = cnn(OLD), cnn(OLD[::-1])
    save_run(tmp_path, make_spec(classes=OLD), run)
    before = head(model)
    weights.warm_start(model, OLD[::-1], str(tmp_path))
    assert_same(head(model), before)
    assert capsys.readouterr().out == (f"head: starts at random, although {tmp_path} has the same "
                                       "classes; --align=same starts from its head\n")

    weights.warm_start(model, OLD[::-1], str(tmp_path), "same")
    kernel, bias = head(run)
    assert_same(head(model), (kernel[:, ::-1], bias[::-1]))
    assert "4 of 4 classes start from" in capsys.readouterr().out


def test_nothing_is_said_of_the_head_of_a_run_with_other_classes(tmp_path, capsys):
    save_run(tmp_path, make_spec(classes=OLD))
    weights.warm_start(cnn(NEW), NEW, str(tmp_path))
    assert capsys.readouterr().out == ""


@pytest.mark.slow
def test_trunk_and_head_come_from_the_folder_of_a_run(tmp_path, capsys):
    spec = make_spec("efficientnet_b0", OLD)
    run = network.build(spec)
    save_run(tmp_path, spec, run)
    (tmp_path / "align.csv").write_text(FILE)
    model = network.build(make_spec("efficientnet_b0", NEW, framing=frame(64)))
    weights.warm_start(model, NEW, str(tmp_path), str(tmp_path / "align.csv"))
    np.testing.assert_array_equal(head(model)[0][:, 2], head(run)[0][:, 0])
    for name in ("stem_conv", "block7a_se_reduce", "top_conv", "top_bn"):
        assert_same(*(built.get_layer(name).get_weights() for built in (model, run)))
    assert "2 of 3 classes start from" in (said := capsys.readouterr().out)
    assert said.endswith("at random: Hat\n")
