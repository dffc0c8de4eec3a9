from pathlib import Path

import pandas as pd
import pytest

from fashionclf.sources import categories, readers


def table(*folders, per_folder=2, category=None):
    rows = [(f"img/{folder}/img_{i:08d}.jpg", f"img/{folder}", category)
            for folder in folders for i in range(per_folder)]
    return pd.DataFrame(rows, columns=["path", "item", "category"]).assign(
        bbox=None, partition=None)


def labels(found):
    return [found.classes[label] for label in found.table["label"]]


@pytest.mark.parametrize("folder, name", [
    ("Sheer_Pleated-Front_Blouse", "Blouse"), ("36_Plaid_Shirt_Dress", "Dress"),
    ("1981_Graphic_Ringer_Tee", "Tee"), ("Striped_A-line_Dress", "Dress"),
    ("Boucl&eacute;_Cardigan", "Cardigan"), ("Classic_Button-Down", "Button-Down")])
def test_the_name_gives_what_follows_the_last_underscore(folder, name):
    assert categories.assign(table(folder, "none_"), label_from="name").classes == [name]


@pytest.mark.parametrize("folder, word", [
    ("Denim_Jacket_Dress", "Jacket"), ("Halter-Neck_Dress", "Halter"), ("Teen_Dress", "Dress"),
    ("long-\u017f_dre\u017f\u017f", "Dress"),
    ("classic_button-down_shirt", "Button-Down"), ("Plain_Sarong", None)])
def test_the_slides_rule_takes_the_first_word_whole_and_in_any_case(folder, word):
    vocabulary = ["Jacket", "Dress", "Halter", "Tee", "Button-Down"]
    assert categories.keyword_category(folder, vocabulary) == word


def test_top_k_is_by_pictures_and_what_is_below_is_counted():
    rows = table(*3 * ["a_Tee"], *5 * ["b_Dress"], *2 * ["c_Cape"], per_folder=1)
    found = categories.assign(rows, label_from="name", top_k=2)
    assert found.classes == ["Dress", "Tee"]
    assert found.dropped["reason"].tolist() == ["not in top 2"] * 2
    assert len(found.table) + len(found.dropped) == len(rows)


def test_a_class_file_gives_the_order(tmp_path):
    file = tmp_path / "classes.txt"
    file.write_bytes(b"\xef\xbb\xbf# mine\nTee\r\n Dress\r\n")  # no mark nor line end matters
    found = categories.assign(table("a_Dress", "b_Tee", "c_Cape"), label_from="name",
                              classes=str(file))
    assert found.classes == ["Tee", "Dress"] and labels(found) == ["Dress"] * 2 + ["Tee"] * 2


def test_a_map_renames_merges_and_drops(tmp_path):
    file = tmp_path / "map.csv"
    file.write_bytes(b"\xef\xbb\xbffrom,to\r\nTee,Top\r\nCape,\r\n")
    found = categories.assign(table("a_Tee", "b_Top", "c_Cape"), label_from="name",
                              category_map=[str(file)])
    assert found.classes == ["Top"] and len(found.table) == 4
    assert set(found.dropped["reason"]) == {"mapped to nothing"}


@pytest.mark.parametrize("data, message", [
    (b"", ":1: expected a header and at"), (b"from,to\n", ":1: expected a header and at"),
    (b"from\nTee\n", ":1: has no column 'to', only from; name its two"),
    (b"from,to\nTee\n", ":2: has 1 fields, but the header has 2"),
    (b"from,to\nTee,A\nTee,B\n", r":3: 'Tee' is repeated \(first on line 2\); remove one"),
    (b"from,to\r\nTee,A\r\nTe,B\r\n", ":3: there are no pictures of class 'Te'; did you mean Tee"),
    (b"from,to\n,A\n", ":2: there are no pictures of class ''"),
    (b"from,to\nTee,A \n", ":2: 'A ' can't be a class name"),
    (b"from,to\nTee,Caf\xe9\n", ":2: byte 0xe9 is not UTF-8 text; save"),
    (b"from,to\nTee,\nDress,\n", ": drops every category; keep at least one"),
    (b'from,to\nTee,"A\n', ":2: the row that begins here is not valid CSV")])
def test_a_bad_map_is_named_with_file_line_and_cure(tmp_path, data, message):
    (tmp_path / "map.csv").write_bytes(data)
    with pytest.raises(ValueError, match=f"map.csv{message}"):
        categories.assign(table("a_Tee", "b_Dress"), label_from="name",
                          category_map=[str(tmp_path / "map.csv")])


@pytest.mark.parametrize("data, message", [
    (b"", ":1: lists no classes; write one per line"), (b"# only this\n", ":1: lists no classes"),
    (b"Tee\n\nTee\n", r":3: 'Tee' is repeated \(first on line 1\)"),
    (b"Tee\rDres\r", ":2: there are no pictures of class 'Dres'; did you mean Dress"),
    (b"Tee\nCaf\xe9\n", ":2: byte 0xe9 is not UTF-8 text; save"),
    (b"Tee\x0bDress\n", ":1: there are no pictures of class")])
def test_a_bad_class_file_is_named_with_file_line_and_cure(tmp_path, data, message):
    (tmp_path / "classes.txt").write_bytes(data)
    with pytest.raises(ValueError, match=f"classes.txt{message}"):
        categories.assign(table("a_Tee", "b_Dress"), label_from="name",
                          classes=str(tmp_path / "classes.txt"))


@pytest.mark.parametrize("folder, choice, message", [
    ("a_Tee ", {}, "'Tee ' .2. can't be a class name.*--category_map\nfrom,to\nTee ,Tee$"),
    ("a_", {}, "no row has a category"),
    ("a_Tee", {"top_k": 3, "classes": "x.txt"}, "one of them"),
    ("a_Tee", {"label_from": "keyword"}, "needs the words: give --classes=FILE"),
    ("a_Tee", {"label_from": "keywords"}, "'keywords' is not annotation, name or keyword")])
def test_a_choice_that_gives_no_classes_is_refused(folder, choice, message):
    with pytest.raises(ValueError, match=message):
        categories.assign(table(folder), **{"label_from": "name", **choice})


def test_the_cap_draws_by_seed_evenly_over_items_whatever_the_order_of_rows():
    def drawn(rows, **seed):
        return categories.assign(rows, label_from="name", max_per_class=9, **seed).table
    rows = pd.concat([table("a_Tee", per_folder=50), table("b_Tee", "c_Tee", per_folder=3)],
                     ignore_index=True)
    assert drawn(rows)["item"].value_counts().tolist() == [3, 3, 3]
    paths = set(drawn(rows)["path"])
    assert paths == set(drawn(rows.sample(frac=1, random_state=0), seed=0)["path"])
    assert paths != set(drawn(rows, seed=1)["path"])


def test_real_names_agree_with_the_real_annotation_on_every_row(shared):
    rows = readers.read_deepfashion(shared / "deepfashion").table
    by_name = categories.assign(rows, label_from="name")
    by_annotation = categories.assign(rows, label_from="annotation")
    assert len(rows) == 30_545 and labels(by_name) == labels(by_annotation)
    text = (shared / "deepfashion/Anno_coarse/list_category_img.txt").read_text()
    ids = pd.Series([line.split()[1] for line in text.splitlines()[2:]]).value_counts()
    assert sorted(ids) == sorted(pd.Series(labels(by_name)).value_counts())


def test_the_true_top_20_is_that_of_the_benchmarks_counts(shared):
    counts = pd.read_csv(shared / "deepfashion/category_counts.csv")
    top = counts.nlargest(20, "images_coarse_289222")["category_name"].tolist()
    file = Path(__file__).parents[2] / "configs" / "classes_top20.txt"
    lines = file.read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == top
    assert top[0] == "Dress" and top[-1] == "Coat"


def test_rows_without_a_category_or_an_official_part_where_it_is_the_split_are_dropped():
    table = pd.DataFrame({"path": ["x_Tee/1", "x_Tee/2", "y_Coat/1"], "item": "x",
                          "category": ["Tee", None, "Coat"], "partition": ["test", "test", None]})
    found = categories.assign(table, label_from="annotation", official=True)
    assert found.classes == ["Tee"] and found.table["path"].tolist() == ["x_Tee/1"]
    assert sorted(found.dropped["reason"]) == ["no category", "no official part"]
    with pytest.raises(ValueError, match="no row has an official part: choose another --split"):
        categories.assign(table.assign(partition=None), label_from="annotation", official=True)


def test_of_two_maps_the_second_goes_on_from_what_the_first_gave(tmp_path):
    (tmp_path / "one.csv").write_text("from,to\nTee,Top\n")
    (tmp_path / "two.csv").write_text("from,to\nTop,Upper\nCape,Upper\n")
    rows = table("a_Tee", "b_Top", "c_Cape", "d_Dress")
    maps = [str(tmp_path / name) for name in ("one.csv", "two.csv")]
    found = categories.assign(rows, label_from="name", category_map=maps)
    assert labels(found) == ["Upper"] * 6 + ["Dress"] * 2
    with pytest.raises(ValueError, match="one.csv:2: there are no pictures of class 'Tee'"):
        categories.assign(rows, label_from="name", category_map=[maps[0], *maps])


def test_keywords_are_the_categories_of_the_annotation_or_those_of_the_class_file(tmp_path):
    rows = pd.concat([table("a_Tee_x", category="Tee"), table("b_Dress_x", category="Dress")],
                     ignore_index=True)
    assert categories.assign(rows, label_from="keyword").classes == ["Dress", "Tee"]
    (tmp_path / "classes.txt").write_text("x\n")
    found = categories.assign(rows, label_from="keyword", classes=str(tmp_path / "classes.txt"))
    assert found.classes == ["x"] and len(found.table) == 4


@pytest.mark.parametrize("count, last", [(20, "         1  reason 19"),
                                         (22, "         2  2 other reasons")])
def test_the_twenty_most_frequent_reasons_have_a_line_each(count, last):
    lines = categories.counts_text("dropped", pd.Series(
        [f"reason {number}" for number in range(count)])).splitlines()
    assert lines[0] == f"dropped: {count}" and len(lines) == 1 + min(count, 21)
    assert lines[-1] == last
