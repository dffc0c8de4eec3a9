"""Draws a small shop of garments in DeepFashion's layout and file formats.

    python -m tools.make_sample_data --output=data/sample

draws 1,200 pictures of about 180 items in 20 classes, in under a minute on two CPU
cores. The same flags give the same bytes (with the same NumPy and Pillow), on any
number of cores. As in DeepFashion's own partition, an item's pictures fall on several sides.
"""
import functools
import multiprocessing
import os
import shutil
from pathlib import Path

import numpy as np
from absl import flags
from tqdm import tqdm

from fashionclf import cli
from tools.drawing.garments import draw_garment
from tools.drawing.scenes import photograph
from tools.drawing.shop import MIN_IMAGES, Item, categories, item_rng, plan

FLAGS = flags.FLAGS

flags.DEFINE_string("output", None, "Folder to write the tree to; it must be new or empty.")
flags.DEFINE_integer("images", 1200, "How many pictures to draw.", lower_bound=MIN_IMAGES)
flags.DEFINE_integer("seed", 0, "Another seed draws another shop.", lower_bound=0)
flags.DEFINE_integer("image_size", 300, "Long side of the pictures, pixels.",
                     lower_bound=48, upper_bound=2000)

JPEG_QUALITY = 90
PARTITION = {"test": 0.14, "val": 0.14}  # the rest is train; about the benchmark's shares

# path, class, box
Row = tuple[str, str, tuple[int, int, int, int]]


def main(argv: list[str]) -> None:
    del argv
    output = Path(FLAGS.output)
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise FileExistsError(f"{output} is taken and nothing is ever overwritten: remove it "
                              "or choose another --output")
    staging = output.with_name(output.name + ".incomplete")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    items = plan(FLAGS.images, FLAGS.seed)
    rows = draw(items, staging, seed=FLAGS.seed, image_size=FLAGS.image_size)
    write_annotations(rows, staging, seed=FLAGS.seed)
    staging.rename(output)
    print(f"{output}: {len(rows)} pictures of {len(items)} items in "
          f"{len({item.class_name for item in items})} classes")


def draw(items: list[Item], root: Path, *, seed: int, image_size: int) -> list[Row]:
    """Draws all pictures, several items at a time; the rows are sorted by path."""
    one = functools.partial(draw_item, root=root, seed=seed, image_size=image_size)
    rows: list[Row] = []
    total = sum(len(item.numbers) for item in items)
    with (multiprocessing.Pool(os.cpu_count()) as pool,
          tqdm(total=total, unit="img", mininterval=0.5) as progress):
        for drawn in pool.imap_unordered(one, items):
            rows += drawn
            progress.update(len(drawn))
    return sorted(rows)


def draw_item(item: Item, root: Path, seed: int, image_size: int) -> list[Row]:
    """Draws and writes the pictures of one item."""
    garment = draw_garment(item.class_name, item_rng(seed, item.index))
    (root / "img" / item.directory).mkdir(parents=True)
    rows = []
    for number in item.numbers:
        picture, box = photograph(garment, image_size, item_rng(seed, item.index, number))
        path = f"img/{item.directory}/img_{number:08d}.jpg"
        picture.save(root / path, quality=JPEG_QUALITY)
        rows.append((path, item.class_name, box))
    return rows


def write_annotations(rows: list[Row], root: Path, *, seed: int) -> None:
    """Writes the benchmark's text files beside img/."""
    kinds = categories()
    ids = {name: i for i, (name, _) in enumerate(kinds, 1)}
    sides = draw_partition([name for _, name, _ in rows], np.random.default_rng([seed, 1]))
    paths = [path for path, _, _ in rows]
    anno = root / "Anno_coarse"
    write_table(anno / "list_category_cloth.txt", "category_name", "category_type",
                [name for name, _ in kinds], [str(kind) for _, kind in kinds])
    write_table(anno / "list_category_img.txt", "image_name", "category_label",
                paths, [str(ids[name]) for _, name, _ in rows])
    write_table(anno / "list_bbox.txt", "image_name", "x_1  y_1  x_2  y_2",
                paths, [" ".join(f"{n:03d}" for n in box) for _, _, box in rows])
    write_table(root / "Eval" / "list_eval_partition.txt", "image_name", "evaluation_status",
                paths, sides)


def write_table(path: Path, name: str, value: str, names: list[str], values: list[str]) -> None:
    """A file in the benchmark's format: a count, a header, rows padded with spaces."""
    width = 70 if name == "image_name" else 14
    lines = [str(len(names))] + [f"{n:<{width}} {v}" for n, v in
                                 zip([name, *names], [value, *values])]
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def draw_partition(classes: list[str], rng: np.random.Generator) -> list[str]:
    """train, val or test for every picture; every class has some of each."""
    sides = ["train"] * len(classes)
    for name in sorted(set(classes)):
        left = list(rng.permutation([i for i, c in enumerate(classes) if c == name]))
        share = len(left)
        for side, part in PARTITION.items():
            for _ in range(max(1, round(part * share))):
                sides[left.pop()] = side
    return sides


if __name__ == "__main__":
    flags.mark_flag_as_required("output")
    cli.run(main)
