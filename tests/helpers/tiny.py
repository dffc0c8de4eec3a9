"""Records of a few small pictures, networks and recipes, for tests."""
from pathlib import Path
from unittest import mock

import keras
import numpy as np
import pandas as pd
from keras.src.applications import efficientnet
from PIL import Image

from fashionclf.model import network, weights
from fashionclf.model.augmentation import Augmentation
from fashionclf.model.spec import Spec
from fashionclf.model.weights import Run
from fashionclf.pictures.framing import Framing
from fashionclf.records import manifests, shards
from fashionclf.sources.splits import SPLITS
from fashionclf.system import files
from fashionclf.training.recipe import Phase, Recipe

CLASSES = ["Red", "Green", "Blue"]
SIZE = 32  # pixels


def frame(size: int = SIZE, box_margin: float = 0.0) -> Framing:
    return Framing(image_size=size, box_margin=box_margin)


def make_spec(architecture: str = "baseline_cnn", classes: list[str] = CLASSES,
              framing: Framing = frame(), **more) -> Spec:
    return Spec(architecture=architecture, classes=classes, framing=framing, **more)


def shallow_efficientnet(spec: Spec) -> keras.Model:
    """EfficientNetB0 without the repetitions of its blocks but block6b: half as many layers.

    Each kind of block is there, and each name that begins a phase or the cache.
    """
    blocks = [{**block, "repeats": 2 if number == 6 else 1}
              for number, block in enumerate(efficientnet.DEFAULT_BLOCKS_ARGS, 1)]

    def trunk(architecture: str, **options) -> keras.Model:
        return efficientnet.EfficientNet(1.0, 1.0, 224, blocks_args=blocks, name=architecture,
                                         include_top=False, **options)
    with mock.patch.object(network, "efficientnet", trunk):
        return network.build(spec)


def save_run(folder: Path, spec: Spec, model: keras.Model | None = None, **provenance) -> Run:
    """A finished run in `folder`; its weights are random without `model`."""
    folder.mkdir(parents=True, exist_ok=True)
    run = Run(folder=folder, network=model or network.build(spec), spec=spec,
              provenance=provenance)
    weights.save(run)
    return run


def make_recipe(**changes) -> Recipe:
    return Recipe(**dict(
        batch_size=8, augmentation=Augmentation(), mixup=0.0, dropout=0.2, stochastic_depth=0.0,
        label_smoothing=0.1, class_weights=np.ones(len(CLASSES)), ema_momentum=0.0, seed=0
    ) | changes)


def make_phase(epochs: int = 2, unfreeze_from: str | None = "conv2d", name: str = "head",
               learning_rate: float = 2e-3) -> Phase:
    return Phase(name=name, unfreeze_from=unfreeze_from, epochs=epochs,
                 learning_rate=learning_rate, warmup_steps=0, l2=1e-4)


def draw(file: Path, rng: np.random.Generator, channel: int) -> None:
    """Saves a noisy picture in one colour; makes its folder."""
    pixels = rng.integers(0, 120, (SIZE, SIZE, 3))
    pixels[..., channel] += 120
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(file)


def make_records(folder: Path, *, per_class: dict[str, int], damaged: str = "",
                 suffix: str = ".png", garments: int = 1) -> Path:
    """Writes records of noisy pictures in the colour of their class; gives their folder.

    Args:
        per_class: split -> pictures of each class.
        damaged: item whose pictures are cut in half before they are written.
        suffix: of the pictures' names, which decides their format.
        garments: items of each class and split, which share its pictures.
    """
    rng, rows = np.random.default_rng(0), []
    for split, count in per_class.items():
        for label, name in enumerate(CLASSES):
            for number in range(count):
                item = f"img/{split}{number % garments or ''}_{name}"
                path = f"{item}/img_{number:08d}{suffix}"
                file = folder / "source" / path
                draw(file, rng, label)
                if item == damaged:
                    file.write_bytes(file.read_bytes()[:file.stat().st_size // 2])
                rows.append({"path": path, "item": item, "bbox": None, "label": label,
                             "split": split, "digest": files.sha256(file)})
    counts = {split: dict.fromkeys(CLASSES, per_class.get(split, 0)) for split in SPLITS}
    with files.staging(folder / "records") as staged:
        examples = shards.write(pd.DataFrame(rows), staged, images_root=folder / "source",
                                classes=CLASSES)
        manifests.write(staged, classes=CLASSES, examples=examples, counts=counts)
    return folder / "records"
