"""Folders of pictures for what is measured: records as plain recipes read them, and copies."""
from pathlib import Path

from fashionclf.system import files


def export(records_dir: Path, folder: Path) -> Path:
    """Writes the pictures of records, bytes as found; a finished export is left as it is.

    Args:
        folder: to hold <split>/<class>/NNNNN.jpg; the numbers follow the records.

    Returns:
        `folder`.

    Raises:
        ValueError: a record has a box or is not a JPEG, or a split is empty.
    """
    from fashionclf.records import manifests
    from fashionclf.sources.splits import SPLITS

    if folder.exists():
        return folder

    manifest = manifests.read(records_dir)
    with files.staging(folder, flag="--output") as staged:
        for split in SPLITS:
            for name in manifest["classes"]:
                (staged / split / name).mkdir(parents=True)
            _write_split(records_dir, split, manifest, staged / split)
    return folder


def _write_split(records_dir: Path, split: str, manifest: dict, folder: Path) -> None:
    import tensorflow_datasets as tfds

    if not manifest["examples"].get(split):
        raise ValueError(f"{records_dir}: its split {split!r} is empty; the benchmark needs "
                         "pictures in every split: build records with a larger share for it")

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
        raise ValueError(f"{records_dir}: {path} is not a JPEG; plain recipes get files named "
                         ".jpg: benchmark on records of JPEGs")


def copy(source: Path, target: Path, times: int) -> Path:
    """Copies the pictures of a folder in DeepFashion's layout, each `times` times; no lists.

    The copies differ in item and, after the picture's end marker, in bytes. Returns `target`.
    """
    for picture in source.glob("img/*/*.jpg"):
        for number in range(times):
            file = target / "img" / f"{number}_{picture.parent.name}" / picture.name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(picture.read_bytes() + number.to_bytes())
    return target
