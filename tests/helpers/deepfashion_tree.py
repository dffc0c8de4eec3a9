"""A small tree of DeepFashion with every category, for tests."""
import numpy as np
from PIL import Image

from fashionclf.deepfashion.deepfashion_dataset_builder import CLASSES

PARTS = {"train": 3, "val": 1, "test": 2}  # pictures of each category
SPLITS = {"train": 3 * 46 - 1, "validation": 46, "test": 2 * 46}  # one can't be decoded
DAMAGED, BESIDE = "img/Warm_Coat/img_00000002.jpg", "img/Warm_Dress/img_00000001.jpg"


def listing(header, rows):
    return "\n".join([str(len(rows)), header, *("  ".join(map(str, row)) for row in rows), ""])


def write_lists(root, lists):
    """Writes `lists`, name -> (header, rows), in the benchmark's format."""
    for name, (header, rows) in lists.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(listing(header, rows))


def lay(root):
    """A tree of DeepFashion: 6 pictures of each category, one of them cut, one box too wide."""
    rng, names = np.random.default_rng(0), [*CLASSES[::-1], "Cape"]
    parts = [part for part, count in PARTS.items() for _ in range(count)]
    rows = [(f"img/Warm_{name}/img_{number:08d}.jpg", number_of_class, part)
            for number_of_class, name in enumerate(names[:-1], start=1)
            for number, part in enumerate(parts)]
    for path, *_ in rows:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (24, 18, 3), np.uint8)).save(file)
    (root / DAMAGED).write_bytes((root / DAMAGED).read_bytes()[:300])
    boxes = [(path, "002", "003", "099" if path == BESIDE else "015", "020")
             for path, *_ in rows if not path.endswith("5.jpg")]
    write_lists(root, {
        "Anno_coarse/list_category_cloth.txt": ("category_name  category_type",
                                                [(name, 1) for name in names]),
        "Anno_coarse/list_category_img.txt": ("image_name  category_label",
                                              [row[:2] for row in rows]),
        "Anno_coarse/list_bbox.txt": ("image_name  x_1  y_1  x_2  y_2", boxes),
        "Eval/list_eval_partition.txt": ("image_name  evaluation_status",
                                         [row[::2] for row in rows])})
    return root
