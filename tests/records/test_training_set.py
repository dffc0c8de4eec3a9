"""Promises of a training set: what it leaves out is left out everywhere, and nothing else is."""
import dataclasses

import numpy as np
import pytest

from fashionclf.pictures import picture_hashes
from fashionclf.records import known_pictures, training_set
from fashionclf.records.input_pipeline import Records
from tests.helpers.tiny import frame, make_records


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = make_records(tmp_path_factory.mktemp("set"), garments=4,
                          per_class={"test": 2, "train": 8, "validation": 1})
    return Records.open(folder, frame())


@pytest.fixture(scope="module")
def more(tmp_path_factory):
    """Pictures of which 6 are those of the test split, 3 of its garments and 6 neither."""
    folder = make_records(tmp_path_factory.mktemp("more"),
                          per_class={"train": 2, "test": 1, "validation": 2})
    records = Records.open(folder, frame())
    items = training_set.list_split(records, "validation").items
    assert {item.decode() for item in items} == {f"img/validation_{name}"
                                                 for name in records.classes}
    return records


@pytest.fixture(scope="module")
def unvalidated(tmp_path_factory):
    """Records like `records`, without a validation split, whose garments `more` has."""
    folder = make_records(tmp_path_factory.mktemp("set"), garments=4,
                          per_class={"test": 2, "train": 8})
    return Records.open(folder, frame())


def shown(chosen, seed=0, **more):
    """Path -> label of an epoch's examples, which come once each."""
    examples = [example for batch in chosen.shuffled(
        ("path", "label"), batch_size=1, seed=seed, skip_batches=0,
        context=more.get("context") or training_set.tf.distribute.InputContext()).batch(5)
        for example in zip(batch["path"].numpy(), batch["label"].numpy())]
    assert len(dict(examples)) == len(examples)
    return dict(examples)


def test_each_garment_is_left_out_by_one_fold_with_all_of_its_pictures(records):
    whole = training_set.list_split(records, "train")
    folds = [training_set.select(records, fold=(part, 3)) for part in (1, 2, 3)]
    left_out = [set(whole.paths) - set(fold.listed.paths) for fold in folds]
    assert all(left_out) and set.union(*left_out) == set(whole.paths)
    assert sum(map(len, left_out)) == len(whole.paths) == 24
    parts = [{item for path, item in zip(whole.paths, whole.items) if path in several}
             for several in left_out]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 12


def test_a_fold_depends_on_the_key_of_the_garment_alone():
    assert [training_set.part_of(item, 5) for item in (b"img/a", b"img/b", b"")] == [5, 2, 3]


def test_a_fold_counts_hashes_and_reads_what_it_keeps(records):
    fold = training_set.select(records, fold=(1, 3))
    kept = set(fold.listed.paths)
    assert shown(fold).keys() == kept and fold.examples["train"] == len(kept) < 24
    assert sum(fold.manifest["counts"]["train"].values()) == len(kept)
    assert fold.examples["test"] == 6 and fold.facts == {"fold": "1/3"}
    whole = training_set.list_split(records, "train").paths
    rows = np.array([path in kept for path in whole])
    expected = picture_hashes.picked(known_pictures.read(records, "train"), rows)
    found = known_pictures.read(fold, "train")
    assert (found.digests == expected.digests).all() and len(found.digests) == len(kept)


def test_unlabelled_pictures_like_those_of_the_test_are_left_out_by_hash_and_garment(
        unvalidated, more, capsys):
    chosen = training_set.select(unvalidated, unlabelled=more)
    facts = chosen.facts["unlabelled"]
    assert (facts["excluded_near_duplicates"], facts["excluded_garments"]) == (6, 3)
    assert (facts["excluded"], facts["pictures"]) == (9, 6)
    assert "unlabelled pictures: 6 of 15; excluded are 6 near-duplicates" in capsys.readouterr().out
    labels = shown(chosen)
    assert len(labels) == 24 + 6 == chosen.examples["train"]
    new = {path for path, label in labels.items() if label == training_set.NO_LABEL}
    assert len(new) == 6 and all(path.startswith(b"\0img/validation_") for path in new)
    assert sum(chosen.manifest["counts"]["train"].values()) == 24


def test_garments_of_validation_are_left_out_too(records, more):
    assert training_set.select(records, unlabelled=more).facts["unlabelled"]["pictures"] == 0


@pytest.mark.slow
def test_labelled_and_unlabelled_pictures_are_mixed_by_the_seed(unvalidated, more):
    chosen = training_set.select(unvalidated, unlabelled=more)
    orders = [list(shown(chosen, seed)) for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2] and set(orders[0]) == set(orders[2])
    places = np.flatnonzero([path.startswith(b"\0") for path in orders[0]])
    assert places[0] < 20 and len(places) == 6


@pytest.mark.slow
def test_a_batch_of_pictures_has_the_shares_of_their_teachers(records):
    fold = training_set.select(records, fold=(1, 3))
    count = fold.examples["train"]
    shares = np.random.default_rng(0).uniform(size=(count, 2)).astype(np.float32)
    chosen = dataclasses.replace(fold, teacher_shares=shares)
    batch = next(iter(chosen.training(batch_size=count, seed=3)))
    assert batch.keys() == {"image", "label", "teachers"}
    places = {path: row for row, path in enumerate(fold.listed.paths)}
    expected = shares[[places[path] for path in shown(fold, 3)]]
    assert (batch["teachers"].numpy() == expected).all()
