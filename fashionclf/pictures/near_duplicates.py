"""Pictures that look alike: copies in another size, quality, colour or with a narrow crop."""
import functools
import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import scipy.fft
import scipy.sparse
from PIL import Image

from fashionclf.system.progress import progress_bar

SIDE = 16  # of a hash, which has SIDE**2 bits
FINEST = 4 * SIDE  # pixels a side that it looks at
LEAST = 3 * SIDE  # pixels a side that hold its frequencies
THRESHOLD = 32  # bits; tools/benchmark/near_duplicates measures what it finds and what it confuses
TILE = 4096  # hashes compared at a time with as many others: 64 MB of distances


def perceptual_hash(grey: np.ndarray, scale: float = 1, size: tuple[int, int] | None = None) -> str:
    """The signs of the picture's 256 lowest frequencies, against their median.

    It is ImageHash's phash, whose steps are linear up to the signs, as two products of matrices:
    a quarter of the time (a test compares). The picture is first made smaller by the mean over as
    many pixels as leave it the 64 x 64 that phash looks at.

    Args:
        grey: uint8 [H, W], luminance.
        scale, size: `grey` is 1 / scale of a picture of `size`, (width, height), rounded up.

    Returns:
        64 hex digits.
    """
    means = tuple(max(1, side // FINEST) for side in grey.shape[::-1])
    small = grey if means == (1, 1) else np.asarray(Image.fromarray(grey).reduce(means))
    across, down = (length / scale / mean
                    for length, mean in zip(size or grey.shape[::-1], means))
    height, width = small.shape
    low = _low_frequencies(height, down) @ small @ _low_frequencies(width, across).T
    low = low.round().ravel()  # of what is flat, all but the first are 0
    median = np.sort(low)[len(low) // 2 - 1:][:2].mean()  # np.median takes longer than the rest
    return np.packbits(low > median).tobytes().hex()


@functools.lru_cache(maxsize=1024)  # 10 kB each; most pictures have a side in common
def _low_frequencies(side: int, extent: float) -> np.ndarray:
    """float64 [SIDE, side]: what resizes to FINEST and gives the lowest of a DCT.

    Args:
        extent: pixels that the picture covers, the last of `side` perhaps in part.
    """
    identity = Image.fromarray(np.eye(side, dtype=np.float32))
    resized = np.asarray(identity.resize((side, FINEST), Image.Resampling.LANCZOS,
                                         box=(0, 0, side, extent)), float)
    return scipy.fft.dct(resized, axis=0)[:SIDE]


def groups(looks: pd.Series, threshold: int = THRESHOLD) -> pd.Series:
    """Compares every picture with every other: 290,000 take some minutes on two CPU cores.

    Ten times the pictures take a hundred times as long; a threshold of 0 only sorts.

    Args:
        looks: a perceptual hash a picture.
        threshold: by how many bits look-alikes differ at most.

    Returns:
        int on the index of `looks`, equal for pictures that a chain of look-alikes connects.
    """
    kind, distinct = pd.factorize(looks)
    if threshold == 0:
        return pd.Series(kind, index=looks.index)
    low, high = pairs(distinct, threshold).T
    near = scipy.sparse.coo_array((np.ones(len(low), bool), (low, high)),
                                  shape=(len(distinct), len(distinct)))
    number = scipy.sparse.csgraph.connected_components(near, directed=False)[1]
    return pd.Series(number[kind], index=looks.index)


def pairs(looks: Sequence[str], threshold: int = THRESHOLD) -> np.ndarray:
    """int [P, 2], positions (the lower first) of hashes that differ in at most `threshold` bits."""
    return np.concatenate([np.empty((0, 2), int), *_near_pairs(_signs(looks), threshold)])


def bits(looks: Sequence[str], others: Sequence[str]) -> np.ndarray:
    """int [K], in how many bits each of K hashes differs from the other at its place."""
    return np.count_nonzero(_signs(looks) != _signs(others), axis=1)


def _signs(hashes: Sequence[str]) -> np.ndarray:
    """float32 [K, 256] of -1 and 1: two hashes differ in (256 - a @ b) / 2 bits."""
    packed = np.frombuffer(bytes.fromhex("".join(hashes)), np.uint8).reshape(-1, SIDE**2 // 8)
    return 2 * np.unpackbits(packed, axis=1).astype(np.float32) - 1


def _near_pairs(signs: np.ndarray, threshold: int) -> Iterator[np.ndarray]:
    least = signs.shape[1] - 2 * threshold
    starts = range(0, len(signs), TILE)
    tiles = list(itertools.combinations_with_replacement(starts, 2))
    for first, second in progress_bar(tiles, desc="comparing pictures", unit="tiles"):
        alike = signs[first:first + TILE] @ signs[second:second + TILE].T >= least
        if alike.any():
            low, high = np.nonzero(alike)
            found = np.column_stack([low + first, high + second])
            yield found[found[:, 0] < found[:, 1]]
