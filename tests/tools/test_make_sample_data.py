"""tools.make_sample_data: the benchmark's formats, parsed here by hand, and what is drawn."""
import collections
import hashlib
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.programs import start, succeed
from tools.make_sample_data import __main__ as sample
from tools.make_sample_data import shop
from tools.make_sample_data.garments import draw_garment
from tools.make_sample_data.photographs import photograph

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


def test_every_picture_is_on_disk_and_differs_and_is_in_every_annotation_file(tree):
    on_disk = {f"img/{path}": digest for path, digest in digests(tree / "img").items()}
    assert len(on_disk) == len(set(on_disk.values())) == shop.MIN_IMAGES
    for name in ("Anno_coarse/list_category_img.txt", "Anno_coarse/list_bbox.txt",
                 "Eval/list_eval_partition.txt"):
        assert sorted(row[0] for row in parse(tree / name)) == sorted(on_disk), name


def test_ids_of_categories_count_from_1_and_types_tell_upper_lower_and_full_body_apart(tree):
    types = dict(parse(tree / "Anno_coarse/list_category_cloth.txt"))
    for path, number in parse(tree / "Anno_coarse/list_category_img.txt"):
        assert list(types)[int(number) - 1] == path.split("/")[1].rsplit("_", 1)[1]
    assert [types[name] for name in ("Tee", "Jeans", "Dress")] == ["1", "2", "3"]
    assert len(types) > len(CLASSES)


def test_all_twenty_classes_occur_unevenly_with_three_items_at_least_and_on_all_sides(tree):
    items, sides = collections.defaultdict(set), collections.defaultdict(set)
    for path, side in parse(tree / "Eval/list_eval_partition.txt"):
        item = path.split("/")[1]
        items[item.rsplit("_", 1)[1]].add(item)
        sides[item.rsplit("_", 1)[1]].add(side)
    assert sorted(items) == CLASSES and min(map(len, items.values())) >= 3
    assert all(found == {"train", "val", "test"} for found in sides.values())
    counts = collections.Counter(item.class_name for item in shop.plan(1200, 0)
                                 for _ in item.numbers)
    assert counts["Dress"] > 3 * counts["Anorak"]


@pytest.mark.parametrize("images", [shop.MIN_IMAGES, 241, 777, 5000])
def test_the_plan_has_the_pictures_asked_for_four_to_ten_an_item_with_gaps(images):
    items = shop.plan(images, 3)
    numbers = [item.numbers for item in items]
    assert sum(map(len, numbers)) == images and all(4 <= len(n) <= 10 for n in numbers)
    assert all(np.all(np.diff(n) > 0) for n in numbers)
    assert any(np.any(np.diff(n) > 1) for n in numbers)
    assert len({item.directory for item in items}) == len(items)


def test_boxes_have_three_digits_count_from_1_and_are_inside_the_picture(tree):
    row = (tree / "Anno_coarse/list_bbox.txt").read_text().splitlines()[2]
    assert re.fullmatch(r"img/\S+/img_\d{8}\.jpg {2,}\d{3} \d{3} \d{3} \d{3}", row)
    for path, *box in parse(tree / "Anno_coarse/list_bbox.txt"):
        x1, y1, x2, y2 = map(int, box)
        with Image.open(tree / path) as image:
            assert max(image.size) == IMAGE_SIZE
            assert 1 <= x1 < x2 <= image.width and 1 <= y1 < y2 <= image.height, path


@pytest.mark.parametrize("class_name", CLASSES)
def test_the_box_is_around_the_garment(class_name):
    """Two shots that differ in the garment's colours alone differ inside the box only."""
    drawn = draw_garment(class_name, np.random.default_rng(1))

    def shot(level):
        garment = replace(drawn, cloth=np.full_like(drawn.cloth, level),
                          colours=dict.fromkeys(drawn.colours, np.full(3, level)))
        return photograph(garment, 120, np.random.default_rng(7))
    (dark, _), (bright, box) = shot(0), shot(255)

    change = np.abs(np.asarray(dark, int) - np.asarray(bright, int)).max(axis=2) > 30
    rows, columns = np.flatnonzero(change.any(1)), np.flatnonzero(change.any(0))
    found = [columns[0] + 1, rows[0] + 1, columns[-1] + 1, rows[-1] + 1]
    assert np.abs(np.subtract(found, box)).max() <= 1, (found, box)


def test_a_picture_depends_on_the_seed_and_not_on_what_else_is_drawn(tree, tmp_path):
    for seed in (0, 1):
        item = shop.plan(shop.MIN_IMAGES, seed)[17]
        sample.draw_item(item, tmp_path / str(seed), seed, IMAGE_SIZE)
    same, other = digests(tmp_path / "0"), digests(tmp_path / "1")
    assert same.items() <= digests(tree).items() and len(same) == len(item.numbers)
    assert other and not set(other.values()) & set(digests(tree).values())


@pytest.mark.slow
def test_the_program_writes_the_same_bytes_never_overwrites_them_and_refuses_too_few(
        tree, tmp_path):
    command = ["tools.make_sample_data", f"--output={tmp_path / 'new'}",
               f"--image_size={IMAGE_SIZE}", "--images"]
    refused = start(*command, "20")
    assert refused.returncode != 0 and f">= {shop.MIN_IMAGES}" in refused.stderr
    succeed(*command, shop.MIN_IMAGES)
    assert digests(tmp_path / "new") == digests(tree)
    second = start(*command, shop.MIN_IMAGES)
    assert second.returncode == 1
    assert re.fullmatch(r"error: .*taken.*choose another --output\n", second.stderr)
    assert os.listdir(tmp_path) == ["new"]
