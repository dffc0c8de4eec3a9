"""Records on disk: the one schema, writing through TFDS, the manifest."""
import contextlib
import functools
import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.core import hashing, writer
from tensorflow_datasets.core.utils import shard_utils

from fashionclf import audit, checksums, locks, workers
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


def write(table: pd.DataFrame, folder: Path, *, images_root: Path, classes: list[str],
          run: workers.Run = workers.here) -> dict[str, int]:
    """Writes the shards and TFDS's metadata into `folder`.

    Order and shards are those of TFDS's own writer (by the hash of a record's path), so
    that the same table gives the same bytes, wherever it is run. Pictures are read one by
    one; no more than one a worker is in memory.

    Args:
        table: `path, item, bbox, label, split, digest`, audited rows only.
        run: where (see workers): a shard is written at a time.

    Returns:
        Records written per split.

    Raises:
        ValueError: a picture is no longer what the audit saw, or a path stands twice.
        OSError: a picture can't be read or a shard can't be written.
    """
    features = FEATURES(classes)
    parts = {name: _shards(name, rows) for name in SPLITS
             if len(rows := table[table["split"] == name])}
    written = iter(run(functools.partial(_write_shard, folder.absolute(), images_root.absolute()),
                       [shard for shards in parts.values() for shard in shards], desc="writing"))
    for left in folder.glob("*.tmp"):  # of a worker that died and was replaced
        left.unlink()
    sizes = {name: [next(written) for _ in shards] for name, shards in parts.items()}
    infos = [tfds.core.SplitInfo(
        name=name, shard_lengths=[count for count, _ in shards],
        num_bytes=sum(size for _, size in shards), filename_template=_template(folder, name))
        for name, shards in sizes.items()]
    with _readable_errors():
        tfds.folder_dataset.write_metadata(
            data_dir=folder, features=features, split_infos=infos, version=VERSION,
            description="Photographs of garments, written by fashionclf.build_tfrecords.",
            check_data=False)
    return dict.fromkeys(SPLITS, 0) | {info.name: info.num_examples for info in infos}


@contextlib.contextmanager
def _readable_errors() -> Iterator[None]:
    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(f"the records cannot be written, and nothing is kept: {error.message}"
                      ) from error


def _template(folder: Path, split: str) -> tfds.core.ShardedFileTemplate:
    return tfds.core.ShardedFileTemplate(
        data_dir=folder, dataset_name=NAME, split=split, filetype_suffix="tfrecord")


def _shards(split: str, rows: pd.DataFrame) -> list[pd.DataFrame]:
    """The rows of each shard of a split, in their order, with the shard's name in `shard`."""
    hasher = hashing.Hasher(split)
    rows = rows.assign(hash=[hasher.hash_key(path) for path in rows["path"]]).sort_values("hash")
    if not rows["hash"].is_unique:
        twice = rows["path"][rows["hash"].duplicated()].iloc[0]
        raise ValueError(f"{twice} stands twice in {split}: give each picture one row")
    count = _num_shards(split, len(rows))
    ends = shard_utils.get_shard_boundaries(len(rows), count)
    names = [_template(Path(), split).sharded_filepath(shard_index=number, num_shards=count).name
             for number in range(count)]
    return [rows.iloc[start:end].assign(shard=name)
            for name, start, end in zip(names, [0, *ends], ends)]


def _num_shards(name: str, examples: int) -> int:
    wanted = examples // EXAMPLES_PER_SHARD
    return min(examples, max(MIN_TRAIN_SHARDS if name == "train" else 1, wanted))


def _write_shard(folder: Path, images_root: Path, rows: pd.DataFrame) -> tuple[int, int]:
    """Writes one shard of `_shards`; gives its records, and their bytes without framing."""
    name, size = rows["shard"].iloc[0], 0

    def examples() -> Iterator[tuple[str, bytes]]:
        nonlocal size
        for row in rows.itertuples():
            serialized = _serialized(row, _unchanged(row, images_root))
            size += len(serialized)
            yield row.path, serialized
    temporary = folder / f"{name}.{uuid.uuid4().hex}.tmp"  # Beam may write a shard twice
    with _readable_errors():
        writer.ExampleWriter(tfds.core.FileFormat.TFRECORD).write(temporary, examples())
    temporary.rename(folder / name)
    return len(rows), size


def _unchanged(row: tuple, images_root: Path) -> bytes:
    encoded = audit.read_image(images_root, row.path)
    if audit.digest(encoded) != row.digest:
        raise ValueError(f"{row.path} changed while the records were built: "
                         "build again when nothing writes to the source folder")
    return encoded


def _serialized(row: tuple, encoded: bytes) -> bytes:
    """What TFDS's serializer makes of FEATURES (a test compares), for less work.

    TFDS leaves the order of the fields to protobuf: it differs from process to process.
    """
    example = tf.train.Example()
    feature = example.features.feature
    feature["image"].bytes_list.value.append(encoded)
    feature["label"].int64_list.value.append(row.label)
    feature["path"].bytes_list.value.append(row.path.encode())
    feature["item"].bytes_list.value.append(row.item.encode())
    feature["bbox"].int64_list.value.extend(row.bbox or (0, 0, 0, 0))
    return example.SerializeToString(deterministic=True)


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
