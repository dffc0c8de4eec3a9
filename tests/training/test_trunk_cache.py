import dataclasses
import json
import shutil

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from fashionclf.model import augmentation, litert, network
from fashionclf.records import training_set
from fashionclf.records.input_pipeline import Records
from fashionclf.system import cache_files
from fashionclf.training import loop, trunk_cache, views
from fashionclf.training.step import make_step
from fashionclf.training.teachers import Teachers
from tests.helpers.checks import assert_same, killed_after
from tests.helpers.small_disk import small_disk
from tests.helpers.tiny import frame, make_phase, make_recipe, make_records, make_spec, save_run

PHASES = [make_phase(unfreeze_from=None), make_phase(unfreeze_from="block6a", name="fine_tune")]
LATE = [make_phase(1, unfreeze_from=None),  # little to trace
        make_phase(unfreeze_from="block7a", name="fine_tune")]
SHALLOW = [make_phase(4, unfreeze_from="block2a", name="fine_tune")]  # quick to compute
MAPS = "block2a_expand_conv"


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    per_class = {"train": 14, "validation": 2, "test": 2}
    folder = make_records(tmp_path_factory.mktemp("cache"), per_class=per_class)
    return Records.open(folder, frame())


@pytest.fixture
def model(efficientnet):
    """An EfficientNet with the same weights at the start of each test."""
    return efficientnet()


def opened(model, records, folder, views=2, max_bytes=1e9, phases=SHALLOW, **changes):
    return trunk_cache.open_or_fill(model, phases, make_recipe(**changes), records, views=views,
                                    cache_dir=folder, max_bytes=max_bytes)


@pytest.fixture(scope="module")
def one_view(tmp_path_factory, records, efficientnet):
    """The folder of a cache of one view."""
    folder = tmp_path_factory.mktemp("one_view")
    opened(efficientnet(), records, folder, views=1)
    return folder


def taught_by(folder, records):
    """A teacher whose run is in a folder of `folder`'s parent, with random weights."""
    run = save_run(folder.parent / f"{folder.name}_teacher", make_spec())
    return Teachers.of([run.folder], records, share=0.5, temperature=2.0)


def losses(model, phase, data, how):
    """The loss of each step of a phase."""
    network.unfreeze_from(model, phase.unfreeze_from)
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(model.trainable_variables)
    step = make_step(model, optimizer, phase, how, data.enters)
    found = []
    for epoch in range(2):
        batches = data.training(epoch=epoch, batch_size=how.batch_size, seed=epoch)
        found += [step(batch, tf.constant([epoch, number]))[0].numpy()
                  for number, batch in enumerate(batches)]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.name)
def test_without_augmentation_one_view_gives_the_losses_of_the_plain_path(
        tmp_path, records, efficientnet, phase):
    how = make_recipe(augmentation=None)
    cached = opened(efficientnet(), records, tmp_path, views=1, augmentation=None, phases=[phase])
    plain, found = (losses(efficientnet(), phase, data, how)
                    for data in (records, cached[phase.name]))
    assert len(plain) == 2 * (42 // 8) and plain[0] != plain[-1]
    np.testing.assert_allclose(found, plain, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("fewest", [litert.FEWEST, 1])
def test_activations_are_those_of_the_augmented_picture_and_in_validation_of_the_plain_one(
        tmp_path, records, model, fewest, monkeypatch):
    monkeypatch.setattr(litert, "FEWEST", fewest)
    data = opened(model, records, tmp_path)["fine_tune"]
    batch = next(iter(records.evaluation("train", batch_size=views.FILL_BATCH)))
    frozen = keras.Model(model.input, model.get_layer(MAPS).input)
    seed = np.random.SeedSequence([0, 1, 0]).generate_state(2).astype(np.int32)
    draws = tf.random.stateless_uniform([len(batch["image"]), augmentation.DRAWS], seed)
    expected = frozen(augmentation.Augmentation()(batch["image"], draws), training=False)
    np.testing.assert_allclose(data.views["train"][1][:views.FILL_BATCH], expected,
                               atol=2e-3)
    batch, plain = (next(iter(which.evaluation("validation", batch_size=32)))
                    for which in (data, records))
    assert (batch["path"].numpy() == plain["path"].numpy()).all()
    np.testing.assert_allclose(batch["image"], frozen(plain["image"], training=False), atol=2e-3)


@pytest.mark.slow
def test_each_example_shows_every_view_once_in_as_many_epochs(tmp_path, records, model):
    data = opened(model, records, tmp_path, views=3)["fine_tune"]
    assert data.views["train"][0].shape == (42, 16, 16, 16)
    seen = {}
    for epoch in range(3):
        for batch in data.training(epoch=epoch, batch_size=6, seed=epoch):
            for path, image in zip(batch["path"].numpy(), batch["image"].numpy()):
                seen.setdefault(path, set()).add(image.tobytes())
    assert len(seen) == 42 and {len(views) for views in seen.values()} == {3}


@pytest.mark.slow
@pytest.mark.parametrize("views, changes, expected", [
    (9, {}, 4), (3, {}, 3), (9, {"augmentation": None}, 1)])
def test_no_view_is_computed_that_no_epoch_would_show(tmp_path, records, model, views, changes,
                                                      expected):
    data = opened(model, records, tmp_path, views=views, **changes)["fine_tune"]
    assert len(data.views["train"]) == expected == len(list(tmp_path.rglob("train-*")))


@pytest.mark.slow
def test_the_maps_have_all_views_and_the_head_one_unless_it_is_alone_or_solved(
        tmp_path, records, model):
    data = opened(model, records, tmp_path, phases=[PHASES[0], *SHALLOW])
    assert [len(data[name].views["train"]) for name in ("head", "fine_tune")] == [1, 2]
    alone = opened(model, records, tmp_path, phases=PHASES[:1])
    assert len(alone["head"].views["train"]) == 2
    solved = [dataclasses.replace(PHASES[0], solved=True, epochs=1), *SHALLOW]
    data = opened(model, records, tmp_path, phases=solved)
    assert [len(data[name].views["train"]) for name in ("head", "fine_tune")] == [2, 2]


@pytest.mark.slow
def test_a_cache_is_used_again_and_grows_by_the_views_that_lack(
        tmp_path, records, model, monkeypatch, capsys):
    opened(model, records, tmp_path)
    one = {file.name: file.read_bytes() for file in tmp_path.rglob("*.npy")}
    opened(model, records, tmp_path, views=3)
    assert "cached features of 3 of 4 views, computing 1" in capsys.readouterr().out
    for file in tmp_path.rglob("*.npy"):
        assert one.get(file.name, file.read_bytes()) == file.read_bytes()
    monkeypatch.setattr(trunk_cache, "fill", None)
    opened(model, records, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1

    # A teacher adds its own folder, and leaves the views alone.
    found = opened(model, records, tmp_path, teachers=taught_by(tmp_path, records))["fine_tune"]
    assert [target.shape for target in found.targets] == [(42, 3)] * 2
    batch = next(iter(found.training(epoch=0, batch_size=42, seed=0)))
    for path, target in zip(batch["path"].numpy(), batch["target"].numpy()):
        row = found.rows["train"][path]
        assert (target == found.targets[row % 2][row]).all()


@pytest.mark.slow
def test_a_fold_and_unlabelled_pictures_show_views_of_whole_records(tmp_path, records, model):
    more = Records.open(make_records(tmp_path / "more", per_class={"train": 2}), frame())
    chosen = training_set.select(records, fold=(1, 2), unlabelled=more)
    whole, found = (opened(model, which, tmp_path / "cache")["fine_tune"]
                    for which in (records, chosen))
    assert len(list((tmp_path / "cache").iterdir())) == 2  # the second of the unlabelled pictures
    labelled = {path for path in found.rows["train"] if not path.startswith(b"\0")}
    assert 0 < len(labelled) < 42 and len(found.rows["train"]) == len(labelled) + 6
    for view, expected in zip(found.views["train"], whole.views["train"], strict=True):
        for path, row in found.rows["train"].items():
            # The unlabelled ones are the first pictures of each class, in another augmentation.
            assert path not in labelled or (view[row] == expected[whole.rows["train"][path]]).all()
        assert (np.asarray(view) == np.stack([view[row] for row in range(len(view))])).all()
    assert len(next(iter(found.training(epoch=1, batch_size=len(labelled) + 6, seed=0)))["label"])


@pytest.mark.slow
@pytest.mark.parametrize("change", ["seed", "augmentation", "image_size", "trunk", "records",
                                    "decoder"])
def test_what_the_activations_depend_on_names_the_cache(
        tmp_path, records, model, one_view, change, monkeypatch):
    changes = {"seed": {"seed": 1}, "augmentation": {
        "augmentation": augmentation.Augmentation(zoom=0.2)}}.get(change, {})
    if change == "image_size":
        records = dataclasses.replace(records, framing=frame(box_margin=0.5))
    if change == "decoder":
        monkeypatch.setattr(views.decoding, "VERSION", -1)
    if change == "trunk":
        kernel = model.get_layer("stem_conv").kernel
        kernel.assign(kernel + 1)
    if change == "records":
        other = make_records(tmp_path / "other", per_class={"train": 3, "validation": 1})
        records = Records.open(other, frame())
    opened(model, records, tmp_path / "caches", views=1, **changes)
    assert {folder.name for folder in (tmp_path / "caches").iterdir()}.isdisjoint(
        folder.name for folder in one_view.iterdir())


@pytest.mark.slow
def test_what_was_changed_is_refused_by_name(tmp_path, records, model, one_view):
    shutil.copytree(one_view, tmp_path, dirs_exist_ok=True)
    opened(model, records, tmp_path, views=1)
    description = next(tmp_path.rglob("cache.json"))
    content = description.read_text()
    description.write_text(content.replace('"image_size": 32', '"image_size": 64'))
    with pytest.raises(ValueError, match="is stale: image_size changed .* remove it"):
        opened(model, records, tmp_path, views=1)
    description.write_text("[]")
    with pytest.raises(ValueError, match="is not a cache of this project"):
        opened(model, records, tmp_path, views=1)
    description.write_text(content)
    maps = description.parent / f"train-000-{MAPS}.npy"
    changed = bytearray(maps.read_bytes())
    changed[500] ^= 1
    maps.write_bytes(changed)
    with pytest.raises(ValueError, match=f"is stale: train-000-{MAPS}.npy changed"):
        opened(model, records, tmp_path, views=1)


@pytest.mark.slow
def test_too_many_bytes_are_refused_before_any_is_written(tmp_path, records, model):
    with pytest.raises(ValueError, match="would take 0.00 GB, over --cache_gigabytes=1e-05"):
        opened(model, records, tmp_path, max_bytes=1e4)
    assert not list(tmp_path.rglob("*.npy"))


def test_what_does_not_fit_float16_is_refused(tmp_path):
    with cache_files.CacheFiles.opened(tmp_path, {}) as files:
        with pytest.raises(ValueError, match="up to 1e.05 do not fit float16.*cache_views=0"):
            with files.writing(["a.npy"], 1) as add:
                add([np.full((1, 2), 1e5)])
    assert not list(tmp_path.rglob("a.npy*"))


def test_a_network_that_freezes_nothing_trains_on_pictures(tmp_path, records, capsys):
    cnn = network.build(make_spec())
    scratch = [dataclasses.replace(phase, unfreeze_from="conv2d") for phase in PHASES]
    assert opened(cnn, records, tmp_path, phases=scratch) == dict.fromkeys(
        ("head", "fine_tune"), records)
    assert "no phase has frozen layers" in capsys.readouterr().out and not any(tmp_path.iterdir())


@pytest.mark.slow
def test_a_kill_while_a_view_is_computed_costs_this_view_and_changes_nothing(
        tmp_path, records, model):
    opened(model, records, tmp_path / "unbroken")
    with killed_after(1, Records, "evaluation"):
        opened(model, records, tmp_path / "killed")
    listed = json.loads(next((tmp_path / "killed").rglob("cache.json")).read_text())["sha256"]
    assert sorted(listed) == [f"train-000-{MAPS}.npy"]
    opened(model, records, tmp_path / "killed")
    for file in (tmp_path / "unbroken").rglob("*.*"):
        again = tmp_path / "killed" / file.relative_to(tmp_path / "unbroken")
        assert again.read_bytes() == file.read_bytes()


@pytest.mark.slow
def test_a_full_disk_is_named_and_keeps_the_views_before(tmp_path, records, model, monkeypatch):
    with small_disk(tmp_path / "disk", "900k") as resize:
        monkeypatch.setattr(trunk_cache, "_check_room", lambda *_, **__: None)
        with pytest.raises(OSError, match="cannot be written .* make room"):
            opened(model, records, tmp_path / "disk", views=4)
        resize("9m")
        opened(model, records, tmp_path / "disk", views=4)


@pytest.mark.slow
def test_a_phase_killed_on_cached_activations_ends_bit_for_bit_like_an_unbroken_one(
        tmp_path, records, efficientnet):
    """Also with teachers and unlabelled pictures."""
    teachers = taught_by(tmp_path, records)
    how = make_recipe(mixup=0.2, ema_momentum=0.9, teachers=teachers)
    more = Records.open(make_records(tmp_path / "more", per_class={"train": 2}), frame())
    chosen = training_set.select(records, unlabelled=more)

    def train(run):
        model = efficientnet()
        data = opened(model, chosen, tmp_path / "cache", phases=LATE, teachers=teachers)
        for phase in LATE:
            loop.run_phase(model, phase, how, data[phase.name],
                           loop.Output(run_dir=run, checkpoint_every_steps=2))
        return [v.numpy() for v in model.variables]
    unbroken = train(tmp_path / "unbroken_run")
    with killed_after(9, loop, "make_step", of_result=True):  # of 6 and 12
        train(tmp_path / "run")
    shutil.rmtree(tmp_path / "cache")  # also without it
    assert_same(unbroken, train(tmp_path / "run"))
    assert pd.read_csv(tmp_path / "run" / "history.csv")["epoch"].tolist() == [1, 1, 2]
