"""Labelled pictures, of files or of records, with what their labels are checked by.

Records need TensorFlow, and so do the hashes of files; it is loaded only then.
"""
import dataclasses
import functools
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from fashionclf.deployment import descriptions
from fashionclf.deployment.engines import Engine
from fashionclf.pictures import loading, near_duplicates, picture_hashes, reading
from fashionclf.pictures.files import Picture
from fashionclf.pictures.picture_hashes import PictureHashes
from fashionclf.sources import leakage
from fashionclf.sources.categories import Labelled
from fashionclf.system import files
from fashionclf.system.cache_files import CacheFiles
from fashionclf.system.progress import progress_bar

if TYPE_CHECKING:  # takes seconds to load
    from fashionclf.records.contents import Record
    from fashionclf.records.input_pipeline import Records

Loader = Callable[[], np.ndarray | str]  # -> uint8 [H, W, 3], or the reason for an error


class Described(NamedTuple):
    """N pictures as a model describes them."""
    probabilities: np.ndarray  # float [N, C], by the model's own classes
    features: np.ndarray  # float [N, D]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabelledPictures:
    """N usable pictures in the order of their paths, and those that can't be used.

    Attributes:
        table: of N rows, `path`, `digest` (SHA-256 of the file's bytes, hex; "" where a record
            holds other bytes than its file), `label` (0-based into `classes`) and `item`.
        unusable: the same columns and `error`.
        hashes: of the N pictures.
        described: of the N pictures, by each engine.
        loaders: gives what loads a picture, by path, for the paths that it is given.
    """
    classes: list[str]
    table: pd.DataFrame
    unusable: pd.DataFrame
    hashes: PictureHashes
    described: list[Described]
    loaders: Callable[[Iterable[str]], dict[str, Loader]]

    def garments(self) -> np.ndarray:
        """Numbers the garments from 0, int [N]; items that share near-duplicates are one."""
        perceptual = pd.Series([row.tobytes().hex() for row in self.hashes.perceptual])
        joined = leakage.joined_items(self.table["item"], near_duplicates.groups(perceptual))
        return pd.factorize(joined)[0]


def of_files(labelled: Labelled, images_root: Path, engines: Sequence[Engine], *,
             cache_dir: str | Path, follow_links: bool = False) -> LabelledPictures:
    """Opens and describes the files of a source's rows, whole, whatever their boxes."""
    from fashionclf.records import audit  # its hashes are those of records and of runs

    rows = labelled.table[["path", "label", "item"]].sort_values("path", ignore_index=True)
    root = os.sep if follow_links else os.fspath(images_root)
    pictures = [Picture(path=os.path.join(images_root, path), root=root) for path in rows["path"]]
    inspected = loading.map_ahead(lambda picture: audit.inspected(picture.bytes_or_reason()),
                                  pictures, 256, threads=os.cpu_count())
    inspected = pd.DataFrame(
        [values[:3] for values in progress_bar(inspected, total=len(pictures),
                                               desc="opening pictures", unit="pictures")],
        columns=["error", "digest", "perceptual"], dtype=object)

    found = [descriptions.describe(engine, pictures, cache_dir=cache_dir) for engine in engines]
    rows["digest"] = inspected["digest"].fillna("")
    rows["error"] = inspected["error"]
    for description in found:
        rows["error"] = rows["error"].fillna(pd.Series(description.errors, dtype=object))

    usable = rows["error"].isna().to_numpy()
    loaders = {path: functools.partial(reading.pixels_or_reason, picture)
               for path, picture in zip(rows["path"], pictures)}
    return LabelledPictures(
        classes=labelled.classes, unusable=rows[~usable],
        table=rows[usable].drop(columns="error").reset_index(drop=True),
        hashes=picture_hashes.of(rows["digest"][usable], inspected["perceptual"][usable]),
        described=[Described(x.probabilities[usable], x.features[usable]) for x in found],
        loaders=lambda paths: {path: loaders[path] for path in paths})


def of_records(records: "Records", splits: Sequence[str], engines: Sequence[Engine], *,
               cache_dir: str | Path) -> LabelledPictures:
    """Reads and describes the pictures of records, cropped to their boxes as in training."""
    from fashionclf.records import contents, known_pictures

    labels = {name: number for number, name in enumerate(records.classes)}
    rows = pd.DataFrame(
        [(record.path, files.digest(record.encoded), labels[record.label], record.item)
         for record in progress_bar(contents.read_records(records.folder, tuple(splits)),
                                    total=sum(map(records.examples.get, splits)),
                                    desc="reading records", unit="pictures")],
        columns=["path", "digest", "label", "item"])
    hashes = PictureHashes(*map(np.concatenate, zip(
        *(known_pictures.read(records, split) for split in splits))))
    described = [_of_splits(engine, records, splits, cache_dir) for engine in engines]

    # Of a picture that was encoded anew, only the first bytes of its file's digest are known.
    starts = [row.tobytes().hex() for row in hashes.digests]
    rows["digest"] = [digest if digest.startswith(start) else ""
                      for digest, start in zip(rows["digest"], starts)]

    order = np.argsort(rows["path"].to_numpy(), kind="stable")
    return LabelledPictures(
        classes=records.classes, table=rows.iloc[order].reset_index(drop=True),
        unusable=rows[:0].assign(error=""),
        hashes=PictureHashes(*(array[order] for array in hashes)),
        described=[Described(*(array[order] for array in arrays)) for arrays in described],
        loaders=functools.partial(_loaders, records.folder, tuple(splits)))


def _of_splits(engine: Engine, records: "Records", splits: Sequence[str],
               cache_dir: str | Path) -> Described:
    """Describes the records of splits, in their order, or reads that from the cache."""
    from fashionclf.pictures import decoding

    made_from = {
        "records": records.manifest["fingerprint"], "decoder": decoding.VERSION,
        "model_sha256": files.sha256(engine.folder / "model.json"), "engine": engine.name}
    arrays = []
    with CacheFiles.opened(Path(cache_dir), made_from) as cached:
        for split in splits:
            names = [f"{split}-{what}.npy" for what in ("probabilities", "features")]
            if not cached.hold(names):
                _fill(cached, names, engine, records, split)
            arrays.append([np.array(cached.array(name)) for name in names])
    return Described(*map(np.concatenate, zip(*arrays)))


def _fill(cached: CacheFiles, names: list[str], engine: Engine, records: "Records",
          split: str) -> None:
    count = records.examples[split]
    framed = dataclasses.replace(records, framing=engine.spec.framing)
    with cached.writing(names, count) as add, progress_bar(
            total=count, desc=f"describing {split}", unit="pictures") as bar:
        for batch in framed.evaluation(split, batch_size=32):
            add(list(engine.outputs(batch["image"].numpy())))
            bar.update(len(batch["label"]))


def _loaders(folder: Path, splits: tuple[str, ...], paths: Iterable[str]) -> dict[str, Loader]:
    from fashionclf.records import contents

    wanted = set(paths)
    return {record.path: functools.partial(_cropped, record)
            for record in contents.read_records(folder, splits) if record.path in wanted}


def _cropped(record: "Record") -> np.ndarray:
    """Decodes a record's picture, cut to its box."""
    left, top, right, bottom = record.bbox or (1, 1, None, None)
    return record.pixels()[top - 1:bottom, left - 1:right]
