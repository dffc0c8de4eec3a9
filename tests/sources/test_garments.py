import pandas as pd
import pytest

from fashionclf.sources import garments, splits


def items(rows):
    table = pd.DataFrame(rows, columns=["path", "category"])
    found, note = garments.by_folder(table["path"], table["category"])
    return found.tolist(), note


def test_pictures_in_one_folder_are_garments_of_their_own():
    rows = [(f"images/p{number}.jpg", "Coat" if number < 6 else "Scarf") for number in range(12)]
    found, note = items(rows)
    assert found == [path for path, _ in rows]
    assert "each of the 12 pictures counts as a garment of its own" in note
    assert "--item_column" in note


@pytest.mark.parametrize("folder", ["{0}", "images/{0}s", "all/{0}/x"])
def test_a_folder_per_class_is_no_garment(folder):
    rows = [(f"{folder.format(name)}/{number}.jpg", name) for name in ("Coat", "Scarf")
            for number in range(4)]
    assert items(rows)[0] == [path for path, _ in rows]


def test_folders_of_few_pictures_of_one_class_are_garments_and_others_are_not():
    rows = [(f"sku{number}/{view}.jpg", ("Coat", "Scarf")[number % 2])
            for number in range(6) for view in ("front", "back")]
    rows += [(f"misc/{number}.jpg", "Coat") for number in range(garments.MOST + 1)]
    found, note = items(rows)
    assert found[:12] == [path.partition("/")[0] for path, _ in rows[:12]]
    assert found[12:] == [path for path, _ in rows[12:]]
    assert "6 folders with 12 pictures count as one each" in note and "21 other" in note


def test_folders_of_mixed_classes_are_no_garments():
    rows = [(f"{month}/{number}.jpg", name) for month in range(9)
            for number, name in enumerate(("Coat", "Coat", "Scarf"))]
    assert items([*rows, ("x/a.jpg", "Hat"), ("x/b.jpg", "Hat")])[0][-2:] == ["x/a.jpg", "x/b.jpg"]


def test_a_column_that_seems_to_name_garments_is_pointed_out():
    note, = garments.unused_column(["path", "Style ID"], ["path"])
    assert "--item_column='Style ID'" in note
    assert not garments.unused_column(["sku", "x"], ["sku"])


def test_an_empty_split_that_was_asked_for_is_an_error_with_cause_and_cure():
    table = pd.DataFrame({"item": "images", "label": [0, 1] * 6, "split": "train"})
    wanted = splits.asked("grouped", test_fraction=0.2, validation_fraction=0.1)
    with pytest.raises(ValueError, match="the validation and the test split would be empty .all 12 "
                       "pictures are one garment: images.*--item_column"):
        splits.check(table, wanted)
    none = splits.asked("grouped", test_fraction=0, validation_fraction=0)
    assert splits.check(table, none) == []
    assert splits.deviation(table, wanted).abs().max(axis=None) == pytest.approx(0.3)
    assert splits.check(table, None) == ["the official split has no validation part",
                                         "the official split has no test part"]


def test_classes_without_a_picture_in_train_are_counted():
    table = pd.DataFrame({"item": range(4), "label": [0, 0, 1, 2],
                          "split": ["train", "validation", "test", "test"]})
    assert splits.check(table, None) == [
        "2 classes have no picture in train: no model can learn them"]
