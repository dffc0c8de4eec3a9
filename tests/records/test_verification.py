"""Whatever is done to a folder of records is found and named."""
import json
import shutil
import struct
import sys

import numpy as np
import pytest

from fashionclf.records import manifests, verification
from fashionclf.system import files
from tests.helpers.tiny import make_records


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return make_records(tmp_path_factory.mktemp("verification"),
                        per_class={"train": 6, "validation": 2, "test": 2})


@pytest.fixture
def folder(built, tmp_path):
    return shutil.copytree(built, tmp_path / "records")


def shards(folder):
    return sorted(folder.glob("*.tfrecord-*"))


def check(folder):
    verification.check_shards(folder, manifests.read(folder))


def test_what_was_built_has_no_problem(folder):
    assert list(verification.problems(folder)) == []
    check(folder)


def test_damaged_hashes_of_the_pictures_are_found(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "hashes.npz").write_bytes(b"whole")
    manifest["hashes_sha256"] = files.sha256(folder / "hashes.npz")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    check(folder)
    (folder / "hashes.npz").write_bytes(b"hole")
    assert list(verification.problems(folder)) == [
        f"{folder / 'hashes.npz'} is damaged or from another build (its sha256 differs)"]


def record_at(shard: bytes, place: int) -> int:
    """Number, from 1, of the record that holds the byte: length, 4 bytes, data, 4 bytes."""
    number = end = 0
    while end <= place:
        end += 16 + struct.unpack_from("<Q", shard, end)[0]
        number += 1
    return number


@pytest.mark.parametrize("seed", range(20))
def test_one_flipped_byte_anywhere_is_found_with_its_shard_and_record(folder, seed):
    rng = np.random.default_rng(seed)
    shard = rng.choice(shards(folder))
    content = bytearray(shard.read_bytes())
    place = rng.integers(len(content))
    number = record_at(content, place)
    content[place] ^= 1 << rng.integers(8)
    shard.write_bytes(content)
    with pytest.raises(ValueError, match=f"{shard.name} is damaged"):
        check(folder)
    found = list(verification.problems(folder))
    assert f"{shard} is damaged or from another build (its sha256 differs)" in found
    assert any(problem.startswith(f"{shard}: record {number} is broken") for problem in found)


def test_a_shard_too_many_a_foreign_and_a_missing_one_are_named(folder):
    one, other = shards(folder)[:2]
    extra = folder / "fashionclf-train.tfrecord-00099-of-00100"
    shutil.copy(one, extra)
    with pytest.raises(ValueError, match=f"{extra.name} is a shard that"):
        check(folder)

    extra.unlink()
    shutil.copy(other, one)
    with pytest.raises(ValueError, match=f"{one.name} is damaged or from another build"):
        check(folder)

    one.unlink()
    with pytest.raises(FileNotFoundError, match=one.name):
        check(folder)


def test_whole_shards_of_pictures_that_cannot_be_decoded_are_named_with_the_picture(tmp_path):
    """A manifest that agrees with its shards does not make their pictures good."""
    folder = make_records(tmp_path, per_class={"train": 1, "test": 1}, damaged="img/train_Red")
    found = list(verification.problems(folder))
    assert len(found) == 2 and "record 1 (img/train_Red/img_00000000.png): cannot" in found[0]
    assert "2 usable records of train, but 3 were written" in found[1]
    assert json.loads((folder / manifests.MANIFEST).read_text())["examples"]["train"] == 3


@pytest.mark.parametrize("name, old, new", [
    ("features.json", "tensorflow_datasets.core.features.text_feature.Text", "antigravity.Text"),
    ("features.json", "{", ""), ("label.labels.txt", "Red", "Rot"), ("dataset_info.json", "{", "["),
    ("dataset_info.json", "{DATASET}-{SPLIT}", "../../{DATASET}-{SPLIT}"),
    ("dataset_info.json", '"2"', '"1"')])
def test_metadata_that_is_not_ours_is_named_before_it_is_used(folder, name, old, new):
    """TFDS imports the modules that features.json names and reads what the template says."""
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new))
    with pytest.raises(ValueError, match=name):
        check(folder)
    assert any(name in problem for problem in verification.problems(folder))
    assert "antigravity" not in sys.modules

    (folder / name).unlink()
    with pytest.raises(ValueError, match=name):
        check(folder)


@pytest.mark.parametrize("examples, reported", [
    ({"train": 5, "validation": 2, "test": 1}, "test"),
    ({"train": 5, "validation": 2}, "validation"),
    ({"train": 5, "validation": 2, "test": 0}, "validation")])
def test_a_training_reports_on_test_else_on_validation(examples, reported):
    assert manifests.reported_split({"examples": examples}, "data/records") == reported


def test_a_training_without_pictures_to_score_it_on_is_refused():
    with pytest.raises(ValueError, match="data/records: neither test nor validation.*--test_fract"):
        manifests.reported_split({"examples": {"train": 5}}, "data/records")
