"""Finds near-duplicates: copies in another size, quality, colour or with a narrow crop."""
import functools
import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
import scipy.fft
import scipy.sparse
from PIL import Image

from fashionclf.pictures.framing import mirrored
from fashionclf.system.progress import progress_bar

SIDE = 16  # of a hash, which has SIDE**2 bits
FINEST = 4 * SIDE  # pixels a side of the picture that is hashed
LEAST = 3 * SIDE  # pixels a side that still hold these frequencies
THRESHOLD = 32  # bits; tools/benchmark/near_duplicates measures its hits and its false alarms
TILE = 4096  # hashes compared at a time with as many others: 64 MB of distances


def perceptual_hash(grey: np.ndarray, scale: float = 1, size: tuple[int, int] | None = None,
                    orientation: int = 1) -> str:
    """Hashes to 64 hex digits: a bit for each of the 256 lowest frequencies, set above the median.

    This is ImageHash's phash in a quarter of the time (a test compares them): its steps up to the
    bits are linear, so that two matrix products do them. The picture is first averaged over whole
    pixels, down to no less than the 64 x 64 that phash uses.

    `grey`, uint8 [H, W], is luminance at 1 / scale of the picture's `size`, rounded up: width and
    height, None for those of `grey`. It is hashed as if turned by its EXIF `orientation`.
    """
    means = tuple(max(1, side // FINEST) for side in grey.shape[::-1])
    small = grey if means == (1, 1) else np.asarray(Image.fromarray(grey).reduce(means))
    extents = size or grey.shape[::-1]
    across, down = (length / scale / mean for length, mean in zip(extents, means))

    height, width = small.shape
    low = _low_frequencies(height, down) @ small @ _low_frequencies(width, across).T
    low = _turned(low, orientation)
    low = low.round().ravel()  # for a flat picture all but the first are 0
    median = np.sort(low)[len(low) // 2 - 1:][:2].mean()  # np.median takes longer than the rest
    return np.packbits(low > median).tobytes().hex()


def _turned(low: np.ndarray, orientation: int) -> np.ndarray:
    """The frequencies of a turned picture: mirrored, the odd ones of its DCT change their sign."""
    low = low.T.copy() if orientation >= 5 else low
    across, down = mirrored(orientation)
    if across:
        low[:, 1::2] *= -1
    if down:
        low[1::2] *= -1
    return low


@functools.lru_cache(maxsize=1024)  # 10 kB each; most pictures share a side length
def _low_frequencies(side: int, extent: float) -> np.ndarray:
    """Returns float64 [SIDE, side], which resizes to FINEST and takes a DCT's lowest frequencies.

    The picture covers `extent` pixels; it may end within the last of `side`.
    """
    identity = Image.fromarray(np.eye(side, dtype=np.float32))
    resized = np.asarray(identity.resize((side, FINEST), Image.Resampling.LANCZOS,
                                         box=(0, 0, side, extent)), float)
    return scipy.fft.dct(resized, axis=0)[:SIDE]


def groups(hashes: pd.Series, threshold: int = THRESHOLD) -> pd.Series:
    """Groups pictures whose hashes differ in at most `threshold` bits; compares every two.

    290,000 pictures take some minutes on two CPU cores, ten times as many a hundred times as
    long. A threshold of 0 compares nothing and groups equal hashes. Returns int on the index of
    `hashes`, equal for pictures connected by a chain of near-duplicates.
    """
    codes, distinct = pd.factorize(hashes)
    if threshold == 0:
        return pd.Series(codes, index=hashes.index)

    low, high = pairs(distinct, threshold).T
    near = scipy.sparse.coo_array((np.ones(len(low), bool), (low, high)),
                                  shape=(len(distinct), len(distinct)))
    group = scipy.sparse.csgraph.connected_components(near, directed=False)[1]
    return pd.Series(group[codes], index=hashes.index)


def pairs(hashes: Sequence[str], threshold: int = THRESHOLD) -> np.ndarray:
    """Returns int [P, 2], positions (lower first) of hashes at most `threshold` bits apart."""
    signs = _signs(packed(hashes))
    least = signs.shape[1] - 2 * threshold

    # Tile by tile, as the distances of all would not fit into memory
    tiles = list(itertools.combinations_with_replacement(range(0, len(signs), TILE), 2))
    near = [np.empty((0, 2), int)]
    for first, second in progress_bar(tiles, desc="comparing pictures", unit="tiles"):
        is_near = signs[first:first + TILE] @ signs[second:second + TILE].T >= least
        if is_near.any():
            low, high = np.nonzero(is_near)
            positions = np.column_stack([low + first, high + second])
            near.append(positions[positions[:, 0] < positions[:, 1]])
    return np.concatenate(near)


def bits(hashes: Sequence[str], others: Sequence[str]) -> np.ndarray:
    """Returns int [K], the number of bits in which hashes[k] and others[k] differ."""
    return np.bitwise_count(packed(hashes) ^ packed(others)).sum(axis=1, dtype=int)


def near_any(hashes: np.ndarray, others: np.ndarray, threshold: int = THRESHOLD) -> np.ndarray:
    """Returns bool [N]: which of `hashes` are at most `threshold` bits from any of `others`.

    Both are `packed`. 100,000 hashes against 300,000 take some minutes on two CPU cores.
    """
    near = np.zeros(len(hashes), bool)
    tiles = list(itertools.product(range(0, len(hashes), TILE), range(0, len(others), TILE)))
    for first, second in progress_bar(tiles, desc="looking for known pictures", unit="tiles"):
        tile, known = _signs(hashes[first:first + TILE]), _signs(others[second:second + TILE])
        near[first:first + TILE] |= (tile @ known.T).max(axis=1) >= tile.shape[1] - 2 * threshold
    return near


def packed(hashes: Sequence[str]) -> np.ndarray:
    """Returns the bytes of hashes of 64 hex digits: uint8 [K, 32]."""
    return np.frombuffer(bytes.fromhex("".join(hashes)), np.uint8).reshape(-1, SIDE**2 // 8)


def _signs(packed: np.ndarray) -> np.ndarray:
    """Returns float32 [K, 256] of -1 and 1: rows a and b differ in (256 - a @ b) / 2 bits."""
    return 2 * np.unpackbits(packed, axis=1).astype(np.float32) - 1
