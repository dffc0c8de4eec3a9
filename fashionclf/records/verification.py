"""Verifies that records are unchanged since the build: their files, and every single record."""
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf
import tensorflow_datasets as tfds

from fashionclf.pictures import inspection
from fashionclf.records import manifests, shards
from fashionclf.system import files
from fashionclf.system.progress import progress_bar


def check_shards(records_dir: str | Path, manifest: dict) -> None:
    """Compares shards and TFDS's metadata with the manifest, at about 1 GB a second and core.

    Raises ValueError, with the first file that was changed or is not in the manifest.
    """
    for problem in _changed_files(Path(records_dir), manifest):
        raise ValueError(f"{problem}: restore the folder, or build the records again "
                         "('python -m fashionclf.build_tfrecords --verify' lists every problem)")


def problems(records_dir: str | Path) -> Iterator[str]:
    """Reads and decodes every record; yields each difference from the build, and where it is."""
    folder = Path(records_dir)
    manifest = manifests.read(folder)
    yield from _changed_files(folder, manifest)

    features = shards.schema(manifest["classes"])
    usable = dict.fromkeys(manifest["examples"], 0)
    for name in progress_bar(manifest["shards"], desc="reading shards", unit="shards"):
        split = name.removeprefix(f"{manifests.NAME}-").partition(".")[0]
        for damage in _damaged_records(folder / name, features):
            if damage:
                yield f"{folder / name}: {damage}"
            else:
                usable[split] += 1

    for split, expected in manifest["examples"].items():
        if usable[split] != expected:
            yield (f"{folder}: {usable[split]:,} usable records of {split}, "
                   f"but {expected:,} were written")


def _changed_files(folder: Path, manifest: dict) -> Iterator[str]:
    for name, sha256 in manifest["shards"].items():
        if files.sha256(folder / name) != sha256:
            yield f"{folder / name} is damaged or from another build (its sha256 differs)"
    for file in sorted(folder.glob("*.tfrecord*")):
        if file.name not in manifest["shards"]:
            yield f"{file} is a shard that is not listed in {manifests.MANIFEST}"
    hashes, sha256 = folder / manifests.HASHES, manifest.get("hashes_sha256")
    if sha256 and hashes.is_file() and files.sha256(hashes) != sha256:
        yield f"{hashes} is damaged or from another build (its sha256 differs)"
    yield from _changed_metadata(folder, manifest)


def _changed_metadata(folder: Path, manifest: dict) -> Iterator[str]:
    """Checks features.json and dataset_info.json before TFDS follows them.

    TFDS imports the modules that the first names and reads the paths that the second gives.
    """
    with tempfile.TemporaryDirectory() as ours:
        shards.schema(manifest["classes"]).save_config(ours)
        for file in sorted(Path(ours).iterdir()):
            if _content(folder / file.name) != _content(file):
                yield f"{folder / file.name} is damaged or from another build"
                return

    try:
        splits = tfds.builder_from_directory(folder).info.splits
        named = {Path(file) for split in splits.values() for file in split.filepaths}
        lengths = {name: split.num_examples for name, split in splits.items()}
    except Exception as error:  # TFDS raises any type on a file that it did not write
        yield f"{folder / 'dataset_info.json'} cannot be read ({error!r:.100})"
        return

    expected = {name: count for name, count in manifest["examples"].items() if count}
    if lengths != expected or named != {folder / name for name in manifest["shards"]}:
        yield f"{folder / 'dataset_info.json'} is damaged or from another build"


def _content(file: Path) -> object:
    """Reads a file of TFDS's metadata; returns None if it can't be read."""
    try:
        text = file.read_text(encoding="utf-8")
        return json.loads(text) if file.suffix == ".json" else text
    except (OSError, ValueError, RecursionError):
        return None


def _damaged_records(shard: Path, features: tfds.features.FeaturesDict) -> Iterator[str | None]:
    """Yields None or the problem for each record of a shard; stops after a broken one."""
    number = 0
    try:
        for number, record in enumerate(tf.data.TFRecordDataset(str(shard)), start=1):
            try:
                example = features.deserialize_example(
                    record, decoders={"image": tfds.decode.SkipDecoding()})
                reason = inspection.why_unusable(example["image"].numpy())
            except tf.errors.InvalidArgumentError:
                yield f"record {number:,} was not written by build_tfrecords"
                continue

            path = example["path"].numpy().decode(errors="backslashreplace")
            yield f"record {number:,} ({path}): {reason}" if reason else None
    except tf.errors.DataLossError:
        yield f"record {number + 1:,} is broken (checksum); the records after it can't be read"
