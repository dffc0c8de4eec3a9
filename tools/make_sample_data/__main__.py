"""Draws a small shop of garments in DeepFashion's layout and file formats.

    python -m tools.make_sample_data --output=data/sample

draws 1,200 pictures of about 180 items in 20 classes, in under a minute on two CPU
cores. The same flags give the same bytes (with the same NumPy and Pillow), on any
number of cores. As in DeepFashion's own partition, an item's pictures fall on several sides.
"""
import functools
import multiprocessing
import shutil
from pathlib import Path

import numpy as np
from absl import flags
from tqdm import tqdm

from fashionclf import cli
from tools.deepfashion_lists import write_list
from tools.make_sample_data.garments import draw_garment
from tools.make_sample_data.photographs import Box, photograph
from tools.make_sample_data.shop import MIN_IMAGES, Item, categories, item_rng, plan

FLAGS = flags.FLAGS

cli.path_flag("output", None, "Folder to write the tree to; it must be new or empty.")
flags.DEFINE_integer("images", 1200, "How many pictures to draw.", lower_bound=MIN_IMAGES)
flags.DEFINE_integer("seed", 0, "Another seed draws another shop.", lower_bound=0)
flags.DEFINE_integer("image_size", 300, "Long side of the pictures, pixels.",
                     lower_bound=48, upper_bound=2000)

HELD_OUT = 0.14  # of each class for test, and as much for val; about the benchmark's shares

Row = tuple[str, str, Box]  # path, class, box


def main(argv: list[str]) -> None:
    del argv
    output = Path(FLAGS.output)
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise FileExistsError(f"{output} is taken and nothing is ever overwritten: remove it "
                              "or choose another --output")
    staging = output.with_name(output.name + ".incomplete")
    shutil.rmtree(staging, ignore_errors=True)

    items = plan(FLAGS.images, FLAGS.seed)
    rows = draw(items, staging, seed=FLAGS.seed, image_size=FLAGS.image_size)
    write_annotations(rows, staging, seed=FLAGS.seed)
    staging.rename(output)
    print(f"{output}: {len(rows)} pictures of {len(items)} items in "
          f"{len({item.class_name for item in items})} classes")


def draw(items: list[Item], root: Path, *, seed: int, image_size: int) -> list[Row]:
    """Draws all pictures on all cores; returns their rows sorted by path."""
    draw_one = functools.partial(draw_item, root=root, seed=seed, image_size=image_size)
    with multiprocessing.Pool() as pool:
        drawn = tqdm(pool.imap_unordered(draw_one, items), total=len(items), unit="item")
        return sorted(row for rows in drawn for row in rows)


def draw_item(item: Item, root: Path, seed: int, image_size: int) -> list[Row]:
    """Draws and writes the pictures of one item."""
    garment = draw_garment(item.class_name, item_rng(seed, item.index))
    (root / "img" / item.directory).mkdir(parents=True)
    rows = []
    for number in item.numbers:
        picture, box = photograph(garment, image_size, item_rng(seed, item.index, number))
        path = f"img/{item.directory}/img_{number:08d}.jpg"
        picture.save(root / path, quality=90)
        rows.append((path, item.class_name, box))
    return rows


def write_annotations(rows: list[Row], root: Path, *, seed: int) -> None:
    """Writes the benchmark's text files beside img/."""
    paths, classes, boxes = zip(*rows)
    names = [name for name, _ in categories()]
    labels = [names.index(name) + 1 for name in classes]
    corners = [" ".join(f"{n:03d}" for n in box) for box in boxes]
    sides = draw_partition(classes, np.random.default_rng([seed, 1]))

    anno = root / "Anno_coarse"
    write_list(anno / "list_category_cloth.txt", "category_name category_type", categories())
    write_list(anno / "list_category_img.txt", "image_name category_label", zip(paths, labels))
    write_list(anno / "list_bbox.txt", "image_name x_1  y_1  x_2  y_2", zip(paths, corners))
    write_list(root / "Eval" / "list_eval_partition.txt", "image_name evaluation_status",
               zip(paths, sides))


def draw_partition(classes: tuple[str, ...], rng: np.random.Generator) -> list[str]:
    """Returns train, val or test for every picture; every class has some of each."""
    sides = np.full(len(classes), "train")
    for name in sorted(set(classes)):
        own = rng.permutation(np.flatnonzero(np.array(classes) == name))
        held_out = max(1, round(HELD_OUT * len(own)))
        sides[own[:held_out]] = "test"
        sides[own[held_out:2 * held_out]] = "val"
    return sides.tolist()


if __name__ == "__main__":
    flags.mark_flag_as_required("output")
    cli.run(main)
