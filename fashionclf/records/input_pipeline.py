"""Shards to batches: `training` in an order of its seed, `evaluation` in file order."""
import dataclasses
import os
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from fashionclf.pictures import decoding

SHUFFLE_BUFFER = 16_384  # examples, as undecoded bytes: about 0.3 GB of DeepFashion


@dataclasses.dataclass(frozen=True)
class Pictures:
    """The pictures of records, and how they are prepared: what a phase trains on.

    Attributes:
        examples: split -> number of records.
        image_size: side of the square pictures, in pixels.
        box_margin: share by which boxes are widened before cropping.
    """
    records_dir: Path
    examples: dict[str, int]
    image_size: int
    box_margin: float
    enters = None  # they go in where the network begins, see trunk_cache.Activations

    @property
    def pictures(self) -> "Pictures":
        return self

    def training(self, *, epoch: int, **how) -> tf.data.Dataset:
        """See `training`; every epoch sees the same pictures."""
        return training(self.records_dir, image_size=self.image_size, box_margin=self.box_margin,
                        **how)

    def evaluation(self, split: str, *, batch_size: int) -> tf.data.Dataset:
        """See `evaluation`."""
        return evaluation(self.records_dir, split, image_size=self.image_size,
                          box_margin=self.box_margin, batch_size=batch_size)


def training(records_dir: Path, *, image_size: int, box_margin: float, batch_size: int, seed: int,
             skip_batches: int = 0,
             context: tf.distribute.InputContext | None = None) -> tf.data.Dataset:
    """One epoch of the split "train", shuffled by `seed`.

    Args:
        image_size: side of the square pictures, in pixels.
        box_margin: share by which boxes are widened before cropping.
        batch_size, seed, skip_batches, context: see `shuffled`.

    Returns:
        Batches of one replica: {"image": float32 [B, S, S, 3] RGB 0..255,
        "label": int64 [B]}, B = batch_size / replicas. The examples over the
        last full batch are left out.
    """
    context = context or tf.distribute.InputContext()
    ds = shuffled(records_dir, ("image", "bbox", "label"), batch_size=batch_size, seed=seed,
                  skip_batches=skip_batches, context=context)
    ds = ds.map(_loader(image_size, box_margin), num_parallel_calls=os.cpu_count())
    return ds.batch(context.get_per_replica_batch_size(batch_size),
                    drop_remainder=True).prefetch(2)


def shuffled(records_dir: Path, keep: tuple[str, ...], *, batch_size: int, seed: int,
             skip_batches: int, context: tf.distribute.InputContext) -> tf.data.Dataset:
    """The records of an epoch of the split "train", undecoded, in the order of `seed`.

    Args:
        keep: the fields that are wanted; the order is the same for all choices.
        batch_size: examples per step over all replicas.
        seed: what the order is a function of; give each epoch its own.
        skip_batches: steps that a resumed epoch has behind it; nothing is decoded for them.
        context: which of several input pipelines this is; of n, pipeline i
            reads the examples i, i + n, i + 2n, ... of the one order.
    """
    ds = _read(records_dir, "train", keep, shuffle_seed=seed)
    ds = ds.shuffle(SHUFFLE_BUFFER, seed=seed)
    ds = ds.skip(skip_batches * batch_size)
    return ds.shard(context.num_input_pipelines, context.input_pipeline_id)


def evaluation(records_dir: Path, split: str, *, image_size: int, box_margin: float,
               batch_size: int) -> tf.data.Dataset:
    """Every example of `split` once, in the order of the files, the tail batch kept.

    Returns:
        Batches {"image": float32 [B, S, S, 3] RGB 0..255, "label": int64 [B],
        "path": string [B], "item": string [B]}.
    """
    ds = in_order(records_dir, split, ("image", "bbox", "label", "path", "item"))
    ds = ds.map(_loader(image_size, box_margin), num_parallel_calls=os.cpu_count())
    return ds.batch(batch_size).prefetch(2)


def in_order(records_dir: Path, split: str, keep: tuple[str, ...]) -> tf.data.Dataset:
    """The fields `keep` of every record of `split`, undecoded, in the order of the files."""
    return _read(records_dir, split, keep)


def _read(records_dir: Path, split: str, keep: tuple[str, ...],
          shuffle_seed: int | None = None) -> tf.data.Dataset:
    builder = tfds.builder_from_directory(records_dir)
    if split not in builder.info.splits:
        raise ValueError(f"{records_dir}: has no split {split!r}, "
                         f"only {', '.join(builder.info.splits)}")
    config = tfds.ReadConfig(shuffle_seed=shuffle_seed, try_autocache=False, skip_prefetch=True)
    config.options.autotune.enabled = False  # its thread can hold up the end of a pass by a second
    undecoded = {"image": tfds.decode.SkipDecoding()} if "image" in keep else None
    return builder.as_dataset(
        split=split, shuffle_files=shuffle_seed is not None, read_config=config,
        decoders=tfds.decode.PartialDecoding(set(keep), undecoded))


def _loader(image_size: int, box_margin: float):
    def load(record: dict) -> dict:
        image = decoding.load(record.pop("image"), record.pop("bbox"),
                              image_size=image_size, box_margin=box_margin)
        return {"image": image, **record}
    return load


MOST_SIDE = 1024  # pixels of a picture that is kept in memory to be shown


def read_pictures(records_dir: str | Path, split: str, paths: list[str], *,
                  box_margin: float) -> dict[str, np.ndarray]:
    """The records of these paths, cropped as the model sees them but not squashed.

    A side above MOST_SIDE is shrunk to that.

    Returns:
        path -> uint8 [H, W, 3], RGB.
    """
    dataset = tfds.builder_from_directory(records_dir).as_dataset(
        split=split, decoders={"image": tfds.decode.SkipDecoding()})
    wanted = tf.constant([path.encode() for path in paths], tf.string)
    dataset = dataset.filter(lambda record: tf.reduce_any(record["path"] == wanted))
    return {record["path"].numpy().decode(): decoding.shrunk(
                decoding.crop(decoding.decode(record["image"]), record["bbox"], box_margin).numpy(),
                MOST_SIDE)
            for record in dataset}
