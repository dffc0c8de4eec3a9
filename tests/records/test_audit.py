import os

import numpy as np
import pandas as pd
import pytest

from fashionclf.pictures import decoding
from fashionclf.pictures import files as picture_files
from fashionclf.records import audit
from fashionclf.system import workers
from tools.bad_pictures import surgery

FATES = {
    **dict.fromkeys(["good.png", "twin.png", "inside.png"]),
    "cut.png": "cannot be decoded",
    "text.jpg": "not a picture",
    "empty.jpg": "empty file",
    **dict.fromkeys(["folder.jpg", "fifo.jpg"], "not a regular file"),
    **dict.fromkeys(["none.png", "loop.png"], "missing file"),
    "huge.png": "larger than the limit of 200,000,000 bytes",
    **dict.fromkeys(["link.png", "../outside.png", "/outside.png"],
                    "leads out of the source folder"),
    "bad\0name.png": "null byte",
    "bad\udcffname.png": "file name is not UTF-8",
    "long" * 100: "cannot be read",
}


@pytest.fixture
def root(tmp_path):
    picture, root = surgery.encode(surgery.photo((30, 20)), "PNG"), tmp_path / "root"
    root.mkdir()
    for name in ("good.png", "twin.png", "../outside.png"):
        (root / name).write_bytes(picture)
    (root / "cut.png").write_bytes(picture[:len(picture) // 2])
    (root / "text.jpg").write_text("hello")
    (root / "empty.jpg").touch()
    (root / "huge.png").touch()
    os.truncate(root / "huge.png", picture_files.MAX_BYTES + 1)
    (root / "folder.jpg").mkdir()
    os.mkfifo(root / "fifo.jpg")
    (root / "link.png").symlink_to(tmp_path / "outside.png")
    (root / "inside.png").symlink_to("good.png")
    (root / "loop.png").symlink_to("loop.png")
    return root


def test_few_pictures_of_few_bytes_are_left_to_one_process(root, monkeypatch):
    paths = ["good.png", "none.png", "bad\0name.png", "loop.png", "inside.png"]
    size = 2 * (root / "good.png").stat().st_size
    for few, few_bytes, expected in ((5, size, 1), (5, size - 1, None), (4, size, None)):
        monkeypatch.setattr(audit, "FEW", few)
        monkeypatch.setattr(audit, "FEW_BYTES", few_bytes)
        assert audit.processes(paths, root) == expected


@pytest.mark.parametrize("count", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_every_file_gets_its_fate_and_nothing_outside_is_read(root, monkeypatch, count):
    monkeypatch.setattr(audit, "PART", 3)
    table = pd.DataFrame({"path": list(FATES)}, index=range(100, 100 + len(FATES)), dtype=object)
    found = audit.pictures(table, root, run=workers.processes(count))
    assert found.index.equals(table.index)
    for (path, fate), reason in zip(FATES.items(), found["reason"]):
        assert reason is None if fate is None else fate in reason, (path, reason)
    digests = dict(zip(FATES, found["digest"]))
    assert digests["good.png"] == digests["twin.png"] == digests["inside.png"] is not None
    assert digests["../outside.png"] is None and digests["link.png"] is None
    assert found["size"].iloc[0] == (30, 20) and len(found["perceptual_hash"].iloc[0]) == 64
    assert found.loc[found["reason"].notna(), ["perceptual_hash", "size"]].isna().all(axis=None)


@pytest.mark.parametrize("bbox, kept, repair", [
    (None, None, None), ((1, 1, 30, 20), (1, 1, 30, 20), None), ((5, 5, 5, 5), (5, 5, 5, 5), None),
    ((-3, 0, 31, 20), (1, 1, 30, 20), "cut at the border"),
    ((9, 5, 8, 7), None, "empty or outside"), ((31, 1, 40, 9), None, "empty or outside"),
    ((0, 0, 0, 0), None, "empty or outside")])
def test_a_box_that_is_not_within_its_picture_is_repaired_and_reported(bbox, kept, repair):
    table = pd.DataFrame({"bbox": [bbox, (1, 1, 2, 2)], "size": [(30, 20), (30, 20)]}, index=[7, 9])
    found = audit.with_checked_boxes(table)
    assert found["bbox"].tolist() == [kept, (1, 1, 2, 2)]
    assert found["repair"][9] is None and (repair or "") in (found["repair"][7] or "")
    assert (found["repair"][7] is None) == (repair is None)


@pytest.mark.parametrize("encoded, plain", [
    (surgery.encode(surgery.photo()), True), (surgery.encode(surgery.photo().convert("L")), True),
    (surgery.insert_segment(surgery.encode(surgery.photo()), 0xe1, surgery.EXIF_ROTATED), False),
    (surgery.encode(surgery.photo().convert("CMYK")), False),
    (surgery.encode(surgery.photo(), "PNG"), False)])
def test_a_picture_is_plain_only_where_the_plain_decoder_gives_the_same_pixels(encoded, plain):
    assert dict(zip(audit.COLUMNS, audit.inspected(encoded)))["plain"] is plain
    if plain:
        np.testing.assert_array_equal(decoding.decode_plain(encoded), decoding.decode(encoded))
