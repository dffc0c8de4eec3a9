"""The program as a user starts it, on a small folder per class and on real lists."""
import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from fashionclf.pictures import picture_hashes
from tests.helpers.checks import succeed
from tests.helpers.programs import start
from tests.helpers.small_disk import small_disk
from tests.helpers.tiny import make_records

pytestmark = pytest.mark.slow


def build(*flags, run=start, **options):
    """On one worker unless `flags` say otherwise: each that is more loads TensorFlow."""
    return run("fashionclf.build_tfrecords", "--workers=1", *flags, **options)


def built(*flags, **options):
    return build(*flags, run=succeed, **options)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """3 classes of 10 items of 3 pictures, and three files that are no pictures."""
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for name in ("Dress", "Skirt", "Tee"):
        for item in range(10):
            folder = root / name / f"item{item}"
            folder.mkdir(parents=True)
            for number in range(3):
                Image.fromarray(rng.integers(0, 255, (24, 18, 3), np.uint8)).save(
                    folder / f"{number}.jpg")
    whole = (root / "Tee" / "item0" / "0.jpg").read_bytes()
    (root / "Tee" / "item0" / "cut.jpg").write_bytes(whole[:len(whole) // 2])
    (root / "Tee" / "item0" / "empty.jpg").touch()
    (root / "Dress" / "item0" / "text.jpg").write_text("not found")
    return root


def test_every_picture_is_accounted_for_and_no_item_straddles(tmp_path, pictures):
    said = built("--source=folder", f"--source_dir={pictures}", f"--records={tmp_path / 'r'}",
                 "--max_per_class=29", "--workers=2", fresh=True)
    assert "rows read 93 = written 84 + quarantined 3 + dropped 6" in said
    manifest = json.loads((tmp_path / "r" / "manifest.json").read_text())
    assert manifest["rows_read"] == 93 and sum(manifest["examples"].values()) == 84
    assert manifest["overlap"]["items, train and test"] == 0
    hashes = picture_hashes.read(tmp_path / "r" / "hashes.npz", manifest["hashes_sha256"])
    assert {split: len(each.digests) for split, each in hashes.items()} == manifest["examples"]
    assert manifest["counts"]["train"]["Dress"] > manifest["counts"]["test"]["Dress"] > 0
    quarantine = pd.read_csv(tmp_path / "r" / "quarantine.csv")
    assert set(quarantine["path"]) == {"Tee/item0/cut.jpg", "Tee/item0/empty.jpg",
                                       "Dress/item0/text.jpg"}
    assert quarantine["reason"].notna().all()
    assert (tmp_path / "r" / "class_distribution.png").stat().st_size > 1000
    splits = tfds.builder_from_directory(tmp_path / "r").info.splits
    assert {name: split.num_examples for name, split in splits.items()} == manifest["examples"]

    again = build("--source=folder", f"--source_dir={pictures}", f"--records={tmp_path / 'r'}")
    assert again.returncode == 1 and "never overwritten" in again.stderr


def test_a_pattern_names_the_items_that_stay_together_and_are_stored(tmp_path, pictures):
    built("--source=folder", f"--source_dir={pictures}", f"--records={tmp_path / 'r'}",
          r"--group_pattern=item\d+")
    parts = tfds.builder_from_directory(tmp_path / "r").as_dataset(
        decoders={"image": tfds.decode.SkipDecoding()})
    items = [{record["item"].numpy().decode() for record in part} for part in parts.values()]
    assert set().union(*items) == {f"item{number}" for number in range(10)}
    assert sum(map(len, items)) == 10


def test_a_full_disk_leaves_nothing_and_the_same_command_then_builds_it_whole(tmp_path, pictures):
    flags = ("--source=folder", f"--source_dir={pictures}")
    built(*flags, f"--records={tmp_path / 'whole'}")
    with small_disk(tmp_path / "disk", "64k") as resize:
        records = tmp_path / "disk" / "records"
        full = build(*flags, f"--records={records}", "--workers=3")
        assert full.returncode == 1 and "No space left on device" in full.stderr, full.stderr
        assert "Traceback" not in full.stderr and not list((tmp_path / "disk").iterdir())
        resize("40m")
        built(*flags, f"--records={records}", "--workers=3")
        shards = [json.loads((folder / "manifest.json").read_text())["shards"]
                  for folder in (tmp_path / "whole", records)]
        assert shards[0] == shards[1]


def test_a_csv_gives_the_same_records_however_it_was_saved_and_lists_what_is_malformed(
        tmp_path, pictures):
    rows = [["id", "kind", "note"], *([f"{name}/item{item}/{number}", name.replace("ee", "é"), "x"]
                                      for name in ("Dress", "Tee") for item in range(10)
                                      for number in range(3)),
            ["Tee/item0/none", "Té", "x"], ["Tee/item1/1", "Té", "x", "y"]]
    shards = []
    for name, separator, encoding in (("a", ",", "utf-8"), ("b", ";", "cp1252"),
                                      ("c", "\t", "utf-16")):
        (tmp_path / f"{name}.csv").write_text(
            "".join(separator.join(row) + "\r\n" for row in rows), encoding)
        said = built("--source=csv", f"--source_dir={pictures}", "--path_pattern={id}.jpg",
                     f"--csv_file={tmp_path / name}.csv", "--category_column=kind",
                     "--bad_rows=drop", f"--records={tmp_path / name}")
        assert "1 of 61 pictures are not below" in said
        assert "20 folders with 61 pictures count as one each" in said
        assert "rows read 62 = written 60 + quarantined 1 + dropped 1" in said
        shards.append(json.loads((tmp_path / name / "manifest.json").read_text())["shards"])
    assert shards[0] == shards[1] == shards[2]
    dropped = pd.read_csv(tmp_path / "b" / "dropped.csv")
    assert dropped.to_numpy().tolist() == [
        ["Tee/item1/1.jpg", "Té", "malformed row: has 4 fields, but the header has 3", 63]]


def test_folders_of_a_split_are_taken_as_it_unless_another_is_asked_for(tmp_path, pictures):
    for part in ("Train", "valid", "test"):
        for name in ("Dress", "Tee"):
            shutil.copytree(pictures / name / "item1", tmp_path / "shop" / part / name)
    flags = ("--source=folder", f"--source_dir={tmp_path / 'shop'}", "--dry_run")
    said = built(*flags)
    assert "split: official, as the source has parts of its own" in said
    assert re.search(r"Dress +3 +3 +3 +9\nTee +3 +3 +3 +9", said)
    assert re.search(r"Dress +[56] +1 +[23] +9\n", built(*flags, "--split=grouped"))


def test_verify_names_what_is_damaged_and_exits_non_zero(tmp_path):
    records = make_records(tmp_path, per_class={"train": 4, "test": 2})
    assert "as it was built" in built("--verify", f"--records={records}")
    shard = sorted(records.glob("*.tfrecord-*"))[1]
    shard.write_bytes(shard.read_bytes()[:-1])
    damaged = build("--verify", f"--records={records}")
    assert damaged.returncode == 1 and damaged.stdout.count(shard.name) == 2, damaged.stdout


def test_the_slides_split_shows_the_overlap_that_the_default_avoids(pictures):
    flags = ("--source=folder", f"--source_dir={pictures}", "--dry_run")
    share = re.search(r"share of test pictures whose item is in train: (\S+)",
                      built(*flags, "--split=stratified"))[1]
    assert float(share) > 0.5
    assert f"item is in train: 0.0  (random split: {share})" in built(*flags)


def test_items_that_share_near_duplicates_stay_together_and_are_listed(tmp_path, pictures):
    root = shutil.copytree(pictures, tmp_path / "pictures")
    for number in range(9):
        shutil.copy(root / f"Tee/item{number}/1.jpg", root / f"Dress/item{number + 1}/copy.jpg")
    with Image.open(root / "Tee/item1/2.jpg") as image:
        image.save(root / "Dress/item1/smaller_file.jpg", quality=40)
    flags = ("--source=folder", f"--source_dir={root}", r"--group_pattern=^\w+/item\d+")
    said = built(*flags, f"--records={tmp_path / 'r'}")
    assert "near-duplicates: 20 pictures in 10 groups, 10 of them under several classes" in said
    assert "items: 30, 10 joined to others by near-duplicates" in said
    manifest = json.loads((tmp_path / "r" / "manifest.json").read_text())
    assert manifest["overlap"]["near-duplicates, train and test"] == 0
    assert manifest["overlap_at_random"]["near-duplicates, train and test"] > 0
    listed = pd.read_csv(tmp_path / "r" / "near_duplicates.csv")
    assert listed.groupby("group")["split"].nunique().max() == 1
    assert listed["identical"].sum() == 18 and len(listed) == 20
    random = built(*flags, "--split=stratified", f"--records={tmp_path / 's'}")
    assert re.search("overlap near-duplicates, train and test: [1-9]", random)


def test_classes_and_split_need_no_pictures(shared):
    said = built(f"--source_dir={shared / 'deepfashion'}", "--top_k=20", "--dry_run")
    assert "rows read: 30,545" in said and "overlap items, train and test: 0" in said


def test_pictures_without_classes_are_built_and_not_trained_on_alone(tmp_path, pictures):
    built("--source=unlabelled", f"--source_dir={pictures / 'Dress'}",
          f"--records={tmp_path / 'r'}", r"--group_pattern=item\d+", "--test_fraction=0.1")
    manifest = json.loads((tmp_path / "r/manifest.json").read_text())
    assert manifest["classes"] == ["unlabelled"] and sum(manifest["examples"].values()) == 30
    done = start("fashionclf.train", f"--records={tmp_path / 'r'}", f"--run={tmp_path / 'run'}")
    assert done.returncode == 1 and "and these with --unlabelled" in done.stderr
