"""tools.make_sample_data: the benchmark's formats, parsed here by hand, and what is drawn."""
import collections
import hashlib
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tools.make_sample_data import __main__ as sample
from tools.make_sample_data import shop
from tools.make_sample_data.garments import draw_garment
from tools.make_sample_data.photographs import photograph

ROOT = Path(__file__).parents[2]
IMAGE_SIZE = 64
CLASSES = ("Anorak Blazer Blouse Bomber Button-Down Cardigan Coat Dress Halter Hoodie Jacket "
           "Jeans Jumpsuit Parka Peacoat Romper Shorts Skirt Sweater Tee").split()


def digests(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(root.rglob("*")) if path.is_file()}


def parse(path: Path) -> list[list[str]]:
    """Checks the count in row 1, drops the header in row 2."""
    lines = path.read_text(encoding="utf-8").splitlines()
    assert int(lines[0]) == len(lines) - 2
    return [line.split() for line in lines[2:]]


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("sample")
    rows = sample.draw(shop.plan(shop.MIN_IMAGES, 0), root, seed=0, image_size=IMAGE_SIZE)
    sample.write_annotations(rows, root, seed=0)
    return root


def program(*flags: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "tools.make_sample_data", *flags], cwd=ROOT,
                          capture_output=True, text=True, check=False)


def test_every_picture_is_on_disk_and_in_every_annotation_file(tree):
    on_disk = {str(path.relative_to(tree)) for path in (tree / "img").rglob("*.jpg")}
    assert len(on_disk) == shop.MIN_IMAGES
    for name in ("Anno_coarse/list_category_img.txt", "Anno_coarse/list_bbox.txt",
                 "Eval/list_eval_partition.txt"):
        paths = [row[0] for row in parse(tree / name)]
        assert sorted(paths) == sorted(on_disk), name


def test_one_based_category_ids_give_the_word_after_the_last_underscore(tree):
    categories = [row[0] for row in parse(tree / "Anno_coarse/list_category_cloth.txt")]
    for path, number in parse(tree / "Anno_coarse/list_category_img.txt"):
        assert categories[int(number) - 1] == path.split("/")[1].rsplit("_", 1)[1]


def test_types_tell_upper_lower_and_full_body_apart(tree):
    types = dict(parse(tree / "Anno_coarse/list_category_cloth.txt"))
    assert [types[name] for name in ("Tee", "Jeans", "Dress")] == ["1", "2", "3"]
    assert len(types) > len(CLASSES)


def test_all_twenty_classes_occur_with_three_items_at_least_and_unevenly(tree):
    items = {row[0].split("/")[1] for row in parse(tree / "Anno_coarse/list_category_img.txt")}
    per_class = collections.Counter(item.rsplit("_", 1)[1] for item in items)
    assert sorted(per_class) == CLASSES
    assert min(per_class.values()) >= 3
    counts = collections.Counter(item.class_name for item in shop.plan(1200, 0)
                                 for _ in item.numbers)
    assert counts["Dress"] > 3 * counts["Anorak"]


@pytest.mark.parametrize("images", [shop.MIN_IMAGES, 241, 777, 5000])
def test_the_plan_has_the_pictures_asked_for_four_to_ten_an_item(images):
    items = shop.plan(images, 3)
    assert sum(len(item.numbers) for item in items) == images
    assert all(4 <= len(item.numbers) <= 10 for item in items)
    assert len({item.directory for item in items}) == len(items)


def test_numbers_ascend_with_gaps():
    numbers = [item.numbers for item in shop.plan(600, 0)]
    assert all(np.all(np.diff(n) > 0) for n in numbers)
    assert any(np.any(np.diff(n) > 1) for n in numbers)


def test_rows_are_padded_and_boxes_have_three_digits(tree):
    row = (tree / "Anno_coarse/list_bbox.txt").read_text().splitlines()[2]
    assert re.fullmatch(r"img/\S+/img_\d{8}\.jpg {2,}\d{3} \d{3} \d{3} \d{3}", row)


def test_boxes_are_one_based_and_inside_the_picture(tree):
    for path, *box in parse(tree / "Anno_coarse/list_bbox.txt"):
        x1, y1, x2, y2 = map(int, box)
        with Image.open(tree / path) as image:
            assert max(image.size) == IMAGE_SIZE
            assert 1 <= x1 < x2 <= image.width and 1 <= y1 < y2 <= image.height, path


@pytest.mark.parametrize("class_name", CLASSES)
def test_the_box_is_around_the_garment(class_name):
    """Two shots that differ in the garment's colours alone differ inside the box only."""
    drawn = draw_garment(class_name, np.random.default_rng(1))
    shots = []
    for level in (0, 255):
        colours = dict.fromkeys(drawn.colours, np.full(3, level))
        garment = replace(drawn, cloth=np.full_like(drawn.cloth, level), colours=colours)
        picture, box = photograph(garment, 120, np.random.default_rng(7))
        shots.append(np.asarray(picture, int))

    change = np.abs(shots[0] - shots[1]).max(axis=2) > 30
    rows, columns = np.flatnonzero(change.any(1)), np.flatnonzero(change.any(0))
    found = [columns[0] + 1, rows[0] + 1, columns[-1] + 1, rows[-1] + 1]
    assert np.abs(np.subtract(found, box)).max() <= 1, (found, box)


def test_every_class_has_pictures_in_train_val_and_test(tree):
    sides = collections.defaultdict(set)
    for path, side in parse(tree / "Eval/list_eval_partition.txt"):
        sides[path.split("/")[1].rsplit("_", 1)[1]].add(side)
    assert all(found == {"train", "val", "test"} for found in sides.values())
    assert len(sides) == len(CLASSES)


def test_pictures_of_one_item_differ(tree):
    assert len(set(digests(tree / "img").values())) == shop.MIN_IMAGES


def test_a_picture_does_not_depend_on_what_else_is_drawn(tree, tmp_path):
    item = shop.plan(shop.MIN_IMAGES, 0)[17]
    sample.draw_item(item, tmp_path, 0, IMAGE_SIZE)
    alone = digests(tmp_path)
    assert alone.items() <= digests(tree).items() and len(alone) == len(item.numbers)


def test_another_seed_draws_other_pictures(tree, tmp_path):
    item = shop.plan(shop.MIN_IMAGES, 1)[17]
    sample.draw_item(item, tmp_path, 1, IMAGE_SIZE)
    assert not set(digests(tmp_path).values()) & set(digests(tree).values())


@pytest.mark.slow
def test_the_program_writes_the_same_bytes_again_and_never_overwrites_them(tree, tmp_path):
    flags = (f"--output={tmp_path / 'new'}", f"--images={shop.MIN_IMAGES}",
             f"--image_size={IMAGE_SIZE}")
    first = program(*flags)
    assert first.returncode == 0, first.stderr
    assert digests(tmp_path / "new") == digests(tree)
    second = program(*flags)
    assert second.returncode == 1
    assert re.fullmatch(r"error: .*taken.*choose another --output\n", second.stderr)
    assert os.listdir(tmp_path) == ["new"]


@pytest.mark.slow
def test_fewer_pictures_than_the_classes_need_are_refused(tmp_path):
    refused = program(f"--output={tmp_path / 'new'}", "--images=20")
    assert refused.returncode != 0
    assert f">= {shop.MIN_IMAGES}" in refused.stderr
