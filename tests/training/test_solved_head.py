"""The head phase as a convex problem on the features of all cached views."""
import dataclasses
import shutil

import keras
import numpy as np
import pandas as pd
import pytest

from fashionclf.model import network
from fashionclf.records.input_pipeline import Records
from fashionclf.records.training_set import list_split
from fashionclf.training import loop, solved_head, trunk_cache
from fashionclf.training.trunk_cache import Activations
from tests.helpers.checks import assert_same, events, killed_after
from tests.helpers.tiny import CLASSES, frame, make_phase, make_recipe, make_records

HEAD = dataclasses.replace(make_phase(1, unfreeze_from=None), solved=True)
LATE = make_phase(unfreeze_from="block7a", name="fine_tune")  # little to trace
FEATURES, VIEWS = 5, 3
VALIDATED = pytest.mark.parametrize("records", ["with validation"], indirect=True)


@pytest.fixture(scope="module", params=["with validation", "without"])
def records(tmp_path_factory, request):
    validation = {"validation": 4} if request.param == "with validation" else {}
    folder = make_records(tmp_path_factory.mktemp("solved"),
                          per_class={"train": 8, **validation, "test": 2})
    return Records.open(folder, frame())


def activations(records):
    """Features that tell the classes apart, but for noise that differs from view to view."""
    rng, views, rows = np.random.default_rng(0), {}, {}
    for split in ("train", "validation"):
        if not records.examples[split]:
            continue
        labels = list_split(records, split).labels
        shape = (len(labels), FEATURES)
        views[split] = [(2 * np.eye(3, FEATURES)[labels] + rng.normal(size=shape)
                         ).astype(np.float16) for _ in range(VIEWS)]
        rows[split] = trunk_cache._rows(records, split)
    return Activations(records=records, enters=network.PREDICTIONS, views=views, rows=rows)


def dense():
    inputs = keras.Input((FEATURES,))
    features = keras.layers.Identity(name=network.FEATURES)(inputs)
    return keras.Model(inputs, keras.layers.Dense(3, name=network.PREDICTIONS)(features))


@pytest.mark.slow
def test_every_view_counts_and_the_strength_is_chosen_by_validation_loss(records, capsys):
    data, model = activations(records), dense()
    row = solved_head.solve(model, HEAD, make_recipe(), data)
    said = capsys.readouterr().out
    assert f"on {VIEWS} views of 24 pictures" in said and row["accuracy"] > 0.8

    if not records.examples["validation"]:
        assert f"strength {solved_head.DEFAULT:g} of the L2 penalty is the default" in said
        return
    losses = {}
    for strength in solved_head.STRENGTHS:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(solved_head, "STRENGTHS", (strength,))
            solved_head.solve(model, HEAD, make_recipe(), data)
        features = data.views["validation"][0].astype(np.float32)
        labels = list_split(records, "validation").labels
        losses[strength] = keras.losses.sparse_categorical_crossentropy(
            labels, model(features), from_logits=True).numpy().mean()
    assert f"strength {min(losses, key=losses.get):g} of the L2 penalty has the lowest" in said
    assert len(set(losses.values())) == len(losses)


def test_the_start_of_another_phase_has_the_strongest_penalty(records, capsys):
    start, model = dataclasses.replace(HEAD, start_only=True), dense()
    row = solved_head.solve(model, start, make_recipe(), activations(records))
    assert "strength 1 of the L2 penalty leaves the next phase something" in capsys.readouterr().out
    alone = solved_head.solve(model, HEAD, make_recipe(), activations(records))
    assert row["loss"] > 1.2 * alone["loss"]


@pytest.mark.slow
@VALIDATED
def test_another_label_another_weight_and_other_views_change_the_head(records):
    def solved(data=activations(records), **changes):
        model = dense()
        solved_head.solve(model, HEAD, make_recipe(**changes), data)
        return model.get_weights()[0]
    one = solved()
    assert (solved() == one).all()
    fewer = activations(records)
    fewer.views["train"].pop()
    for other in (solved(label_smoothing=0.3), solved(class_weights=np.array([1.0, 1.0, 9.0])),
                  solved(fewer)):
        assert np.abs(other - one).max() > 0.01


def run(model, phases, data, folder, **changes):
    for phase in phases:
        loop.run_phase(model, phase, make_recipe(**changes), data[phase.name],
                       loop.Output(run_dir=folder))


@pytest.mark.slow
def test_a_solved_phase_is_one_epoch_of_the_history_and_resumes_to_the_same_bits(
        tmp_path, records):
    data, model, again = {"head": activations(records)}, dense(), dense()
    run(model, [HEAD], data, tmp_path, ema_momentum=0.9)
    history = pd.read_csv(tmp_path / "history.csv")
    assert len(history) == 1 and history["kept"].all() and history["learning_rate"].isna().all()
    assert history["val_accuracy"].isna().all() == (not records.examples["validation"])
    assert (history[["loss", "l2", "step", "images_per_second"]] > 0).all(axis=None)
    tags = events(next(tmp_path.glob("tb/*train*"))).Tags()["tensors"]
    assert "epoch/loss" in tags and "epoch/learning_rate" not in tags
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(solved_head, "solve", None)
        run(again, [HEAD], data, tmp_path, ema_momentum=0.9)
    assert_same(again.get_weights(), model.get_weights())


@pytest.mark.slow
@VALIDATED
def test_a_training_killed_after_its_head_was_solved_ends_bit_for_bit_like_an_unbroken_one(
        tmp_path, records, efficientnet):
    def train(folder):
        model = efficientnet()
        data = trunk_cache.open_or_fill(model, [HEAD, LATE], make_recipe(), records, views=2,
                                        cache_dir=tmp_path / "cache", max_bytes=1e9)
        assert [len(data[name].views["train"]) for name in ("head", "fine_tune")] == [2, 2]
        run(model, [HEAD, LATE], data, folder)
        return model.get_weights()

    unbroken = train(tmp_path / "unbroken_run")
    with killed_after(2, loop, "make_step", of_result=True):
        train(tmp_path / "run")
    shutil.rmtree(tmp_path / "cache")  # also without it
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(solved_head, "solve", None)
        assert_same(train(tmp_path / "run"), unbroken)
    assert pd.read_csv(tmp_path / "run" / "history.csv")["epoch"].tolist() == [1, 1, 2]
    assert len(CLASSES) == unbroken[-1].size
