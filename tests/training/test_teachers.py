"""Promises of teachers: a student's targets are what they say of the picture that it sees."""
import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from fashionclf.evaluation import lineage
from fashionclf.evaluation.lineage import Lineage
from fashionclf.model import calibration, litert, network
from fashionclf.model.augmentation import DRAWS
from fashionclf.pictures import picture_hashes
from fashionclf.records import known_pictures, training_set
from fashionclf.records.input_pipeline import Records
from fashionclf.training import loop, views
from fashionclf.training.targets import make_targets, right_classes, weighted
from fashionclf.training.teachers import Teacher, Teachers
from fashionclf.training.views import View
from tests.helpers.checks import assert_same, killed_after, succeed
from tests.helpers.programs import start
from tests.helpers.tiny import (CLASSES, frame, make_phase, make_recipe, make_records, make_spec,
                                save_run)

VIEWS = [View("train", 0), View("train", 1)]


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = make_records(tmp_path_factory.mktemp("taught"), garments=4,
                          per_class={"train": 8, "validation": 2, "test": 2})
    return Records.open(folder, frame())


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two teachers; the second has the classes in another order, mirrors, and is larger."""
    folder = tmp_path_factory.mktemp("runs")
    keras.utils.set_random_seed(0)
    second = make_spec(classes=CLASSES[::-1], framing=frame(48), mirrored=True, temperature=0.5)
    return [save_run(folder / "one", make_spec()), save_run(folder / "two", second)]


@pytest.fixture(scope="module")
def teachers(runs, records):
    return Teachers.of([run.folder for run in runs], records, share=0.6, temperature=2.0)


def images(count=5, seed=0):
    return tf.constant(np.random.default_rng(seed).uniform(0, 255, (count, 32, 32, 3)), tf.float32)


def said(runs, pictures):
    """The probabilities of each run as its own predictor gives them: [N, T, C]."""
    larger = tf.image.resize(pictures, [48, 48], antialias=True)
    return np.stack([runs[0].predictor().probabilities(pictures),
                     runs[1].predictor().probabilities(larger)[:, ::-1]], axis=1)


def mixture(labels, probabilities, smoothing=0.1, share=0.6):
    """The targets by hand, of equal shares."""
    labelled = np.eye(3)[labels] * (1 - smoothing) + smoothing / 3
    softened = [calibration.at_temperature(probabilities[:, number], 2.0) for number in (0, 1)]
    return (1 - share) * labelled + share * np.mean(softened, axis=0)


def test_a_teacher_says_what_its_predictor_says_in_the_order_and_size_of_the_student(
        runs, teachers):
    found = teachers.loaded()(images())
    np.testing.assert_allclose(found, said(runs, images()), atol=1e-5)
    assert np.ptp(found[:, 1], axis=1).min() > 1e-3


def test_a_teacher_of_other_classes_is_refused_by_their_names(tmp_path):
    run = save_run(tmp_path / "run", make_spec(classes=["Red", "Green", "Black"]))
    with pytest.raises(ValueError, match="--teacher=.*run: .* lack Black; .* not know Blue"):
        Teacher(run.folder, CLASSES, 32)


def test_a_target_is_the_smoothed_label_mixed_with_the_softened_mean(runs, teachers):
    recipe = make_recipe(teachers=teachers)
    targets = make_targets(recipe, 3, on_pictures=True)
    labels = np.array([0, 1, 2, 0, 1])
    batch = {"label": tf.constant(labels)}
    found = targets(batch, images())
    np.testing.assert_allclose(found, mixture(labels, said(runs, images())), atol=1e-5)
    np.testing.assert_allclose(tf.reduce_sum(found, axis=1), 1, atol=1e-5)

    first = {**batch, "teachers": tf.constant([[1.0, 0.0]] * 5)}
    alone = np.repeat(said(runs, images())[:, :1], 2, axis=1)
    np.testing.assert_allclose(targets(first, images()), mixture(labels, alone), atol=1e-5)


def test_the_target_of_an_unlabelled_picture_is_its_teachers_alone(runs, teachers):
    targets = make_targets(make_recipe(teachers=teachers), 3, on_pictures=True)
    labels = tf.constant([-1, 2, -1, -1, -1], tf.int64)
    found = targets({"label": labels}, images())
    expected = mixture(np.zeros(5, int), said(runs, images()), share=1.0)
    np.testing.assert_allclose(found[0], expected[0], atol=1e-5)
    right = right_classes(labels, found).numpy()
    assert right[1] == 2 and right[0] == expected[0].argmax()
    factors = weighted(tf.ones(5), labels, tf.constant([3.0, 4.0, 5.0]))
    assert factors.numpy().tolist() == [1, 5, 1, 1, 1]


@pytest.mark.slow
@pytest.mark.parametrize("fewest", [litert.FEWEST, 1])
def test_targets_of_the_cache_are_those_of_the_same_augmented_pictures(
        tmp_path, records, runs, teachers, fewest, monkeypatch):
    monkeypatch.setattr(litert, "FEWEST", fewest)
    recipe = make_recipe(teachers=teachers)
    found = teachers.targets(recipe, records, VIEWS, places=None, cache_dir=tmp_path)
    batch = next(iter(records.evaluation("train", batch_size=views.FILL_BATCH)))
    seed = np.random.SeedSequence([0, 1, 0]).generate_state(2).astype(np.int32)
    draws = tf.random.stateless_uniform([len(batch["label"]), DRAWS], seed)
    augmented = recipe.augmentation(batch["image"], draws)
    on_the_fly = make_targets(recipe, 3, on_pictures=True)(batch, augmented)
    np.testing.assert_allclose(found[1], on_the_fly, atol=1e-5)
    np.testing.assert_allclose(
        found[1], mixture(batch["label"].numpy(), said(runs, augmented)), atol=1e-5)
    assert np.abs(found[1] - found[0]).max() > 1e-3


@pytest.mark.slow
def test_targets_of_the_cache_are_those_of_the_pictures_that_are_trained_on(
        tmp_path, records, teachers):
    recipe, fold = make_recipe(teachers=teachers), training_set.select(records, fold=(1, 3))
    whole = teachers.targets(recipe, records, VIEWS, places=None, cache_dir=tmp_path)
    paths = training_set.list_split(records, "train").paths.tolist()
    places = np.array([paths.index(path) for path in fold.listed.paths])
    found = teachers.targets(recipe, fold, VIEWS, places=places, cache_dir=tmp_path)
    assert [target.tolist() for target in found] == [target[places].tolist() for target in whole]


@pytest.mark.slow
def test_another_teacher_is_computed_alone(tmp_path, records, runs, teachers, monkeypatch):
    recipe = make_recipe()
    teachers.members[0].cached(recipe, records, VIEWS, tmp_path)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.npy")}
    filled, fill = [], views.fill
    monkeypatch.setattr(views, "fill", lambda *args, title: filled.append(title) or fill(
        *args, title=title))
    teachers.targets(make_recipe(teachers=teachers), records, VIEWS, places=None,
                     cache_dir=tmp_path)
    assert filled == ["two 1/2", "two 2/2"] and len(before) == 2
    assert before == {file: file.stat().st_mtime_ns for file in before}


def trained_on(run, folder, hashes):
    """A copy of a run that was trained on `hashes`."""
    folder.mkdir()
    sha256 = picture_hashes.write(folder / lineage.HASHES, {
        "train": hashes, "validation": picture_hashes.PictureHashes()})
    for name in ("model.weights.h5", "model.json"):
        (folder / name).write_bytes((run.folder / name).read_bytes())
    content = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**content, "hashes_sha256": sha256}))
    return str(folder)


@pytest.fixture(scope="module")
def of_folds(tmp_path_factory, records, runs):
    """Two teachers, each of one half of the garments."""
    folder = tmp_path_factory.mktemp("folds")
    sets = [training_set.select(records, fold=(part, 2)) for part in (1, 2)]
    folders = [trained_on(run, folder / str(number), chosen.hashes["train"])
               for number, (run, chosen) in enumerate(zip(runs, sets))]
    return folders, sets


def test_out_of_fold_only_teachers_count_that_have_not_seen_the_garment(records, of_folds):
    folders, sets = of_folds
    teachers = Teachers.of(folders, records, share=1.0, temperature=1.0)
    everything = training_set.select(records)
    found = teachers.unseen_shares(everything)
    seen = [np.isin(everything.listed.paths.astype(bytes), chosen.listed.paths.astype(bytes))
            for chosen in sets]
    assert (found == ~np.column_stack(seen)).all() and found.sum() == 24 > found[:, 0].sum() > 0


def test_one_picture_of_a_garment_is_enough_to_have_seen_it(tmp_path, records, runs):
    everything = training_set.select(records)
    one = picture_hashes.picked(everything.hashes["train"], np.array([0]))
    folder = trained_on(runs[0], tmp_path / "run", one)
    teachers = Teachers.of([folder, folder], records, share=1.0, temperature=1.0)
    with pytest.raises(ValueError, match=r"every teacher was trained on 2 of 24 training pictures "
                                         r".* img/train\S+ first: .* --fold=K/N"):
        teachers.unseen_shares(everything)


def test_out_of_fold_needs_to_know_what_teachers_have_seen(records, teachers):
    with pytest.raises(ValueError, match="one carries no hashes|carries no hashes .* train it"):
        teachers.unseen_shares(training_set.select(records))


def test_a_teacher_that_was_trained_on_the_test_is_refused(tmp_path, records, runs):
    test = known_pictures.read(records, "test")
    folder = trained_on(runs[0], tmp_path / "run", picture_hashes.picked(test, np.arange(4)))
    with pytest.raises(ValueError, match="run: was trained on 0 of 6 validation pictures and 4 of "
                                         "6 test pictures, .* Train the teacher on"):
        lineage.check_teacher(folder, records)


def test_a_teacher_that_was_trained_like_the_student_is_not_refused(
        tmp_path, records, runs, of_folds):
    for folder in (*of_folds[0], str(runs[0].folder)):  # the last carries no hashes
        lineage.check_teacher(folder, records)


def test_a_student_has_seen_what_its_teachers_have_seen(tmp_path, records, runs, capsys):
    other = make_records(tmp_path / "other", per_class={"train": 1}, suffix=".jpg")
    hashes = known_pictures.read(Records.open(other, frame()), "train")
    folder = trained_on(runs[0], tmp_path / "teacher", hashes)
    (tmp_path / "run").mkdir()
    facts = lineage.start(tmp_path / "run", records, "none",
                          others=[folder, str(runs[1].folder)])
    found = Lineage.of_run(tmp_path / "run", facts)
    assert len(found.train.digests) == 24 + 3 and facts["unhashed"] == [str(runs[1].folder)]
    assert picture_hashes.copies(hashes, found.train).all()
    assert f"note: {runs[1].folder} carries no hashes" in capsys.readouterr().out


@pytest.mark.slow
def test_a_phase_killed_among_teachers_and_unlabelled_pictures_ends_bit_for_bit_the_same(
        tmp_path, records, of_folds):
    more = make_records(tmp_path / "more", per_class={"train": 4}, suffix=".jpg")
    chosen = training_set.select(records, unlabelled=Records.open(more, frame()))
    teachers = Teachers.of(of_folds[0], records, share=0.6, temperature=2.0)
    chosen = dataclasses.replace(chosen, teacher_shares=teachers.unseen_shares(chosen))
    assert chosen.examples["train"] == 36

    def train(run):
        keras.utils.set_random_seed(0)
        model = network.build(make_spec())
        loop.run_phase(model, make_phase(), make_recipe(teachers=teachers, mixup=0.2), chosen,
                       loop.Output(run_dir=run, checkpoint_every_steps=1))
        return [variable.numpy() for variable in model.variables]

    with killed_after(6, loop, "make_step", of_result=True):  # of 4 an epoch
        train(tmp_path / "run")
    assert_same(train(tmp_path / "run"), train(tmp_path / "unbroken"))


@pytest.mark.slow
def test_the_program_takes_teachers_and_refuses_to_resume_with_others(tmp_path, records, of_folds):
    flags = ["--architecture=baseline_cnn", "--weights=none", "--image_size=32", "--batch_size=8",
             "--head_epochs=1", "--fine_tune_epochs=0", f"--records={records.folder}",
             f"--run={tmp_path / 'run'}", "--fold=1/3"]
    given = ",".join(of_folds[0])
    succeed("fashionclf.train", *flags, f"--teacher={given}", "--out_of_fold")
    facts = json.loads((tmp_path / "run/model.json").read_text())
    assert [teacher["name"] for teacher in facts["teachers"]] == of_folds[0]
    assert facts["fold"] == "1/3" and facts["out_of_fold"] and facts["teacher_share"] == 0.7
    done = start("fashionclf.train", *flags, f"--teacher={of_folds[0][0]}", "--out_of_fold")
    assert done.returncode == 1
    assert "--teacher named another file, or its content has changed" in done.stderr
