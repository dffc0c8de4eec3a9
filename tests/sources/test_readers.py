import os

import pytest

from fashionclf.sources import readers, shop_csv
from fashionclf.system.csv_files import Form
from tests.helpers.deepfashion_tree import listing

CLOTH = "3\ncategory_name  category_type\nBlouse         1\nTee            1\nDress          3\n"
ROWS = [("img/Sheer_Pleated-Front_Blouse/img_00000001.jpg", 1),
        ("img/Sheer_Pleated-Front_Blouse/img_00000004.jpg", 1),
        ("img/Striped_A-Line_Dress/img_00000001.jpg", 3)]


def tree(root, *, pictures="img", anno="Anno_coarse", rows=ROWS, cloth=CLOTH):
    for path, _ in ROWS:
        file = root / pictures / path.removeprefix("img/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"picture")
    if anno is not None:
        (root / anno).mkdir(parents=True, exist_ok=True)
        text = rows if isinstance(rows, str) else listing("image_name category_label", rows)
        (root / anno / "list_category_img.txt").write_bytes(text.encode(errors="surrogateescape"))
        (root / anno / "list_category_cloth.txt").write_text(cloth)
    return root


@pytest.mark.parametrize("pictures", ["img", "Img/img", "img/img"])
@pytest.mark.parametrize("anno", ["Anno", "Anno_coarse", "AnnoCoarse", "anno"])
def test_every_layout_that_is_about_is_read(tmp_path, pictures, anno):
    found = readers.read_deepfashion(tree(tmp_path, pictures=pictures, anno=anno))
    assert found.table["category"].tolist() == ["Blouse", "Blouse", "Dress"]
    assert all((found.images_root / path).is_file() for path in found.table["path"])
    assert found.table["item"].nunique() == 2
    assert any(anno in note for note in found.notes)


def test_folders_alone_are_enough(tmp_path):
    found = readers.read_deepfashion(tree(tmp_path, anno=None))
    assert found.table["path"].tolist() == [path for path, _ in ROWS]
    assert found.table["category"].isna().all()


def test_lists_alone_are_enough(tmp_path):
    tree(tmp_path)
    for file in (tmp_path / "img").rglob("*.jpg"):
        file.unlink()
    assert len(readers.read_deepfashion(tmp_path).table) == 3


def test_boxes_and_official_parts_are_joined_by_path(tmp_path):
    tree(tmp_path)
    boxes = [(ROWS[0][0], 9, -3, 1, 99999), (ROWS[2][0], "072", "079", "232", "273")]
    (tmp_path / "Anno_coarse/list_bbox.txt").write_text(
        listing("image_name x_1 y_1 x_2 y_2", boxes))
    (tmp_path / "Eval").mkdir()
    (tmp_path / "Eval/list_eval_partition.txt").write_text(
        listing("image_name evaluation_status", [(ROWS[0][0], "val")]))
    table = readers.read_deepfashion(tmp_path).table
    assert table["bbox"].tolist() == [(9, -3, 1, 99999), None, (72, 79, 232, 273)]  # as given
    assert table["partition"].tolist() == ["val", None, None]


@pytest.mark.parametrize("change", [
    lambda text: text.replace("\n", "\r\n"), lambda text: "\ufeff" + text,
    lambda text: text.rstrip("\n"), lambda text: text + "\n\n"])
def test_line_ends_and_byte_order_marks_do_not_matter(tmp_path, change):
    text = change(listing("image_name category_label", ROWS))
    assert len(readers.read_deepfashion(tree(tmp_path, rows=text)).table) == 3


@pytest.mark.parametrize("rows, message", [
    ("2\nh h\nimg/a/b.jpg 1\n", r"list_category_img.txt:1: announces 2 rows, but 1 follow"),
    ("hello\n", r":1: expected the number of rows, got 'hello'"), ("", r":1: expected"),
    ([("img/a/b.jpg", 4)], r":3: category 4 is not in 1\.\.3"),
    ([("img/a/b.jpg", 0)], r":3: category 0"), ([("img/a/b.jpg", "x")], r":3: expected a whole"),
    ([("img/a/b.jpg", 1), ("img/a/b.jpg", 2)], r":4: .* repeated .* \(first on line 3"),
    ([("../b.jpg", 1)], "leads out"), ([("/etc/b.jpg", 1)], "leads out"),
    ("1\nh h\nimg/a/b.jpg\n", r":3: expected 'path id'"),
    ("1\nimg/a/b.jpg 1\n", r":2: expected a header of 2 words, got 'img/a/b.jpg 1'"),
    ("2\nimg/a b.jpg\nimg/a/c.jpg 1\nimg/a/d.jpg 1\n", ":2: expected a header"),
    ("1\n\nimg/a/b.jpg 1\n", ":2: expected a header"), ("1", ":2: expected a header"),
    ("\u00b2\nh h\nimg/a/b.jpg 1\n", r":1: expected the number of rows, got '\u00b2'"),
    ("0\nh h\n", ":1: lists no rows"),
    ("1\r\nh h\r\nimg/a/b.jpg 9\r\n", ":3: category 9"), ("1\rh h\rimg/a/b.jpg 9", ":3: cat"),
    ("1\nh h\nimg/a/b\0.jpg 1\n", ":3: byte 0x00 is not UTF-8 text; save"),
    ("1\r\nh h\r\nimg/a/\udce9.jpg 1\r\n", "img.txt:3: byte 0xe9 is not UTF-8 text; save"),
    ([("img/a/b.jpg", "1e0")], ":3: expected a whole"), ([("img/a/b.jpg", "1_0")], ":3: expected"),
    ([("img/a/b.jpg", "\u0663")], ":3: expected"), ([("img/a/b.jpg", "9" * 30)], ":3: expected"),
    ([("./img/a/b.jpg", 1)], ":3: .* not a plain path"), ([("img//b.jpg", 1)], "not a plain path"),
    ([("img/a/", 1)], "not a plain path"), ([(".", 1)], "not a plain path")])
def test_a_bad_row_is_named_with_file_line_and_cure(tmp_path, rows, message):
    with pytest.raises(ValueError, match=message):
        readers.read_deepfashion(tree(tmp_path, rows=rows))


def test_names_as_real_shops_write_them_survive_and_only_line_ends_and_blanks_part_them(tmp_path):
    names = ["Boucl&eacute;_Cardigan", "Black_&_White_Tee", "Men's_Tee", "1.5_Tee", "A,B_Dress",
             "a\x0bb\x0cc\x1cd\x85e\u2028f\xa0g"]
    rows = [(f"img/{name}/img_00000001.jpg", 2) for name in names]
    found = readers.read_deepfashion(tree(tmp_path, rows=rows)).table
    assert found["path"].tolist() == [path for path, _ in rows]
    assert found["item"].tolist() == [f"img/{name}" for name in names]


@pytest.mark.parametrize("cloth, message", [
    ("2\nh h\nTee 1\nTee 1\n", r":4: 'Tee' is repeated \(first on line 3\)"),
    ("1\nh h\nTee upper\n", ":3: expected a whole number"),
    ("1\nh h\n\xa0Tee 1\n", ":3: .* can't be a class name")])
def test_the_categories_names_are_checked_too(tmp_path, cloth, message):
    with pytest.raises(ValueError, match=f"list_category_cloth.txt{message}"):
        readers.read_deepfashion(tree(tmp_path, cloth=cloth))


def test_repeated_rows_that_agree_count_once(tmp_path):
    path, label = ROWS[0]
    found = readers.read_deepfashion(tree(tmp_path, rows=[*ROWS, (path, f"0{label}")]))
    assert len(found.table) == 3 and any("1 repeated" in note for note in found.notes)


@pytest.mark.parametrize("file, text, message", [
    ("list_bbox.txt", "1\nh h h h h\nimg/a.jpg 1 2 3\n", ":3: expected 'path x_1"),
    ("list_bbox.txt", "1\nh h h h h\nimg/a.jpg 1 2 3 x\n", ":3: expected a whole number"),
    ("list_eval_partition.txt", "1\nh h\nimg/a.jpg trian\n", ":3: 'trian' is not train, val or"),
    ("list_eval_partition.txt", "1\na train\nb.jpg test", ":2: expected a header")])
def test_bad_boxes_and_parts_are_named_too(tmp_path, file, text, message):
    (tree(tmp_path) / "Anno_coarse" / file).write_text(text)
    with pytest.raises(ValueError, match=file + message):
        readers.read_deepfashion(tmp_path)


def test_rows_of_pictures_that_are_in_no_category_row_are_counted(tmp_path):
    rows = listing("image_name status", [(ROWS[0][0], "val"), ("img/none.jpg", "test")])
    (tree(tmp_path) / "Anno_coarse/list_eval_partition.txt").write_text(rows)
    assert "1 more of its rows belong to other pictures" in readers.read_deepfashion(tmp_path).notes


def test_a_row_that_names_no_picture_stays_for_the_audit_and_the_converse_is_counted(tmp_path):
    rows = [ROWS[0], ("img/gone_Tee/a.jpg", 2)]
    found = readers.read_deepfashion(tree(tmp_path, rows=rows))
    assert found.table["path"].tolist() == [path for path, _ in rows]
    assert any(note.startswith("2 pictures on disk") for note in found.notes)


def test_missing_and_empty_folders_name_the_cure(tmp_path):
    with pytest.raises(FileNotFoundError, match="--source_dir"):
        readers.read_deepfashion(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="--source_dir"):
        readers.read_deepfashion(tmp_path)
    with pytest.raises(FileNotFoundError, match="contains no pictures"):
        readers.read_folder(tmp_path)


def test_a_folder_per_class_has_items_one_level_deeper(tmp_path):
    foreign = os.fsdecode(b"Tee/\xff.jpg")  # a name that is not UTF-8 is a row like any other
    for path in ("Tee/a.jpg", "Tee/shop1/b.PNG", "Tee/shop1/c.webp", "Dress/a.jpeg", "Tee/x.txt",
                 foreign):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"")
    found = readers.read_folder(tmp_path)
    assert found.table.sort_values("path")[["path", "item", "category"]].to_numpy().tolist() == [
        ["Dress/a.jpeg", "Dress/a.jpeg", "Dress"], ["Tee/a.jpg", "Tee/a.jpg", "Tee"],
        ["Tee/shop1/b.PNG", "Tee/shop1", "Tee"], ["Tee/shop1/c.webp", "Tee/shop1", "Tee"],
        [foreign, foreign, "Tee"]]
    assert found.dropped.to_numpy().tolist() == [
        ["Tee/x.txt", None, "files with suffix .txt are not read", ""]]


def test_pictures_without_classes_lie_anywhere_and_are_items_of_their_own(tmp_path):
    for path in ("a.jpg", "shop/b.png", "shop/x.txt"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    found = readers.read_unlabelled(tmp_path)
    assert found.table[["path", "item", "category"]].to_numpy().tolist() == [
        ["a.jpg", "a.jpg", "unlabelled"], ["shop/b.png", "shop/b.png", "unlabelled"]]
    assert found.dropped["path"].tolist() == ["shop/x.txt"]


def test_csv_columns_are_named_by_the_caller(tmp_path):
    (tmp_path / "rows.csv").write_text("file,kind,l,t,r,b,part\nx/a.jpg,Tee,1,2,3.0,4.0,train\n"
                                       "b.jpg,,,,,,\n")  # 3.0: as pandas writes it beside a gap
    form = Form(path_column="file")
    table = shop_csv.read(
        tmp_path / "rows.csv", form, images_root=tmp_path, category_column="kind",
        bbox_columns=["l", "t", "r", "b"], partition_column="part").table
    assert table.to_numpy().tolist() == [["x/a.jpg", "x/a.jpg", "Tee", (1, 2, 3, 4), "train"],
                                         ["b.jpg", "b.jpg", None, None, None]]
    with pytest.raises(ValueError, match="no column 'colour', only file"):
        shop_csv.read(tmp_path / "rows.csv", form, images_root=tmp_path, category_column="colour")


def test_the_real_annotation_is_read_whole(shared):
    table = readers.read_deepfashion(shared / "deepfashion").table
    assert len(table) == 30_545 and table["category"].notna().all()
    assert table["bbox"].notna().sum() == table["partition"].notna().sum() == 5_050


def test_a_folder_that_cannot_be_read_is_reported(tmp_path, monkeypatch):
    closed, scandir = tmp_path / "img" / ROWS[0][0].split("/")[1], os.scandir

    def refusing(folder):
        if os.fspath(folder) == str(closed):
            raise PermissionError(13, "Permission denied", str(closed))
        return scandir(folder)
    tree(tmp_path, anno=None)
    monkeypatch.setattr(os, "scandir", refusing)
    found = readers.read_deepfashion(tmp_path)
    assert found.table["path"].tolist() == [ROWS[2][0]]
    reason = "folder can't be read: Permission denied"
    assert f"left out: img/{closed.name}/ ({reason})" in found.notes
    assert found.dropped.to_numpy().tolist() == [[f"img/{closed.name}/", None, reason, ""]]
