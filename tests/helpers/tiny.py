"""Records of a few small pictures, for tests."""
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from fashionclf.records import manifest as manifests
from fashionclf.records import shards
from fashionclf.system import files

CLASSES = ["Red", "Green", "Blue"]


def make_records(folder: Path, *, per_class: dict[str, int], size: int = 32,
                 damaged: str = "", suffix: str = ".png") -> Path:
    """Writes records of noisy pictures in the colour of their class; gives their folder.

    Args:
        per_class: split -> pictures of each class.
        damaged: item whose pictures are cut in half before they are written.
        suffix: of the pictures' names, which decides their format.
    """
    rng, rows = np.random.default_rng(0), []
    for split, count in per_class.items():
        for label, name in enumerate(CLASSES):
            for number in range(count):
                path = f"img/{split}_{name}/img_{number:08d}{suffix}"
                pixels = rng.integers(0, 120, (size, size, 3))
                pixels[..., label] += 120
                file = folder / "source" / path
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels.astype(np.uint8)).save(file)
                if file.parent.match(damaged or "-"):
                    file.write_bytes(file.read_bytes()[:file.stat().st_size // 2])
                rows.append({"path": path, "item": path.rpartition("/")[0], "bbox": None,
                             "label": label, "split": split,
                             "digest": files.digest(file.read_bytes())})
    table = pd.DataFrame(rows)
    counts = {split: {name: per_class.get(split, 0) for name in CLASSES}
              for split in manifests.SPLITS}
    with files.staging(folder / "records") as staged:
        examples = shards.write(table, staged, images_root=folder / "source", classes=CLASSES)
        manifests.write_manifest(staged, classes=CLASSES, examples=examples, counts=counts)
    return folder / "records"
