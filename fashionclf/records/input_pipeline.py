"""Reads records as batches: shuffled by a seed for training, in file order otherwise."""
import dataclasses
import os
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from fashionclf.pictures import decoding, reading
from fashionclf.pictures.framing import Framing
from fashionclf.records import manifests

SHUFFLE_BUFFER = 16_384  # examples, as undecoded bytes: about 0.3 GB of DeepFashion
MAX_SIDE = 1024  # pixels of a picture that is kept in memory to be shown


@dataclasses.dataclass(frozen=True, kw_only=True)
class Records:
    """The records of a finished build, as training and evaluation read them."""
    folder: Path
    manifest: dict  # see records/manifests.py
    framing: Framing
    hashes = teacher_shares = None  # of chosen pictures, see training_set
    enters = None  # pictures enter at the network's input, unlike trunk_cache.Activations

    @classmethod
    def open(cls, folder: str | Path, framing: Framing) -> "Records":
        """Reads the manifest; raises FileNotFoundError, ValueError as manifests.read does."""
        return cls(folder=Path(folder), manifest=manifests.read(folder), framing=framing)

    @property
    def records(self) -> "Records":
        return self

    @property
    def sources(self) -> tuple["Records", ...]:
        """The whole records that the split "train" is taken from, for the trunk cache."""
        return (self,)

    @property
    def classes(self) -> list[str]:
        return self.manifest["classes"]

    @property
    def examples(self) -> dict[str, int]:
        """Split -> number of records."""
        return self.manifest["examples"]

    def training(self, *, epoch: int = 0, batch_size: int, seed: int, skip_batches: int = 0,
                 context: tf.distribute.InputContext | None = None) -> tf.data.Dataset:
        """Returns one epoch of the split "train", see `shuffled`.

        `epoch` is not used; it is for trunk_cache.Activations, whose views change with it.

        Returns:
            Batches of one replica: {"image": float32 [B, S, S, 3] RGB 0..255, "label": int64 [B]},
            B = batch_size / replicas. The incomplete last batch is dropped.
        """
        context = context or tf.distribute.InputContext()
        ds = self.shuffled(("image", "bbox", "label"), batch_size=batch_size, seed=seed,
                           skip_batches=skip_batches, context=context)
        ds = ds.map(self._load, num_parallel_calls=os.cpu_count())
        per_replica = context.get_per_replica_batch_size(batch_size)
        return ds.batch(per_replica, drop_remainder=True).prefetch(2)

    def shuffled(self, fields: tuple[str, ...], *, batch_size: int, seed: int, skip_batches: int,
                 context: tf.distribute.InputContext) -> tf.data.Dataset:
        """Returns an epoch of the split "train", undecoded, in the order given by `seed`.

        Args:
            fields: the fields to read; they do not affect the order.
            batch_size: examples per step over all replicas.
            seed: determines the order; give each epoch its own.
            skip_batches: steps that a resumed epoch has already done; they are not decoded.
            context: pipeline i of n reads the examples i, i + n, i + 2n, ... of the same order.
        """
        ds = self.in_order("train", fields, shuffle_seed=seed)
        ds = ds.shuffle(SHUFFLE_BUFFER, seed=seed).skip(skip_batches * batch_size)
        return ds.shard(context.num_input_pipelines, context.input_pipeline_id)

    def evaluation(self, split: str, *, batch_size: int) -> tf.data.Dataset:
        """Returns every example of `split` once, in file order, including the last small batch.

        Its batches are those of `training`, with "path" and "item", string [B].
        """
        ds = self.in_order(split, ("image", "bbox", "label", "path", "item"))
        ds = ds.map(self._load, num_parallel_calls=os.cpu_count())
        return ds.batch(batch_size).prefetch(2)

    def pictures(self, split: str, paths: list[str]) -> dict[str, np.ndarray]:
        """Returns path -> uint8 [H, W, 3], RGB, cropped as for the model but not squashed.

        They are shrunk until no side exceeds MAX_SIDE.
        """
        wanted = tf.constant([path.encode() for path in paths], tf.string)
        ds = self.in_order(split, ("image", "bbox", "path"))
        ds = ds.filter(lambda record: tf.reduce_any(record["path"] == wanted))

        shown = {}
        for record in ds:
            picture = decoding.decode(record["image"])
            pixels = decoding.crop(picture, record["bbox"], self.framing.box_margin).numpy()
            shown[record["path"].numpy().decode()] = reading.shrunk(pixels, MAX_SIDE)
        return shown

    def in_order(self, split: str, fields: tuple[str, ...],
                 shuffle_seed: int | None = None) -> tf.data.Dataset:
        """Returns the fields, undecoded, in file order or with the files shuffled by a seed."""
        builder = tfds.builder_from_directory(self.folder)
        if split not in builder.info.splits:
            raise ValueError(f"{self.folder}: has no split {split!r}, "
                             f"only {', '.join(builder.info.splits)}")

        config = tfds.ReadConfig(shuffle_seed=shuffle_seed, try_autocache=False, skip_prefetch=True)
        # Autotuning's thread can delay the end of a pass by a second.
        config.options.autotune.enabled = False

        undecoded = {"image": tfds.decode.SkipDecoding()} if "image" in fields else None
        return builder.as_dataset(
            split=split, shuffle_files=shuffle_seed is not None, read_config=config,
            decoders=tfds.decode.PartialDecoding(set(fields), undecoded))

    def _load(self, record: dict) -> dict:
        """Replaces the undecoded picture and its box with the pixels."""
        image = decoding.load(record.pop("image"), record.pop("bbox"), self.framing,
                              plain=self.manifest.get("plain", False))
        return {"image": image, **record}
