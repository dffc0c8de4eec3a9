"""Promises of finding and reading files: the order, the reasons, nothing from outside."""
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from fashionclf.pictures import catalogue
from fashionclf.pictures import files as picture_files
from fashionclf.pictures import loading
from fashionclf.system.csv_files import Form
from tests.helpers.tiny import frame


def draw(file):
    Image.new("RGB", (40, 20), (200, 100, 50)).save(file)
    return str(file)


def load(words):
    pictures, _ = picture_files.find(words)
    return list(loading.load_all(pictures, framing=frame(), ahead=2))


def test_a_folder_is_searched_in_sorted_order_and_other_files_are_counted(tmp_path):
    for name in ("b/2.JPG", "b/10.webp", "a.png", "b/notes.txt", "c.psd", "B/x.jpeg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    pictures, ignored = picture_files.find(["z.png", str(tmp_path)])
    assert [os.path.relpath(p.path, tmp_path) for p in pictures[1:]] == [
        "B/x.jpeg", "a.png", "b/10.webp", "b/2.JPG"]
    assert pictures[0].path == "z.png" and ignored == 2
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/notes.txt").touch()
    with pytest.raises(ValueError, match=r"contains no pictures .*, 1 other files; give"):
        picture_files.find([str(tmp_path / "empty")])


def test_rows_of_a_csv_name_pictures_from_its_folder_or_another(tmp_path):
    (tmp_path / "shop").mkdir()
    outside, *_ = [draw(tmp_path / name) for name in ("outside.png", "a.png", "shop/a.png")]
    (tmp_path / "shop/list.csv").write_text(
        f'sku,image,note\n007,a.png,"x, y"\n8,,\n9,{outside},=1\n10,../a.png,\n')

    def read(source_dir):
        pictures, table, _ = catalogue.read(tmp_path / "shop/list.csv",
                                            Form(path_column="image"), source_dir=source_dir)
        return table, [found if isinstance(found, str) else "picture" for _, found in
                       loading.load_all(pictures, framing=frame(), ahead=2)]
    table, found = read(None)
    assert table["sku"].tolist() == ["007", "8", "9", "10"] and table["note"][0] == "x, y"
    out = "leads out of the source folder"
    assert found == ["picture", "no path in its CSV row", out, out]
    assert read(tmp_path)[1] == ["picture", "no path in its CSV row", "picture", out]


@pytest.mark.parametrize("text, column, source_dir, message", [
    ("path,x\na.png,1\n", "image", None, "has no column 'image', only path, x; name the pict"),
    ("path,x\na.png\n", "path", None, "list.csv:2: has 1 fields, but the header has 2"),
    ("path,path\na.png,1\n", "path", None, "has column 'path' twice"),
    ("path,x,x\na.png,1,2\n", "path", None, "none of 1 pictures was found below .*--source_dir"),
    ("path\na.png\n", "path", "absent", "--source_dir names the folder"),
])
def test_a_csv_that_names_no_pictures_is_an_error_with_its_cure(
        tmp_path, text, column, source_dir, message):
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises((ValueError, OSError), match=message):
        catalogue.read(tmp_path / "list.csv", Form(path_column=column), source_dir=source_dir)
    with pytest.raises(FileNotFoundError, match="--csv_file names a CSV with a header"):
        catalogue.read(tmp_path / "absent.csv", Form(path_column=column), source_dir=None)


def test_a_shops_csv_is_read_as_it_lies_there(tmp_path):
    (tmp_path / "images").mkdir()
    for number in (7, 8):
        draw(tmp_path / f"images/{number}.png")
    (tmp_path / "list.csv").write_text("id;path;note\n7;web/7;café\n8;;\n9;;\n8;a;b;c\n", "cp1252")

    def read(**form):
        return catalogue.read(tmp_path / "list.csv", Form(path_pattern="images/{id}.png", **form),
                              source_dir=None)
    with pytest.raises(ValueError, match="list.csv:5: has 4 fields.*--bad_rows=drop"):
        read()
    pictures, table, notes = read(bad_rows="drop")
    assert table.columns.tolist() == ["path", "id", "csv_path", "note"]
    assert table.iloc[0].tolist() == ["images/7.png", "7", "web/7", "café"]
    assert [picture.fault for picture in pictures] == [None] * 3 + [
        "malformed CSV row: has 4 fields, but the header has 3"]
    assert "separated by semicolon" in notes[0] and "a guess" in notes[1]
    assert notes[2].startswith("1 of 4 pictures are not below")


def test_links_are_followed_where_that_is_asked_for(tmp_path):
    for name in ("folder", "away"):
        (tmp_path / name).mkdir()
    (tmp_path / "folder/link.png").symlink_to(draw(tmp_path / "outside.png"))
    draw(tmp_path / "away/a.png")
    (tmp_path / "folder/linked").symlink_to(tmp_path / "away")
    (tmp_path / "folder/loop").symlink_to(tmp_path / "folder")
    pictures, _ = picture_files.find([str(tmp_path / "folder")])
    assert [picture.fault for picture in pictures] == [None] + [
        f"cannot be read: link to the folder {tmp_path / name}: --follow_links enters it"
        for name in ("away", "folder")]
    pictures, _ = picture_files.find([str(tmp_path / "folder")], follow_links=True)
    assert [os.path.basename(picture.path) for picture in pictures] == ["link.png", "a.png", "loop"]
    found = [isinstance(picture.bytes_or_reason(), bytes) for picture in pictures]
    assert found == [True, True, False]


def test_pictures_of_all_three_formats_come_in_order_in_the_range_of_the_model(tmp_path):
    words = [draw(tmp_path / name) for name in ("c.png", "a.jpg", "b.webp")]
    found = load(words)
    assert [picture.path for picture, _ in found] == words
    for _, image in found:
        assert image.shape == (32, 32, 3) and image.dtype == np.float32
        assert image.mean(axis=(0, 1)) == pytest.approx([200, 100, 50], abs=3)


def test_an_unusable_file_gets_its_reason_in_its_place(tmp_path):
    good = draw(tmp_path / "good.png")
    (tmp_path / "page.jpg").write_text("<html>not found</html>")
    (tmp_path / "cut.png").write_bytes(open(good, "rb").read()[:60])
    (tmp_path / "empty.jpg").touch()
    os.mkfifo(tmp_path / "pipe.jpg")
    foreign = os.fsdecode(b"caf\xe9.png")
    os.rename(draw(tmp_path / "cafe.png"), tmp_path / foreign)
    reasons = {"page.jpg": "not a picture", "cut.png": "cannot be decoded",
               "empty.jpg": "empty file", "pipe.jpg": "not a regular file",
               "absent.jpg": "missing file", foreign: "file name is not UTF-8"}
    found = [answer for _, answer in load([good, *(str(tmp_path / n) for n in reasons), good])]
    assert not isinstance(found[0], str) and not isinstance(found[-1], str)
    for answer, part in zip(found[1:-1], reasons.values(), strict=True):
        assert part in answer


def test_a_link_out_of_the_folder_is_not_read_but_one_named_by_the_user_is(tmp_path):
    (tmp_path / "folder").mkdir()
    link = tmp_path / "folder" / "link.png"
    link.symlink_to(draw(tmp_path / "outside.png"))
    (_, found), (_, named) = load([str(tmp_path / "folder"), str(link)])
    assert found == (f"leads out of the source folder: a link to {tmp_path / 'outside.png'} "
                     "(--follow_links reads it)")
    assert not isinstance(named, str)


def test_reading_ahead_keeps_the_order_and_never_runs_further_than_asked():
    numbers = iter(range(1000))
    results = loading.map_ahead(str, numbers, ahead=5, threads=1)
    assert [next(results) for _ in range(10)] == list("0123456789")
    assert next(numbers) <= 10 + 5
    results.close()
    assert list(loading.map_ahead(str, range(3), ahead=9, threads=1)) == ["0", "1", "2"]


@pytest.mark.skipif(sys.platform != "linux", reason="threads have a priority of their own on Linux")
def test_reading_waits_for_the_model_and_not_the_model_for_reading():
    def priority(_):
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    assert set(loading.map_ahead(priority, range(9), 2, threads=2,
                                 step_back=True)) == {loading.NICENESS}
    assert priority(None) < loading.NICENESS


@pytest.mark.skipif(sys.platform != "linux", reason="threads have a priority of their own on Linux")
def test_a_program_that_runs_with_the_lowest_priority_never_asks_for_a_higher_one():
    def step_back():
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        loading._step_back()
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    with ThreadPoolExecutor(1) as pool:  # the thread ends with its priority
        assert pool.submit(step_back).result() == 19


@pytest.mark.parametrize("content, expected", [
    (b"a.jpg\nb c.jpg\n", ["a.jpg", "b c.jpg"]), (b"a.jpg\r\nb.jpg", ["a.jpg", "b.jpg"]),
    (b"a\nb.jpg\0c.jpg\0", ["a\nb.jpg", "c.jpg"]), (b"caf\xe9.jpg\n\n", ["caf\udce9.jpg"]),
    ("\ufeffé.jpg\n".encode(), ["é.jpg"]), ("é.jpg\r\n".encode("utf-16"), ["é.jpg"]),
    (b" a.jpg \n", [" a.jpg "])])
def test_a_list_of_files_is_read_by_line_or_by_nul(tmp_path, content, expected):
    (tmp_path / "list").write_bytes(content)
    assert picture_files.listed(str(tmp_path / "list")) == expected


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\0"])
def test_an_empty_list_of_files_is_an_error(tmp_path, content):
    (tmp_path / "list").write_bytes(content)
    with pytest.raises(ValueError, match="names no pictures; write a path a line"):
        picture_files.listed(str(tmp_path / "list"))
