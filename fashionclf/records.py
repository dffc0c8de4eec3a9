"""Records on disk: the one schema, writing through TFDS, the manifest."""
import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.core import example_serializer, writer
from tensorflow_datasets.core.utils import shard_utils
from tqdm import tqdm

from fashionclf import audit, checksums, locks
from fashionclf.splits import SPLITS

NAME, VERSION = "fashionclf", "1.0.0"
MANIFEST = "manifest.json"
SHARD = re.compile(rf"{NAME}-({'|'.join(SPLITS)})\.tfrecord-\d{{5}}-of-\d{{5}}")  # no path
MIN_TRAIN_SHARDS = 8  # fewer would neither shuffle well nor feed several readers
EXAMPLES_PER_SHARD = 2_000


def FEATURES(classes: list[str]) -> tfds.features.FeaturesDict:
    """The schema of one record, for writing and reading alike.

    `image` holds the file's bytes as found (no encoding is named, so TFDS
    neither checks nor changes it); `bbox` is x1, y1, x2, y2 in pixels, 1-based
    and inclusive, or all zeros where there is no box.
    """
    return tfds.features.FeaturesDict({
        "image": tfds.features.Image(shape=(None, None, 3)),
        "label": tfds.features.ClassLabel(names=classes),
        "path": tfds.features.Text(),
        "item": tfds.features.Text(),
        "bbox": tfds.features.Tensor(shape=(4,), dtype=np.int32),
    })


def refuse_existing(records_dir: Path) -> None:
    """Raises FileExistsError where `records_dir` is taken."""
    if os.path.lexists(records_dir):
        raise FileExistsError(
            f"{records_dir} exists and records are never overwritten: "
            "remove it or choose another --records")


@contextlib.contextmanager
def staging(records_dir: Path) -> Iterator[Path]:
    """Gives a folder to build in, which becomes `records_dir` when all went well.

    Until then it is called `<records_dir>.incomplete`; what a killed build left
    under that name is cleared away by the next one.

    Raises:
        FileExistsError: `records_dir` exists, or another build writes it now.
    """
    refuse_existing(records_dir)
    folder = records_dir.with_name(records_dir.name + ".incomplete")
    folder.mkdir(parents=True, exist_ok=True)
    with locks.exclusive(folder, otherwise=f"another build is writing {folder}: wait for it to "
                                           "end, or choose another --records"):
        try:
            _clear(folder)
            yield folder
            refuse_existing(records_dir)
            folder.rename(records_dir)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise


def _clear(folder: Path) -> None:
    for entry in folder.iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def write(table: pd.DataFrame, folder: Path, *, images_root: Path,
          classes: list[str]) -> dict[str, int]:
    """Writes the shards and TFDS's metadata into `folder`.

    The order of the records follows the hash of their path, so the same table
    gives the same bytes. Pictures are read one by one; TFDS's writer keeps at
    most 1 GB of records in memory to order them, and more on disk.

    Args:
        table: `path, item, bbox, label, split, digest`, audited rows only.

    Returns:
        Records written per split, as TFDS counted them.

    Raises:
        ValueError: a picture is no longer what the audit saw.
        OSError: a picture can't be read or a shard can't be written.
    """
    tfds.disable_progress_bar()  # an error would end up on its line
    features = FEATURES(classes)
    parts = {name: rows for name in SPLITS if len(rows := table[table["split"] == name])}
    try:
        infos = [_write_split(name, _examples(name, rows, images_root), folder, features,
                              num_shards=_num_shards(name, len(rows)))
                 for name, rows in parts.items()]
        tfds.folder_dataset.write_metadata(
            data_dir=folder, features=features, split_infos=infos, version=VERSION,
            description="Photographs of garments, written by fashionclf.build_tfrecords.",
            check_data=False)
    except tf.errors.OpError as error:
        raise OSError(f"the records cannot be written, and nothing is kept: {error.message}"
                      ) from error
    return dict.fromkeys(SPLITS, 0) | {info.name: info.num_examples for info in infos}


class _Serializer(example_serializer.ExampleSerializer):
    """TFDS's own leaves the order of the fields to protobuf: it differs from process to process."""

    def serialize_example(self, example: dict) -> bytes:
        return self.get_tf_example(example).SerializeToString(deterministic=True)


def _write_split(name: str, examples: Iterator[tuple[str, dict]], folder: Path,
                 features: tfds.features.FeaturesDict, *, num_shards: int) -> tfds.core.SplitInfo:
    template = tfds.core.ShardedFileTemplate(
        data_dir=folder, dataset_name=NAME, split=name, filetype_suffix="tfrecord")
    out = writer.Writer(
        serializer=_Serializer(features.get_serialized_info()), filename_template=template,
        hash_salt=name, disable_shuffling=False,
        shard_config=shard_utils.ShardConfig(num_shards=num_shards),
        example_writer=writer.ExampleWriter(tfds.core.FileFormat.TFRECORD))
    for key, example in examples:
        out.write(key, features.encode_example(example))
    shard_lengths, num_bytes = out.finalize()
    return tfds.core.SplitInfo(name=name, shard_lengths=shard_lengths, num_bytes=num_bytes,
                               filename_template=template)


def _num_shards(name: str, examples: int) -> int:
    wanted = examples // EXAMPLES_PER_SHARD
    return min(examples, max(MIN_TRAIN_SHARDS if name == "train" else 1, wanted))


def _examples(split: str, rows: pd.DataFrame, images_root: Path) -> Iterator[tuple[str, dict]]:
    for row in tqdm(rows.itertuples(), total=len(rows), desc=f"writing {split}", unit=" pictures"):
        encoded = audit.read_image(images_root, row.path)
        if audit.digest(encoded) != row.digest:
            raise ValueError(f"{row.path} changed while the records were built: "
                             "build again when nothing writes to the source folder")
        yield row.path, {"image": encoded, "label": row.label, "path": row.path,
                         "item": row.item, "bbox": row.bbox or (0, 0, 0, 0)}


def account(rows_read: int, written: int, quarantined: int, dropped: int) -> str:
    """The sum that accounts for every row; raises RuntimeError where it does not."""
    line = (f"rows read {rows_read:,} = written {written:,} + quarantined {quarantined:,} "
            f"+ dropped {dropped:,}")
    if rows_read != written + quarantined + dropped:
        raise RuntimeError(f"rows were lost or doubled: not {line}")
    return line


def write_manifest(folder: Path, *, classes: list[str], **provenance: object) -> None:
    """Writes manifest.json: `provenance`, the class list, and sha256 of every shard."""
    shards = {file.name: checksums.sha256(file)
              for file in sorted(folder.glob(f"{NAME}-*.tfrecord-*"))}
    manifest = {"classes": classes, **provenance, "shards": shards,
                "fingerprint": fingerprint(shards, classes)}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def fingerprint(shards: dict[str, str], classes: list[str]) -> str:
    """One sha256 (hex) for all that a training sees of the records."""
    seen = json.dumps({"shards": shards, "classes": classes}, sort_keys=True)
    return hashlib.sha256(seen.encode()).hexdigest()


def read_manifest(records_dir: str | Path) -> dict:
    """Reads the manifest of a finished build.

    Raises:
        FileNotFoundError: there is no manifest, or a shard it names is gone.
        ValueError: it is not what build_tfrecords wrote.
    """
    file = Path(records_dir) / MANIFEST
    if not file.is_file():
        raise FileNotFoundError(f"{file} does not exist: give the --records folder of a finished "
                                "'python -m fashionclf.build_tfrecords'")
    manifest = parse_manifest(file)
    missing = [name for name in manifest["shards"] if not (file.parent / name).is_file()]
    if missing:
        raise FileNotFoundError(f"{file.parent} lacks {missing[0]} and {len(missing) - 1} other "
                                "shards of its manifest: copy it whole or build it again")
    return manifest


def parse_manifest(file: Path) -> dict:
    """Reads a manifest, or a run's copy of one; raises ValueError where it was changed."""
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
        found, wanted = manifest["fingerprint"], fingerprint(manifest["shards"],
                                                             manifest["classes"])
        foreign = [name for name in manifest["shards"] if not SHARD.fullmatch(name)]
        if foreign or not all(isinstance(n, int) for n in manifest["examples"].values()):
            raise ValueError(f"{foreign[:1] or 'examples'} is nothing that a build names")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{file} is no manifest of build_tfrecords ({error!r:.200}): "
                         "build the records again") from error
    if found != wanted:
        raise ValueError(f"{file} was changed after the build (its fingerprint does not match "
                         "its shards and classes): build the records again")
    return manifest


def difference(ours: dict, theirs: dict) -> str:
    """How two manifests differ in what a training sees; "" where they do not."""
    if ours["fingerprint"] == theirs["fingerprint"]:
        return ""
    if ours["classes"] != theirs["classes"]:
        return class_difference(ours["classes"], theirs["classes"])
    if ours["examples"] != theirs["examples"]:
        return f"{ours['examples']} records then, {theirs['examples']} now"
    return "as many records of the same classes, but other pictures or another split"


def class_difference(ours: list[str], theirs: list[str]) -> str:
    """How the classes of records, `theirs`, differ from those of a run."""
    lacking, foreign = sorted(set(ours) - set(theirs)), sorted(set(theirs) - set(ours))
    return "; ".join(filter(None, [
        lacking and f"the records lack {', '.join(lacking)}",
        foreign and f"the run does not know {', '.join(foreign)}"])) or "their order differs"
