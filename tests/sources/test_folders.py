"""Promises of reading a folder per class: layouts that people have, nothing left out unsaid."""
import os

import pytest

from fashionclf.sources import readers
from fashionclf.sources.folders import NEVER_A_CLASS


@pytest.fixture
def lay_out(tmp_path):
    def made(*paths):
        for path in paths:
            file = tmp_path / "root" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        return tmp_path / "root"
    return made


def both(name, classes=("Coat", "Scarf")):
    return [name.format(c) for c in classes]


@pytest.mark.parametrize("parts", [("train", "val", "test"), ("Training", "VALID", "testing"),
                                   ("train_set", "validation", "Test"), ("train", "dev", "test")])
@pytest.mark.parametrize("layout", ["{part}/{{}}/a.jpg", "{{}}/{part}/a.jpg"])
def test_folders_of_a_split_are_its_parts_and_no_classes(lay_out, parts, layout):
    root = lay_out(*(path for part in parts for path in both(layout.format(part=part))))
    found = readers.read_folder(root)
    assert set(found.table["category"]) == {"Coat", "Scarf"}
    assert found.table["partition"].value_counts().to_dict() == {"train": 2, "val": 2, "test": 2}
    assert (found.table["item"] == found.table["path"]).all()
    assert any("read as the official split (train 2, val 2, test 2)" in x for x in found.notes)


@pytest.mark.parametrize("paths, message", [
    (["train/a.jpg", "test/b.jpg"], "in a part of a split but in no class folder"),
    ([*both("train/{}/a.jpg"), *both("{}/a.jpg")], "root/Coat/a.jpg: other folders beside it are"),
    (["Coat/train/a.jpg", "Coat/test/b.jpg", "Scarf/a.jpg"], "root/Scarf/a.jpg: other folders"),
    (both("pictures/{}/a.jpg"), r"one class alone, 'pictures', .*, Scarf: .*=\S*root/pictures$"),
    (both("a/b/{}/a.jpg"), r"one class alone, 'a', .* contains Coat, Scarf: .*=\S*root/a/b$"),
    (both("train/{}/a.jpg"), r"one class alone, 'train', .* --source_dir=\S*root/train$"),
    (["Coat/a.jpg"], "one class alone, 'Coat', .* add the folders of the others"),
    ([*both("{}/a.jpg"), "c.jpg"], "root/c.jpg: lies beside the class folders; move it"),
    ([*both("{}/a.jpg"), "Hat/a.psd", "Hat/b.psd"],
     r"root/Hat: a class folder .* \(2 times: files with suffix .psd are not read\)"),
    (["Coat/a.psd"], "contains no pictures .*, files with suffix .psd are not read")])
def test_folders_that_are_no_classes_are_refused_with_layout_and_cure(lay_out, paths, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        readers.read_folder(lay_out(*paths))


def test_folders_that_nobody_would_call_a_class_are_left_out_by_name(lay_out):
    names = [".git", "@eaDir", "__MACOSX", "thumbs"]
    root = lay_out(*both("{}/a.jpg"), *(f"{name}/a.jpg" for name in names), "Coat/@eaDir/a.jpg",
                   "records/manifest.json", "records/class_distribution.png", "Coat/note.TXT")
    found = readers.read_folder(root)
    assert found.table["path"].tolist() == ["Coat/a.jpg", "Scarf/a.jpg"]
    assert found.dropped["path"].tolist() == [
        ".git/", "@eaDir/", "Coat/@eaDir/", "Coat/note.TXT", "__MACOSX/", "records/", "thumbs/"]
    assert found.rows_read == 9
    for name in [*names, "records"]:
        assert any(note.startswith(f"left out: {name}/ ({why}") for note in found.notes
                   for why in NEVER_A_CLASS)


def test_a_link_to_a_class_stops_or_is_followed_and_a_loop_ends(lay_out, tmp_path):
    root = lay_out(*both("{}/a.jpg"))
    (tmp_path / "away").mkdir()
    (tmp_path / "away/h.jpg").touch()
    (root / "Hat").symlink_to(tmp_path / "away")
    with pytest.raises(ValueError, match=f"Hat: .*link to the folder {tmp_path}/away: --follow"):
        readers.read_folder(root)
    (root / "Coat/loop").symlink_to(root)
    found = readers.read_folder(root, follow_links=True)
    assert found.table["path"].tolist() == ["Coat/a.jpg", "Hat/h.jpg", "Scarf/a.jpg"]
    assert found.dropped["path"].tolist() == ["Coat/loop/"]


def test_a_class_folder_that_cannot_be_listed_stops(lay_out, monkeypatch):
    root, scandir = lay_out(*both("{}/a.jpg"), "Hat/a.jpg"), os.scandir

    def refusing(folder):
        if os.fspath(folder) == str(root / "Hat"):
            raise PermissionError(13, "Permission denied", str(root / "Hat"))
        return scandir(folder)
    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(ValueError, match="root/Hat: a class .* can't be read: Permission denied"):
        readers.read_folder(root)


def test_classes_below_departments_are_pointed_out(lay_out):
    note = "read as items; if they are the classes"
    root = lay_out(*both("men/{}/a.jpg"), *both("women/{}/a.jpg"))
    assert any(note in line for line in readers.read_folder(root).notes)
    root = lay_out("men/item1/a.jpg")
    assert not any(note in line for line in readers.read_folder(root).notes)


@pytest.mark.parametrize("paths, name", [
    (["Anno/list_item_inshop.txt", "img/MEN/Denim/id_1/a.jpg"], "In-shop .*--source_dir=.*img/MEN"),
    (["img/WOMEN/Tees/id_00000002/02_1_front.jpg"], "In-shop"),
    (["Anno/list_bbox_consumer2shop.txt"], "Consumer-to-shop .* --source=folder"),
    (["img/DRESSES/Skirt/id_1/a.jpg"], "Consumer-to-shop .*--source_dir=.*img/DRESSES"),
    (["Anno/list_joints.txt", "img/a.jpg"], "Fashion Landmark Detection .* no categories"),
    (["train/annos/1.json", "train/image/1.jpg"], "DeepFashion2, .* --source=csv"),
    (["images/WOMEN-Dresses-id_00000002-02_1_front.jpg"], "DeepFashion-MultiModal, .*--source=")])
@pytest.mark.parametrize("read", [readers.read_deepfashion, readers.read_folder])
def test_the_sisters_of_the_benchmark_are_known_by_name_with_what_to_do(lay_out, read, paths, name):
    with pytest.raises(ValueError, match=f"is (DeepFashion's )?{name}"):
        read(lay_out(*paths))


@pytest.mark.parametrize("columns, name", [
    ("image_name item_id evaluation_status", "In-shop"),
    ("image_pair_name_1 image_pair_name_2 item_id evaluation_status", "Consumer-to-shop")])
def test_the_partition_of_a_sister_is_known_by_its_columns(lay_out, columns, name):
    root = lay_out("Eval/list_eval_partition.txt")
    (root / "Eval/list_eval_partition.txt").write_text(f"52712\n{columns}\n")
    with pytest.raises(ValueError, match=f"is DeepFashion's {name}"):
        readers.read_deepfashion(root)
