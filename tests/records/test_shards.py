import hashlib
import json
import re

import pandas as pd
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.core import example_serializer, writer

from fashionclf.pictures import headers
from fashionclf.records import manifests, shards
from fashionclf.system import files
from tests.helpers.tiny import CLASSES, make_records
from tools.bad_pictures import surgery


@pytest.fixture(scope="module")
def records_dir(tmp_path_factory):
    return make_records(tmp_path_factory.mktemp("records"),
                        per_class={"train": 6, "validation": 3, "test": 3})


def test_bytes_of_every_format_come_back_as_found(tmp_path):
    source, rows = tmp_path / "source", []
    for number, kind in enumerate(headers.FORMATS * 3):
        file = source / f"{number}.{kind.lower()}"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(surgery.encode(surgery.photo(seed=number), kind))
        rows.append({"path": file.name, "item": "x", "bbox": (1, 2, 3, 4) if number else None,
                     "label": number % 3, "split": "train",
                     "digest": files.digest(file.read_bytes())})
    with files.staging(tmp_path / "records") as folder:
        shards.write(pd.DataFrame(rows), folder, images_root=source, classes=CLASSES)
    ds = tfds.builder_from_directory(tmp_path / "records").as_dataset(
        split="train", decoders={"image": tfds.decode.SkipDecoding()})
    found = {x["path"].numpy().decode(): x for x in ds}
    assert len(found) == 9
    for row in rows:
        record = found[row["path"]]
        assert record["image"].numpy() == (source / row["path"]).read_bytes()
        assert int(record["label"]) == row["label"]
        assert record["bbox"].numpy().tolist() == list(row["bbox"] or (0, 0, 0, 0))


def test_the_folder_opens_with_plain_tfds_and_knows_the_class_names(records_dir):
    builder = tfds.builder_from_directory(records_dir)
    assert builder.info.features["label"].names == CLASSES
    assert {name: split.num_examples for name, split in builder.info.splits.items()} == {
        "train": 18, "validation": 9, "test": 9}


def test_the_manifest_names_every_shard_with_its_sha256(records_dir):
    listed = manifests.read(records_dir)["shards"]
    assert set(listed) == {file.name for file in records_dir.glob("*.tfrecord-*")}
    for name, digest in listed.items():
        assert hashlib.sha256((records_dir / name).read_bytes()).hexdigest() == digest


def test_the_fields_of_a_record_have_one_order_in_every_process(records_dir):
    names = sorted(str(file) for file in records_dir.glob("*.tfrecord-*"))
    for record in tf.data.TFRecordDataset(names).as_numpy_iterator():
        example = tf.train.Example.FromString(record)
        assert record == example.SerializeToString(deterministic=True)


def test_the_records_are_those_that_tfds_itself_would_write(tmp_path, records_dir):
    features, (shard,) = shards.schema(CLASSES), records_dir.glob("*-test.tfrecord-*")
    template = tfds.core.ShardedFileTemplate(
        data_dir=tmp_path, dataset_name=manifests.NAME, split="test", filetype_suffix="tfrecord")
    theirs = writer.Writer(
        example_serializer.ExampleSerializer(features.get_serialized_info()), template, "test",
        disable_shuffling=False, example_writer=writer.ExampleWriter(tfds.core.FileFormat.TFRECORD))
    for record in tfds.builder_from_directory(records_dir).as_dataset(
            split="test", decoders={"image": tfds.decode.SkipDecoding()}).as_numpy_iterator():
        theirs.write(record["path"], features.encode_example(record))
    lengths, size = theirs.finalize()
    ours, plain = ([tf.train.Example.FromString(record) for record in
                    tf.data.TFRecordDataset(str(file)).as_numpy_iterator()]
                   for file in (shard, tmp_path / shard.name))
    assert ours == plain and lengths == [len(ours)]
    assert size == tfds.builder_from_directory(records_dir).info.splits["test"].num_bytes


def test_a_repeated_path_is_refused(tmp_path):
    rows = pd.DataFrame({"path": ["a.png", "b.png", "a.png"], "split": "train"})
    with pytest.raises(ValueError, match="a.png is repeated in train"):
        shards.write(rows, tmp_path, images_root=tmp_path, classes=CLASSES)


def test_train_gets_at_least_eight_shards_and_none_is_empty(tmp_path, records_dir):
    def lengths(folder):
        splits = tfds.builder_from_directory(folder).info.splits
        return {name: split.shard_lengths for name, split in splits.items()}
    assert [len(found) for found in lengths(records_dir).values()] == [8, 1, 1]
    few = make_records(tmp_path, per_class={"train": 1, "test": 1})
    assert lengths(few) == {"train": [1, 1, 1], "test": [3]}


def test_a_disk_that_cannot_be_written_is_a_user_error(tmp_path, monkeypatch):
    def full(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")
    monkeypatch.setattr(shards.writer.ExampleWriter, "write", full)
    with pytest.raises(OSError, match="No space left"):
        make_records(tmp_path, per_class={"train": 1})
    assert not list(tmp_path.glob("records*"))


def test_a_manifest_that_is_absent_changed_or_short_of_a_shard_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="of a finished .*build_tfrecords"):
        manifests.read(tmp_path)
    folder = make_records(tmp_path, per_class={"train": 2, "test": 1})
    next(folder.glob("*train.tfrecord-00000*")).unlink()
    with pytest.raises(FileNotFoundError, match="lacks fashionclf-train.tfrecord-00000"):
        manifests.read(folder)
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"Red"', '"Rot"', 1))
    with pytest.raises(ValueError, match="was changed after the build"):
        manifests.read(folder)


def test_a_picture_that_changes_during_the_build_stops_it(tmp_path):
    (tmp_path / "a.png").write_bytes(surgery.encode(surgery.photo(), "PNG"))
    row = {"path": "a.png", "item": "a", "bbox": None, "label": 0, "split": "train", "digest": "0"}
    with pytest.raises(ValueError, match="a.png changed"):
        with files.staging(tmp_path / "records") as folder:
            shards.write(pd.DataFrame([row]), folder, images_root=tmp_path, classes=CLASSES)


@pytest.mark.parametrize("text", ["", "[]", "nul", "[" * 100_000])
def test_what_is_no_manifest_is_refused(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match="not a manifest of build_tfrecords"):
        manifests.parse(tmp_path / "manifest.json")


@pytest.mark.parametrize("change", [
    {"shards": {"../../etc/passwd": "0"}}, {"shards": {"/etc/passwd": "0"}}, {"shards": ["a"]},
    {"shards": {"fashionclf-train.tfrecord-00000-of-00008/../x": "0"}}, {"examples": None},
    {"examples": {"train": "many"}}])
def test_a_manifest_that_names_other_files_or_no_numbers_is_refused(tmp_path, change):
    """Also where its fingerprint is right: a stranger can compute one."""
    good = {"shards": {"fashionclf-train.tfrecord-00000-of-00001": "0"}, "classes": ["a"],
            "examples": {"train": 1}}
    changed = good | change
    changed["fingerprint"] = manifests.fingerprint(changed["shards"], changed["classes"])
    test_what_is_no_manifest_is_refused(tmp_path, json.dumps(changed))


@pytest.mark.parametrize("per_class, classes, said", [
    ({"train": 2, "test": 1}, CLASSES, ""),
    ({"train": 3, "test": 1}, CLASSES, "'train': 6.* then, .*'train': 9.* now"),
    ({"train": 2, "test": 1}, ["Red", "Green", "Cyan"],
     "the records lack Blue; the run does not know Cyan"),
    ({"train": 2, "test": 1}, CLASSES[::-1], "their order differs")])
def test_the_difference_between_two_builds_is_named(tmp_path, per_class, classes, said):
    before = manifests.read(make_records(tmp_path / "a", per_class={"train": 2, "test": 1}))
    now = manifests.read(make_records(tmp_path / "b", per_class=per_class))
    now["classes"] = classes
    now["fingerprint"] = manifests.fingerprint(now["shards"], classes)
    assert re.fullmatch(said and f".*{said}.*", manifests.difference(before, now))
    assert (before["fingerprint"] == now["fingerprint"]) == (said == "")
