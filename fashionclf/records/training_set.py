"""What a training reads as its split "train": without a fold, and with unlabelled pictures."""
import dataclasses
import functools
import hashlib
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from fashionclf.pictures import picture_hashes
from fashionclf.pictures.picture_hashes import PictureHashes
from fashionclf.records import known_pictures
from fashionclf.records.input_pipeline import Records
from fashionclf.sources.splits import SPLITS

NO_LABEL = -1  # the label of an unlabelled picture
MARK = b"\0"  # before the path of an unlabelled picture: no other path can contain it


class Listed(NamedTuple):
    """N pictures of one split, in file order."""
    paths: np.ndarray  # bytes [N]
    items: np.ndarray  # bytes [N]
    labels: np.ndarray  # int64 [N]

    def picked(self, rows: np.ndarray) -> "Listed":
        return Listed(*(column[rows] for column in self))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Unlabelled(Records):
    """Records of which all splits are one split "train", whose labels are NO_LABEL."""
    whole: Records

    @classmethod
    def of(cls, records: Records) -> "Unlabelled":
        total = sum(records.examples.values())
        fingerprint = hashlib.sha256(b"unlabelled " + records.manifest["fingerprint"].encode())
        manifest = {**records.manifest, "examples": {"train": total},
                    "fingerprint": fingerprint.hexdigest()}
        return cls(folder=records.folder, manifest=manifest, framing=records.framing,
                   whole=records)

    @functools.cached_property
    def hashes(self) -> dict[str, PictureHashes]:
        return {"train": picture_hashes.joined(known_pictures.read(self.whole, split)
                                               for split in self._splits)}

    @property
    def _splits(self) -> list[str]:
        return [split for split in SPLITS if self.whole.examples.get(split)]

    def in_order(self, split: str, fields: tuple[str, ...],
                 shuffle_seed: int | None = None) -> tf.data.Dataset:
        parts = [self.whole.in_order(name, fields, shuffle_seed) for name in self._splits]
        sizes = [self.whole.examples[name] for name in self._splits]
        return _mixed(parts, sizes, shuffle_seed).map(_without_label)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingSet(Records):
    """Records whose split "train" has the pictures `listed` alone, some of them unlabelled.

    An example of that split has the field "teachers", float32 [T], if there are `teacher_shares`.
    """
    whole: Records
    unlabelled: Unlabelled | None
    listed: Listed  # in the order of `in_order`
    hashes: dict[str, PictureHashes]  # "train" -> those of the same pictures
    facts: dict  # for model.json
    teacher_shares: np.ndarray | None = None  # float32 [N, T], of each teacher in the target

    @property
    def sources(self) -> tuple[Records, ...]:
        return tuple(filter(None, (self.whole, self.unlabelled)))

    @functools.cached_property
    def _rows(self) -> tf.lookup.StaticHashTable:
        paths = self.listed.paths.tolist()
        return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(
            tf.constant(paths, tf.string), tf.range(len(paths))), default_value=-1)

    def in_order(self, split: str, fields: tuple[str, ...],
                 shuffle_seed: int | None = None) -> tf.data.Dataset:
        if split != "train":
            return self.whole.in_order(split, fields, shuffle_seed)
        parts = [source.in_order("train", {*fields, "path"}, shuffle_seed)
                 for source in self.sources]
        ds = _mixed(parts, [source.examples["train"] for source in self.sources], shuffle_seed)
        rows = self._rows  # made here, as a dataset's graph can't hold it
        ds = ds.filter(lambda record: rows.lookup(record["path"]) >= 0)

        def as_asked(record: dict) -> dict:
            asked = {name: record[name] for name in fields}
            if self.teacher_shares is not None:
                row = rows.lookup(record["path"])
                asked["teachers"] = tf.gather(self.teacher_shares, row)
            return asked
        return ds.map(as_asked)


def select(records: Records, *, fold: tuple[int, int] | None = None,
           unlabelled: Records | None = None) -> TrainingSet:
    """Chooses the training pictures, and prints how many.

    Args:
        fold: K, N: leave out the K-th of N parts. The part of a garment follows from its key.
        unlabelled: further pictures, of all splits. Near-duplicates of test and validation
            pictures and those whose garment is one of theirs are excluded.
    """
    listed, hashes = list_split(records, "train"), known_pictures.read(records, "train")
    plain, facts, extra = records.manifest.get("plain", False), {}, None
    if fold:
        kept = np.array([part_of(item, fold[1]) != fold[0] for item in listed.items], bool)
        listed, hashes = listed.picked(kept), picture_hashes.picked(hashes, kept)
        facts["fold"] = f"{fold[0]}/{fold[1]}"
        print(f"fold {facts['fold']}: training on {kept.sum():,} of {len(kept):,} pictures",
              flush=True)
    counts = np.bincount(listed.labels, minlength=len(records.classes))

    if unlabelled:
        extra = Unlabelled.of(unlabelled)
        more, more_hashes = list_split(extra, "train"), known_pictures.read(extra, "train")
        kept, facts["unlabelled"] = _not_held_out(records, more, more_hashes)
        facts["unlabelled"]["records_fingerprint"] = unlabelled.manifest["fingerprint"]
        listed = Listed(*map(np.concatenate, zip(listed, more.picked(kept))))
        hashes = picture_hashes.joined([hashes, picture_hashes.picked(more_hashes, kept)])
        plain = plain and unlabelled.manifest.get("plain", False)

    manifest = {
        **records.manifest, "plain": plain,
        "examples": {**records.examples, "train": len(listed.paths)},
        "counts": {**records.manifest["counts"],
                   "train": dict(zip(records.classes, counts.tolist(), strict=True))}}
    return TrainingSet(folder=records.folder, manifest=manifest, framing=records.framing,
                       whole=records, unlabelled=extra, listed=listed, hashes={"train": hashes},
                       facts=facts)


def list_split(records: Records, split: str) -> Listed:
    """Lists the pictures of a split, which may be empty."""
    columns = {"path": [], "item": [], "label": []}
    if records.examples.get(split):
        for batch in records.in_order(split, tuple(columns)).batch(1024).as_numpy_iterator():
            for name, values in columns.items():
                values.extend(batch[name])
    return Listed(np.array(columns["path"], object), np.array(columns["item"], object),
                  np.array(columns["label"], np.int64))


def part_of(item: bytes, parts: int) -> int:
    """Returns the part of a garment, 1..parts, which depends on nothing but its key."""
    return int.from_bytes(hashlib.sha256(item).digest()[:8]) % parts + 1


def _not_held_out(records: Records, listed: Listed,
                  hashes: PictureHashes) -> tuple[np.ndarray, dict]:
    """Returns bool [N], which pictures are like none of test and validation; prints the counts."""
    held_out = [split for split in ("validation", "test") if records.examples.get(split)]
    known = picture_hashes.joined(known_pictures.read(records, split) for split in held_out)
    items = np.concatenate([list_split(records, split).items for split in held_out])

    by_hash = picture_hashes.seen(hashes, known) != picture_hashes.UNSEEN
    by_garment = np.isin(listed.items.astype(bytes), items.astype(bytes))
    kept = ~(by_hash | by_garment)
    facts = {"pictures": int(kept.sum()), "excluded": int((~kept).sum()),
             "excluded_near_duplicates": int(by_hash.sum()),
             "excluded_garments": int(by_garment.sum())}
    print(f"unlabelled pictures: {facts['pictures']:,} of {len(kept):,}; excluded are "
          f"{facts['excluded_near_duplicates']:,} near-duplicates of test and validation pictures "
          f"and {facts['excluded_garments']:,} of their garments, {facts['excluded']:,} in all",
          flush=True)
    return kept, facts


def _mixed(parts: list[tf.data.Dataset], sizes: list[int],
           shuffle_seed: int | None) -> tf.data.Dataset:
    """Joins datasets in their order or, by a seed, mixed in proportion to their sizes.

    A shuffle buffer that is smaller than the first of them would leave its examples in front.
    """
    if shuffle_seed is None or len(parts) == 1:
        return functools.reduce(tf.data.Dataset.concatenate, parts)
    weights = np.divide(sizes, sum(sizes))
    return tf.data.Dataset.sample_from_datasets(parts, weights, seed=shuffle_seed)


def _without_label(record: dict) -> dict:
    changed = {name: tf.strings.join([MARK, record[name]]) for name in ("path",) if name in record}
    if "label" in record:
        changed["label"] = tf.constant(NO_LABEL, tf.int64)
    return {**record, **changed}
