"""Records to a folder per class, which is what plain recipes read."""
import shutil
from pathlib import Path

import tensorflow_datasets as tfds

from fashionclf.records import manifests
from fashionclf.sources.splits import SPLITS


def pictures(records_dir: Path, folder: Path) -> Path:
    """Writes the pictures of records, bytes as found; a finished export is left as it is.

    Args:
        folder: to hold <split>/<class>/NNNN.jpg; the numbers follow the records.

    Returns:
        `folder`.

    Raises:
        ValueError: a record has a box or holds no JPEG, or a split is empty.
    """
    if folder.exists():
        return folder
    manifest = manifests.read(records_dir)
    staged = folder.with_name(folder.name + ".incomplete")
    shutil.rmtree(staged, ignore_errors=True)
    for split in SPLITS:
        for name in manifest["classes"]:
            (staged / split / name).mkdir(parents=True)
        _write_split(records_dir, split, manifest, staged / split)
    staged.rename(folder)
    return folder


def _write_split(records_dir: Path, split: str, manifest: dict, folder: Path) -> None:
    if not manifest["examples"].get(split):
        raise ValueError(f"{records_dir}: its split {split!r} is empty, and the job needs all "
                         f"of {', '.join(SPLITS)}: build records with a larger share for it")
    dataset = tfds.builder_from_directory(records_dir).as_dataset(
        split=split, decoders={"image": tfds.decode.SkipDecoding()})
    for number, record in enumerate(dataset.as_numpy_iterator()):
        _check(records_dir, record)
        name = manifest["classes"][record["label"]]
        (folder / name / f"{number:05d}.jpg").write_bytes(record["image"])


def _check(records_dir: Path, record: dict) -> None:
    path = record["path"].decode()
    if record["bbox"].any():
        raise ValueError(f"{records_dir}: {path} has a box, which plain recipes cannot read: "
                         "benchmark on records without boxes")
    if not record["image"].startswith(b"\xff\xd8"):
        raise ValueError(f"{records_dir}: {path} is no JPEG; plain recipes get files named .jpg: "
                         "benchmark on records of JPEGs")
