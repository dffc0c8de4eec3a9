import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from fashionclf.records.input_pipeline import Records
from tests.helpers.tiny import frame, make_records


@pytest.fixture(scope="module")
def records_dir(tmp_path_factory):
    return make_records(tmp_path_factory.mktemp("pipeline"),
                        per_class={"train": 9, "validation": 3, "test": 3})


def sums(records_dir, seed, **more):
    """One number a picture: enough to tell them apart."""
    ds = Records.open(records_dir, frame()).training(batch_size=4, seed=seed, **more)
    return [float(x) for batch in ds for x in tf.reduce_sum(batch["image"], axis=[1, 2, 3])]


def test_the_order_is_a_function_of_the_seed(records_dir):
    first = sums(records_dir, 1)
    assert first == sums(records_dir, 1) and first != sums(records_dir, 2)


def test_an_epoch_holds_every_picture_at_most_once_in_full_batches(records_dir):
    assert len(set(sums(records_dir, 1))) == 24  # 27 pictures, batches of 4


def test_a_resumed_epoch_continues_where_it_stopped(records_dir):
    assert sums(records_dir, 1, skip_batches=2) == sums(records_dir, 1)[8:]


@pytest.mark.slow
def test_workers_share_the_batches_of_the_one_order(records_dir):
    parts = [sums(records_dir, 1, context=tf.distribute.InputContext(2, i, 2)) for i in (0, 1)]
    assert parts[0][:12] == sums(records_dir, 1)[0::2]
    assert parts[1][:12] == sums(records_dir, 1)[1::2]


def test_evaluation_gives_every_record_once_with_its_own_label_and_the_tail(records_dir):
    batches = list(Records.open(records_dir, frame()).evaluation("test", batch_size=4))
    assert [len(batch["label"]) for batch in batches] == [4, 4, 1]
    assert len({path for batch in batches for path in batch["path"].numpy()}) == 9
    for batch in batches:
        colours = np.array(batch["image"]).mean(axis=(1, 2)).argmax(axis=1)
        assert colours.tolist() == batch["label"].numpy().tolist()


def test_an_unknown_split_is_named(records_dir):
    with pytest.raises(ValueError, match="dev"):
        Records.open(records_dir, frame()).evaluation("dev", batch_size=4)


def test_records_of_plain_pictures_give_the_same_pixels_in_fewer_operations(tmp_path):
    folder = make_records(tmp_path, per_class={"train": 2}, suffix=".jpg")
    records = Records.open(folder, frame())
    plain = dataclasses.replace(records, manifest={**records.manifest, "plain": True})
    drawn = [ds.evaluation("train", batch_size=6) for ds in (records, plain)]
    np.testing.assert_array_equal(*(next(iter(ds))["image"] for ds in drawn))
