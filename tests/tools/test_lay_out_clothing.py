"""Laying out the public photographs: a folder per sender and class, every picture accounted for."""
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fashionclf.sources import readers
from tests.helpers.programs import ROOT, start, succeed
from tools.lay_out_clothing import photographs

SENDERS = ROOT / "configs/senders_fashion_b0.csv"
ROWS = {  # image -> sender, label
    "tall": (7, "T-Shirt"), "turned": (7, "T-Shirt"), "small": (7, "Dress"), "gone": (7, "Dress"),
    "torn": (12, "Top"), "whole": (12, "Top"), "unsure": (12, "Not sure"), "bag": (12, "Other"),
    "blurred": (12, "Skip"), "kept back": (3, "Hat")}
SIZES = {"tall": (300, 400), "turned": (400, 200), "small": (60, 90)}


@pytest.fixture
def checkout(tmp_path):
    """The repository's form; "gone" is missing, "torn" cut off, "turned" upright by its EXIF."""
    (tmp_path / "from/images").mkdir(parents=True)
    write_listing(tmp_path / "from", [(image, *row) for image, row in ROWS.items()])
    rng = np.random.default_rng(0)
    for name in [*ROWS, "unlisted"]:
        width, height = SIZES.get(name, (320, 240))
        pixels = rng.integers(0, 256, (height, width, 3), np.uint8)
        exif = Image.Exif()
        exif[0x0112] = 6 if name == "turned" else 1
        Image.fromarray(pixels).save(tmp_path / f"from/images/{name}.jpg", exif=exif)

    (tmp_path / "from/images/gone.jpg").unlink()
    torn = tmp_path / "from/images/torn.jpg"
    torn.write_bytes(torn.read_bytes()[:3000])
    return tmp_path / "from"


def write_listing(folder, rows):
    lines = ["image,sender_id,label,kids", *(f"{','.join(map(str, row))},False" for row in rows)]
    (folder / "images.csv").write_text("\n".join(lines) + "\n")


def laid_out(checkout, output, senders=None):
    output.mkdir()
    rows = photographs.lay_out(photographs.read(checkout, senders), checkout, output)
    return rows.set_index(rows["file"].str[len("images/"):-len(".jpg")])


def test_each_sender_and_class_has_a_folder_that_the_reader_of_deepfashion_takes(checkout,
                                                                                 tmp_path):
    laid_out(checkout, tmp_path / "to")
    table = readers.read_deepfashion(tmp_path / "to").table
    assert dict(zip(table["path"], table["category"])) == {
        "img/Sender_3_Hat/img_00000001.jpg": "Hat", "img/Sender_7_Dress/img_00000001.jpg": "Dress",
        "img/Sender_7_T-Shirt/img_00000001.jpg": "T-Shirt",
        "img/Sender_7_T-Shirt/img_00000002.jpg": "T-Shirt",
        "img/Sender_12_Top/img_00000002.jpg": "Top"}
    assert set(table["path"]) == {path.relative_to(tmp_path / "to").as_posix()
                                  for path in (tmp_path / "to").rglob("*.jpg")}


def test_every_row_and_every_picture_has_a_path_or_a_reason(checkout, tmp_path):
    write_listing(checkout, [*((image, *row) for image, row in ROWS.items()), ("tall", 7, "Top")])
    rows = laid_out(checkout, tmp_path / "to")
    assert sorted(rows.index) == sorted([*ROWS, "tall", "unlisted"])
    assert ((rows["path"] == "") != (rows["reason"] == "")).all()

    assert rows["reason"][rows["reason"] != ""].sort_index().to_dict() == {
        "bag": "labelled Other", "blurred": "labelled Skip", "gone": "missing file",
        "tall": "listed before", "torn": rows["reason"]["torn"], "unlisted": "not in images.csv",
        "unsure": "labelled Not sure"}
    assert rows["reason"]["torn"].startswith("cannot be decoded")
    written = pd.read_csv(tmp_path / "to/pictures.csv", keep_default_na=False, dtype=str)
    assert written.to_numpy().tolist() == rows.to_numpy().tolist()


def test_pictures_are_upright_and_300_pixels_long_but_never_enlarged(checkout, tmp_path):
    rows = laid_out(checkout, tmp_path / "to")
    sizes = {}
    for name in SIZES:
        with Image.open(tmp_path / "to" / rows["path"][name]) as picture:
            sizes[name] = picture.size
            assert 0x0112 not in picture.getexif()
    assert sizes == {"tall": (225, 300), "turned": (150, 300), "small": (60, 90)}


def test_other_senders_are_left_out_with_the_reason(checkout, tmp_path):
    senders = tmp_path / "senders.csv"
    senders.write_text("sender_id\n12\n7\n")
    rows = laid_out(checkout, tmp_path / "to", str(senders))
    assert rows["reason"]["kept back"] == f"sender not in {senders}"
    assert rows["path"]["whole"] == "img/Sender_12_Top/img_00000002.jpg"


@pytest.mark.parametrize("change, message", [
    (lambda folder: write_listing(folder, [("tall", 7, "Dress"), ("whole", 12, "Shrit")]),
     "images.csv:3: unknown label 'Shrit'; did you mean Shirt"),
    (lambda folder: write_listing(folder, [("tall", "x", "Top")]), "images.csv:2: .*number"),
    (lambda folder: write_listing(folder, [("elsewhere", 7, "Top")]), "none of 1 pictures"),
    (lambda folder: write_listing(folder, [("torn", 7, "Top")]), "no picture can be used"),
    (lambda folder: (folder / "images.csv").write_text("path,class\na,b\n"),
     "has no column 'image'.*a checkout of alexeygrigorev/clothing-dataset")])
def test_what_is_no_checkout_is_refused_with_file_and_line(checkout, tmp_path, change, message):
    change(checkout)
    with pytest.raises((ValueError, OSError), match=message):
        laid_out(checkout, tmp_path / "to")


@pytest.mark.slow
def test_the_program_counts_what_it_left_out_and_its_output_suits_the_configs(checkout, tmp_path):
    command = ["tools.lay_out_clothing", f"--source_dir={checkout}", f"--output={tmp_path / 'to'}"]
    done = succeed(*command)
    assert ("/to: 5 pictures of 3 senders in 4 classes\nleft out, see pictures.csv: 6\n"
            in done.stdout)
    again = start(*command)
    assert again.returncode == 1 and "exists and is never overwritten" in again.stderr

    config = ROOT / "configs/records_fashion_b0.cfg"
    built = succeed("fashionclf.build_tfrecords", f"--flagfile={config}", "--dry_run",
                    f"--source_dir={tmp_path / 'to'}", "--test_fraction=0",
                    "--validation_fraction=0")
    assert "rows read: 5" in built.stdout and "dropped: 0" in built.stdout

    (checkout / "images.csv").unlink()
    refused = start(*command)
    assert refused.returncode == 1
    assert "images.csv: no such file; --source_dir takes a checkout of" in refused.stderr


def test_the_senders_of_the_released_model_are_named():
    senders = set(photographs.read_senders(SENDERS))
    shown = pd.read_csv(ROOT / "saved_models/fashion_b0/report/predictions.csv")["path"]
    numbers = {int(re.match(r"img/Sender_(\d+)_", path)[1]) for path in shown}
    assert len(senders) == 276 and len(numbers) == 73 and numbers < senders


def test_senders_and_categories_are_those_of_the_tree_that_was_measured(shared):
    tree = shared / "clothing_cc0"
    folders = [folder.name.split("_") for folder in (tree / "img").iterdir()]
    assert set(photographs.read_senders(SENDERS)) == {int(number) for _, number, _ in folders}
    rows = (tree / "Anno_coarse/list_category_cloth.txt").read_text().splitlines()[2:]
    assert [row.split() for row in rows] == [[name, str(kind)] for name, kind in
                                             photographs.TYPES.items()]
