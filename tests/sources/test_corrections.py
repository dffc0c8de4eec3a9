"""Decisions find their pictures, win over the source, and are refused where they don't fit."""
import hashlib

import pandas as pd
import pytest

from fashionclf.sources import categories, corrections, leakage

PATHS = ["Dress/1.jpg", "Dress/2.jpg", "Tee/1.jpg", "Tee/a, \"b\"\n.jpg", "top.jpg"]
HEADER = "path,digest,decision,class,group\n"


def source():
    return pd.DataFrame({
        "path": PATHS, "item": PATHS, "category": ["Dress", "Dress", "Tee", "Tee", "Tee"],
        "bbox": None, "partition": None}, index=range(10, 15))


def saved(folder, *rows, name="decisions.csv"):
    (folder / name).write_text(HEADER + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return str(folder / name)


def read(folder, *rows):
    return corrections.read([saved(folder, *rows)], source()["path"])


def test_a_picture_is_found_from_a_folder_above_or_below_and_with_any_signs(tmp_path):
    found = read(tmp_path, "/shop/in/Dress/1.jpg,,right,Dress,", "2.jpg,,wrong,Tee,",
                 '"x/Tee/a, ""b""\n.jpg",,drop,,', "./top.jpg,,same,,g", "Tee/1.jpg,,same,,g")
    assert found.classes.to_dict() == {10: "Dress", 11: "Tee", 13: None}
    assert found.groups.to_dict() == {14: "g", 12: "g"}
    assert found.counts == {"right": 1, "wrong": 1, "drop": 1, "same": 2}
    assert found.table.loc[13, "path"] == PATHS[3]


def test_of_several_paths_that_it_ends_in_the_longest_is_meant():
    paths = pd.Series(["1.jpg", "Dress/1.jpg"])
    named = pd.Series(["x/Dress/1.jpg", "x/1.jpg"])
    assert corrections.matched("f", named, paths).tolist() == [1, 0]


@pytest.mark.parametrize("rows, message", [
    (["Hat/9.jpg,,drop,,"], "1 of 1 pictures are not in the source: 'Hat/9.jpg'. Name the"),
    (["1.jpg,,drop,,"], "1 of 1 pictures could be several of the source: '1.jpg'"),
    (["top.jpg,,maybe,,"], ":2: unknown decision 'maybe'; write right, wrong, drop, same"),
    (["top.jpg,,wrong,,"], ":2: class '' can't be a class name"),
    (["top.jpg,,same,,"], ":2: has no group; give the pictures"),
    (["top.jpg,AB,drop,,"], ":2: 'AB' should be a SHA-256 of 64 hex digits"),
    (["top.jpg,,drop,,", "x/top.jpg,,right,Tee,"], "contradict each other; the first is "
     "'top.jpg': drop, right Tee. Remove one")])
def test_what_is_no_decision_on_one_picture_is_refused(tmp_path, rows, message):
    with pytest.raises(ValueError) as error:
        read(tmp_path, *rows)
    assert message in str(error.value) and "decisions.csv" in str(error.value)


def test_another_csv_is_refused_and_two_files_that_agree_count_once(tmp_path):
    (tmp_path / "labels.csv").write_text("path,class\na,b\n")
    with pytest.raises(ValueError, match="has no column 'digest'.*save the decisions"):
        corrections.read([str(tmp_path / "labels.csv")], source()["path"])
    twice = [saved(tmp_path, "x/top.jpg,,right,Tee,", "top.jpg,,same,,g", name=name)
             for name in ("a.csv", "b.csv")]
    found = corrections.read(twice, source()["path"])
    assert found.counts == {"right": 1, "wrong": 0, "drop": 0, "same": 1}


def test_a_picture_that_changed_since_is_named_and_one_that_is_gone_is_not(tmp_path, capsys):
    (tmp_path / "Dress").mkdir()
    (tmp_path / "Dress/1.jpg").write_bytes(b"new")
    now, old = (hashlib.sha256(content).hexdigest() for content in (b"new", b"old"))
    corrections.refuse_changed(read(tmp_path, f"Dress/1.jpg,{now},right,Dress,",
                                    f"Tee/1.jpg,{old},drop,,", "Dress/2.jpg,,drop,,"), tmp_path)
    assert capsys.readouterr().out.startswith("corrections: 1 of 3 have no digest")
    with pytest.raises(ValueError, match="1 pictures have changed .* them: 'Dress/1.jpg'. Decide"):
        corrections.refuse_changed(read(tmp_path, f"Dress/1.jpg,{old},right,Dress,"), tmp_path)


def assign(corrected, label_from="annotation", **more):
    return categories.assign(source(), label_from=label_from,
                             corrected=pd.Series(corrected, dtype=object), **more)


def labels(found):
    return {row: found.classes[label] for row, label in found.table["label"].items()}


@pytest.mark.parametrize("label_from", ["annotation", "name", "keyword"])
def test_a_decision_wins_over_the_annotation_and_over_the_folders_name(label_from):
    found = assign({10: "Tee", 12: "Tee", 14: None}, label_from)
    assert labels(found) == {10: "Tee", 11: "Dress", 12: "Tee", 13: "Tee"}
    assert found.dropped["reason"].to_dict() == {14: corrections.DROPPED}


def test_a_corrected_class_follows_the_map_and_one_that_is_none_of_the_classes_is_refused(tmp_path):
    (tmp_path / "map.csv").write_text("from,to\nTshirt,Tee\n")
    assert labels(assign({10: "Tshirt"}, category_map=[tmp_path / "map.csv"]))[10] == "Tee"
    with pytest.raises(ValueError, match=r"class 'Hat' \(2\), which is none .* \(Tee\); ren"):
        assign({10: "Hat", 11: "Hat", 12: "Tee"})
    assert labels(assign({10: "Tee", 11: "Tee", 12: "Dress", 13: "Dress"}))[12] == "Dress"
    with pytest.raises(ValueError, match=r"class 'Dress' \(1\), which is none .* \(Tee\)"):
        assign({14: "Dress", 10: "Tee"}, top_k=1)

    (tmp_path / "classes.txt").write_text("Hat\nTee\n")
    assert labels(assign({10: "Hat"}, classes=str(tmp_path / "classes.txt")))[10] == "Hat"


def test_a_class_stays_known_where_its_last_picture_has_no_part():
    rows = source().assign(partition=["train", "train", "train", "train", None])
    found = categories.assign(rows, label_from="annotation", official=True,
                              corrected=pd.Series({10: "Tee"}))
    assert labels(found) == {10: "Tee", 11: "Dress", 12: "Tee", 13: "Tee"}


def test_pictures_without_any_category_get_theirs_from_decisions(tmp_path):
    (tmp_path / "classes.txt").write_text("Hat\nTee\n")
    found = categories.assign(
        source().assign(category=None), label_from="annotation",
        classes=str(tmp_path / "classes.txt"), corrected=pd.Series({10: "Hat", 11: "Tee"}))
    assert labels(found) == {10: "Hat", 11: "Tee"}
    assert found.dropped["reason"].unique().tolist() == ["no category"]


def test_pictures_of_one_garment_and_of_a_group_of_duplicates_become_one_item(tmp_path):
    found = read(tmp_path, "Dress/1.jpg,,same,,g", "Tee/1.jpg,,same,,g", "Dress/1.jpg,,same,,h",
                 "top.jpg,,same,,h", "Dress/2.jpg,,same,,i")
    items = leakage.joined_items(source()["item"], found.groups)
    assert items.tolist() == [PATHS[0], PATHS[1], PATHS[0], PATHS[3], PATHS[0]]
    kept = source()["item"].drop(12)  # a picture that is dropped leaves the others joined
    assert leakage.joined_items(kept, found.groups).tolist() == [*PATHS[:2], PATHS[3], PATHS[0]]

    (tmp_path / "groups.csv").write_text("group,path,keep\n1,in/Dress/1.jpg,yes\n1,in/top.jpg,\n")
    groups = corrections.read_duplicates(str(tmp_path / "groups.csv"), source()["path"])
    assert groups.to_dict() == {10: "1", 14: "1"}
    (tmp_path / "groups.csv").write_text("group,path,keep\n")  # no picture has a copy
    assert corrections.read_duplicates(str(tmp_path / "groups.csv"), source()["path"]).empty
