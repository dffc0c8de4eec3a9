"""Describes pictures by a model: probabilities and features, each picture's computed once.

The cache has a file for each model and engine, a row for each picture, found by its bytes: a
renamed or copied picture is not computed again. Rows are appended batch by batch, so that a kill
loses one batch; a torn or damaged row is computed again.
"""
import dataclasses
import os
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fashionclf.deployment import engines
from fashionclf.deployment.engines import Engine
from fashionclf.pictures import loading
from fashionclf.pictures.files import Picture
from fashionclf.system import files, signals
from fashionclf.system.progress import progress_bar

DIGEST_BYTES = 32


@dataclasses.dataclass(frozen=True, kw_only=True)
class Descriptions:
    """N pictures as a model describes them.

    Attributes:
        digests: SHA-256 of each file's bytes, hex; "" if it can't be read.
        errors: the reason why a picture can't be used, or None.
        probabilities: float32 [N, C]; NaN for a picture with an error.
        features: float16 [N, D], pooled; NaN for a picture with an error.
    """
    digests: list[str]
    errors: list[str | None]
    probabilities: np.ndarray
    features: np.ndarray

    @property
    def usable(self) -> np.ndarray:
        """Returns bool [N]: which pictures have no error."""
        return np.array([error is None for error in self.errors], bool)


def describe(engine: Engine, pictures: Sequence[Picture], *, cache_dir: str | Path,
             batch_size: int = 32) -> Descriptions:
    """Describes whole picture files, in order; computes those that the cache doesn't hold.

    100,000 pictures take 0.3 GB of memory. A SIGTERM or SIGINT ends the process after a batch.

    Raises:
        OSError: the cache can't be written.
    """
    digests, errors = _digests(pictures)
    cache = _Cache(cache_dir, engine)
    cache.file.parent.mkdir(parents=True, exist_ok=True)
    with files.waiting(f"{cache.file}.lock", until="waiting for another process that describes "
                       "pictures by this model"), signals.deferred():
        cache.read()
        wanted = {digest: i for i, digest in enumerate(digests) if digest and digest not in cache}
        faults = _compute(engine, [pictures[i] for i in wanted.values()], list(wanted), cache,
                          batch_size)
        errors = [error or faults.get(digest) for digest, error in zip(digests, errors)]
        probabilities, features = cache.rows(
            [None if error else digest for digest, error in zip(digests, errors)])
    return Descriptions(digests=digests, errors=errors, probabilities=probabilities,
                        features=features)


def _digests(pictures: Sequence[Picture]) -> tuple[list[str], list[str | None]]:
    def digest(picture: Picture) -> tuple[str, str | None]:
        encoded = picture.bytes_or_reason()
        return ("", encoded) if isinstance(encoded, str) else (files.digest(encoded), None)

    found = list(progress_bar(loading.map_ahead(digest, pictures, 256, threads=os.cpu_count()),
                              total=len(pictures), desc="reading", unit="pictures"))
    return [digest for digest, _ in found], [error for _, error in found]


def _compute(engine: Engine, pictures: list[Picture], digests: list[str], cache: "_Cache",
             batch_size: int) -> dict[str, str]:
    """Adds the pictures to the cache; returns digest -> reason of those that can't be used."""
    if len(pictures) < len(cache.known):
        print(f"{cache.file}: has {len(cache.known):,} pictures; {len(pictures):,} are new",
              file=sys.stderr)
    faults, done = {}, 0
    with progress_bar(total=len(pictures), desc="describing", unit="pictures") as bar:
        for batch in engine.predict_batches(pictures, batch_size=batch_size):
            named = list(zip(digests[done:], batch))
            faults |= {digest: answer for digest, (_, answer, features) in named
                       if features is None}
            cache.add([(digest, answer, features) for digest, (_, answer, features) in named
                       if features is not None])
            done += len(batch)
            bar.update(len(batch))
            if signals.requested():
                signals.leave(f"{done:,} of {len(pictures):,} pictures are described")
    return faults


class _Cache:
    """The rows of one model and engine."""

    def __init__(self, folder: str | Path, engine: Engine):
        model = files.sha256(engine.folder / "model.json")[:16]
        self.file = Path(folder) / f"{model}-{engine.name}.descriptions"
        self.known: dict[str, int] = {}  # digest -> row
        self._row = np.dtype([
            ("digest", f"V{DIGEST_BYTES}"), ("probabilities", "<f4", len(engine.spec.classes)),
            ("features", "<f2", engines.num_features(engine)), ("crc", "<u4")])

    def __contains__(self, digest: str) -> bool:
        return digest in self.known

    def read(self) -> None:
        """Finds the whole rows, and cuts off a torn one."""
        with open(self.file, "ab") as stream:
            whole = stream.tell() // self._row.itemsize
            stream.truncate(whole * self._row.itemsize)
        for number, row in enumerate(self._on_disk()):
            content = row.tobytes()
            if zlib.crc32(content[:-4]) == row["crc"]:
                self.known[row["digest"].tobytes().hex()] = number

    def _on_disk(self) -> np.ndarray:
        if not self.file.stat().st_size:
            return np.empty(0, self._row)
        return np.memmap(self.file, self._row, mode="r")

    def add(self, described: list[tuple[str, np.ndarray, np.ndarray]]) -> None:
        """Appends digest, probabilities and features of pictures."""
        rows = np.zeros(len(described), self._row)
        for row, (digest, probabilities, features) in zip(rows, described):
            row["digest"] = np.void(bytes.fromhex(digest))
            row["probabilities"], row["features"] = probabilities, features
            row["crc"] = zlib.crc32(row.tobytes()[:-4])

        with open(self.file, "ab") as stream:
            first = stream.tell() // self._row.itemsize
            stream.write(rows.tobytes())
        self.known |= {digest: first + i for i, (digest, *_) in enumerate(described)}

    def rows(self, digests: list[str | None]) -> tuple[np.ndarray, np.ndarray]:
        """Returns probabilities and features of known pictures; NaN where `digests` has None."""
        on_disk = self._on_disk()
        probabilities, features = (
            np.full((len(digests), *self._row[name].shape), np.nan, self._row[name].base)
            for name in ("probabilities", "features"))
        places = [(i, self.known[digest]) for i, digest in enumerate(digests) if digest]
        for i, place in places:
            probabilities[i] = on_disk[place]["probabilities"]
            features[i] = on_disk[place]["features"]
        return probabilities, features
