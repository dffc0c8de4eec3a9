"""Writes the shards of a folder of records as TFDS's own writer would."""
import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.core import hashing, writer
from tensorflow_datasets.core.utils import shard_utils

from fashionclf.pictures import files as picture_files
from fashionclf.pictures import inspection
from fashionclf.records import manifests
from fashionclf.sources.splits import SPLITS
from fashionclf.system import files, workers

MIN_TRAIN_SHARDS = 8  # fewer shuffle badly and can't feed several readers
EXAMPLES_PER_SHARD = 2_000


def write(table: pd.DataFrame, folder: Path, *, images_root: Path, classes: list[str],
          run: workers.Run = workers.here) -> dict[str, int]:
    """Writes the shards and TFDS's metadata into `folder`; returns the records per split.

    Records are ordered by the hash of their path, as in TFDS's own writer, so that the same
    table always gives the same bytes. Each worker has one picture in memory at a time. The columns
    of `table`, audited rows only, are `path, item, bbox, label, split, digest`.

    Raises:
        ValueError: a picture has changed since the audit, or a path is repeated.
        OSError: a picture can't be read or a shard can't be written.
    """
    features = schema(classes)
    parts = {name: _shards(name, rows) for name in SPLITS
             if len(rows := table[table["split"] == name])}

    # Whichever worker writes a shard, the results come in the order of the shards.
    write_shard = functools.partial(_write_shard, folder.absolute(), images_root.absolute())
    written = iter(run(write_shard, [shard for shards in parts.values() for shard in shards],
                       desc="writing"))
    for leftover in folder.glob("incomplete-*"):  # of a worker that died and was replaced
        leftover.unlink()

    sizes = {name: [next(written) for _ in shards] for name, shards in parts.items()}
    infos = [tfds.core.SplitInfo(
        name=name, shard_lengths=[count for count, _ in shards],
        num_bytes=sum(size for _, size in shards), filename_template=_template(folder, name))
        for name, shards in sizes.items()]

    with _readable_errors():
        tfds.folder_dataset.write_metadata(
            data_dir=folder, features=features, split_infos=infos, version=manifests.VERSION,
            description="Photographs of garments, written by fashionclf.build_tfrecords.",
            check_data=False)
    return dict.fromkeys(SPLITS, 0) | {info.name: info.num_examples for info in infos}


@contextlib.contextmanager
def _readable_errors() -> Iterator[None]:
    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(f"the records cannot be written and are discarded: {error.message}"
                      ) from error


def _template(folder: Path, split: str) -> tfds.core.ShardedFileTemplate:
    return tfds.core.ShardedFileTemplate(
        data_dir=folder, dataset_name=manifests.NAME, split=split, filetype_suffix="tfrecord")


def in_order(split: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows of a split in the order of their records, with the `hash` of their path."""
    hasher = hashing.Hasher(split)
    return rows.assign(hash=[hasher.hash_key(path) for path in rows["path"]]).sort_values("hash")


def _shards(split: str, rows: pd.DataFrame) -> list[pd.DataFrame]:
    """Returns the rows of each shard of a split, in order, with the shard's name in `shard`."""
    rows = in_order(split, rows)
    if not rows["hash"].is_unique:
        repeated = rows["path"][rows["hash"].duplicated()].iloc[0]
        raise ValueError(f"{repeated} is repeated in {split}: give each picture one row")

    wanted = max(MIN_TRAIN_SHARDS if split == "train" else 1, len(rows) // EXAMPLES_PER_SHARD)
    count = min(len(rows), wanted)
    ends = shard_utils.get_shard_boundaries(len(rows), count)
    names = [_template(Path(), split).sharded_filepath(shard_index=number, num_shards=count).name
             for number in range(count)]
    return [rows.iloc[start:end].assign(shard=name)
            for name, start, end in zip(names, [0, *ends], ends)]


def _write_shard(folder: Path, images_root: Path, rows: pd.DataFrame) -> tuple[int, int]:
    """Writes one shard of `_shards`; returns how many records, and their bytes without framing."""
    name, size = rows["shard"].iloc[0], 0

    def examples() -> Iterator[tuple[str, bytes]]:
        nonlocal size
        for row in rows.itertuples():
            serialized = _serialized(row, recorded(row, images_root))
            size += len(serialized)
            yield row.path, serialized

    with _readable_errors(), files.replaced(folder / name, rivals=True) as partial:  # on Beam
        writer.ExampleWriter(tfds.core.FileFormat.TFRECORD).write(partial, examples())
    return len(rows), size


def recorded(row: tuple, images_root: Path) -> bytes:
    """Reads the bytes that a record holds of a picture: those of its file, or of a PNG.

    Raises ValueError if the file's don't match the row's `digest`.
    """
    encoded = picture_files.read_image(images_root, row.path, follow_links=True)  # as audited
    if files.digest(encoded) != row.digest:
        raise ValueError(f"{row.path} changed while the records were built: "
                         "build again when nothing writes to the source folder")
    return inspection.recordable(encoded)


def _serialized(row: tuple, encoded: bytes) -> bytes:
    """Serializes a record like TFDS (a test compares them), but faster and in a fixed order.

    TFDS leaves the order of the fields to protobuf, where it differs between processes.
    """
    example = tf.train.Example()
    feature = example.features.feature
    feature["image"].bytes_list.value.append(encoded)
    feature["label"].int64_list.value.append(row.label)
    feature["path"].bytes_list.value.append(row.path.encode())
    feature["item"].bytes_list.value.append(row.item.encode())
    feature["bbox"].int64_list.value.extend(row.bbox or (0, 0, 0, 0))
    return example.SerializeToString(deterministic=True)


def schema(classes: list[str]) -> tfds.features.FeaturesDict:
    """Returns the schema of a record, for writing and reading alike.

    `image` holds the bytes that `recorded` gives (as no encoding is named, TFDS neither checks nor
    converts them); `bbox` is x1, y1, x2, y2 in pixels, 1-based and inclusive, or all zeros.
    """
    return tfds.features.FeaturesDict({
        "image": tfds.features.Image(shape=(None, None, 3)),
        "label": tfds.features.ClassLabel(names=classes),
        "path": tfds.features.Text(), "item": tfds.features.Text(),
        "bbox": tfds.features.Tensor(shape=(4,), dtype=np.int32)})
