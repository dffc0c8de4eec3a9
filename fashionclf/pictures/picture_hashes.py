"""Hashes of the pictures of a data set, by which a model is asked whether it has seen a picture."""
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fashionclf.pictures import near_duplicates
from fashionclf.system import files

DIGEST_BYTES, HASH_BYTES = 8, 32
UNSEEN, NEAR_DUPLICATE, COPY = range(3)


class PictureHashes(NamedTuple):
    """Of N pictures the first bytes of a SHA-256, and the perceptual hash (see near_duplicates)."""
    digests: np.ndarray = np.empty((0, DIGEST_BYTES), np.uint8)  # uint8 [N, 8]
    perceptual: np.ndarray = np.empty((0, HASH_BYTES), np.uint8)  # uint8 [N, 32]


def of(digests: Sequence[str], perceptual: Sequence[str]) -> PictureHashes:
    """Packs hashes of 64 hex digits each."""
    packed = [near_duplicates.packed(hashes) for hashes in (digests, perceptual)]
    return PictureHashes(packed[0][:, :DIGEST_BYTES], packed[1])


def united(parts: Iterable[PictureHashes]) -> PictureHashes:
    """Returns the pictures of all parts, each once, in order of their hashes."""
    rows = np.unique(np.concatenate([np.column_stack(part) for part in parts]), axis=0)
    return PictureHashes(rows[:, :DIGEST_BYTES], rows[:, DIGEST_BYTES:])


def seen(tested: PictureHashes, known: PictureHashes) -> np.ndarray:
    """Looks for each of N pictures among others: UNSEEN, NEAR_DUPLICATE or COPY, int [N]."""
    found = np.where(copies(tested, known), COPY, UNSEEN)

    left = np.flatnonzero(found == UNSEEN)
    near = near_duplicates.near_any(tested.perceptual[left], known.perceptual)
    found[left[near]] = NEAR_DUPLICATE
    return found


def copies(tested: PictureHashes, known: PictureHashes) -> np.ndarray:
    """Returns bool [N]: which pictures are among others byte for byte."""
    return np.isin(*(np.ascontiguousarray(hashes.digests).view(np.uint64).ravel()
                     for hashes in (tested, known)))


def picked(hashes: PictureHashes, rows: np.ndarray) -> PictureHashes:
    """Returns the pictures of `rows`, positions or bool [N]."""
    return PictureHashes(hashes.digests[rows], hashes.perceptual[rows])


def joined(parts: Iterable[PictureHashes]) -> PictureHashes:
    """Returns the pictures of all parts, in their order."""
    return PictureHashes(*map(np.concatenate, zip(*parts)))


def write(file: Path, by_split: dict[str, PictureHashes]) -> str:
    """Writes hashes by split (about 40 bytes a picture); returns the file's sha256."""
    arrays = {f"{split}_{name}": values for split, hashes in by_split.items()
              for name, values in hashes._asdict().items()}
    with files.replaced(file) as partial:
        np.savez(partial, **arrays)
    return files.sha256(file)


def read(file: Path, sha256: str) -> dict[str, PictureHashes]:
    """Reads what `write` wrote; raises ValueError if that isn't what the file holds now."""
    if files.sha256(file) != sha256:
        raise ValueError(f"{file}: not the file that was written (its sha256 differs); restore it")
    with np.load(file, allow_pickle=False) as arrays:
        return {split: PictureHashes(arrays[f"{split}_digests"], arrays[f"{split}_perceptual"])
                for split in dict.fromkeys(name.partition("_")[0] for name in arrays)}
