"""Shards to batches: `training` in an order of its seed, `evaluation` in file order."""
import os
from pathlib import Path

import tensorflow as tf
import tensorflow_datasets as tfds

from fashionclf import images

SHUFFLE_BUFFER = 16_384  # examples, as undecoded bytes: about 0.3 GB of DeepFashion


def training(records_dir: Path, *, image_size: int, box_margin: float, batch_size: int, seed: int,
             skip_batches: int = 0,
             context: tf.distribute.InputContext | None = None) -> tf.data.Dataset:
    """One epoch of the split "train", shuffled by `seed`.

    Args:
        image_size: side of the square pictures, in pixels.
        box_margin: share by which boxes are widened before cropping.
        batch_size: examples per step over all replicas.
        seed: what the order is a function of; give each epoch its own.
        skip_batches: steps that a resumed epoch has behind it; nothing is decoded for them.
        context: which of several input pipelines this is; of n, pipeline i
            reads the examples i, i + n, i + 2n, ... of the one order.

    Returns:
        Batches of one replica: {"image": float32 [B, S, S, 3] RGB 0..255,
        "label": int64 [B]}, B = batch_size / replicas. The examples over the
        last full batch are left out.
    """
    context = context or tf.distribute.InputContext()
    replica_batch = context.get_per_replica_batch_size(batch_size)
    ds = _read(records_dir, "train", shuffle_seed=seed)
    ds = ds.shuffle(SHUFFLE_BUFFER, seed=seed)
    ds = ds.skip(skip_batches * batch_size)
    ds = ds.shard(context.num_input_pipelines, context.input_pipeline_id)
    ds = ds.map(_loader(image_size, box_margin, ("label",)), num_parallel_calls=os.cpu_count())
    return _untuned(ds.batch(replica_batch, drop_remainder=True).prefetch(2))


def evaluation(records_dir: Path, split: str, *, image_size: int, box_margin: float,
               batch_size: int) -> tf.data.Dataset:
    """Every example of `split` once, in the order of the files, the tail batch kept.

    Returns:
        Batches {"image": float32 [B, S, S, 3] RGB 0..255, "label": int64 [B],
        "path": string [B], "item": string [B]}.
    """
    ds = _read(records_dir, split)
    ds = ds.map(_loader(image_size, box_margin, ("label", "path", "item")),
                num_parallel_calls=os.cpu_count())
    return _untuned(ds.batch(batch_size).prefetch(2))


def _untuned(ds: tf.data.Dataset) -> tf.data.Dataset:
    """`ds` without autotuning, whose thread can hold up the end of an iteration by a second."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return ds.with_options(options)


def _read(records_dir: Path, split: str, shuffle_seed: int | None = None) -> tf.data.Dataset:
    builder = tfds.builder_from_directory(records_dir)
    if split not in builder.info.splits:
        raise ValueError(f"{records_dir}: has no split {split!r}, "
                         f"only {', '.join(builder.info.splits)}")
    config = tfds.ReadConfig(shuffle_seed=shuffle_seed, try_autocache=False, skip_prefetch=True)
    return builder.as_dataset(split=split, shuffle_files=shuffle_seed is not None,
                              decoders={"image": tfds.decode.SkipDecoding()}, read_config=config)


def _loader(image_size: int, box_margin: float, keep: tuple[str, ...]):
    def load(record: dict) -> dict:
        image = images.load(record["image"], record["bbox"],
                            image_size=image_size, box_margin=box_margin)
        return {"image": image, **{name: record[name] for name in keep}}
    return load
