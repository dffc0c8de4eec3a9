"""The perceptual hash pHash, bit for bit that of ImageHash, in a third of its time.

Three fifths of imagehash.phash is Pillow's resizing to 64 x 64, which also depends on Pillow's
version: since 13 a tall picture is resized vertically first. Here the same fixed-point sums
are products of matrices, exact in float64, in the order of Pillow 13.
"""
import functools
import math

import numpy as np
import scipy.fftpack
from PIL import Image

SIDE = 16  # of a hash, which has SIDE**2 bits
SMALL = 4 * SIDE  # pixels, the side of the picture whose frequencies are taken
LOBES = 3  # of Pillow's Lanczos filter
UNIT = 2.0 ** 22  # Pillow's weights are integers, of which so many are 1
GROUP = 8  # columns computed at a time: they see nearly the same pixels
LINES = 1024  # resized at a time, which bounds the memory


def perceptual_hash(pixels: np.ndarray) -> str:
    """The signs of the picture's 256 lowest frequencies, against their median.

    Args:
        pixels: uint8 [H, W, 3], RGB.

    Returns:
        64 hex digits (imagehash.phash of 16 x 16).
    """
    small = _resized(np.asarray(Image.fromarray(pixels).convert("L")))
    rows = scipy.fftpack.dct(small, axis=0)[:SIDE]
    frequencies = scipy.fftpack.dct(rows, axis=1)[:, :SIDE]
    middle = np.sort(frequencies, axis=None)[SIDE**2 // 2 - 1:][:2]
    return np.packbits(frequencies > middle.sum() / 2).tobytes().hex()


def _resized(grey: np.ndarray) -> np.ndarray:
    """uint8 [H, W] -> whole numbers 0..255, float64 [64, 64], as Image.resize with LANCZOS."""
    height, width = grey.shape
    if 2 * width < height + SMALL:
        return _narrowed(_narrowed(grey.T).T)
    return _narrowed(_narrowed(grey).T).T


def _narrowed(lines: np.ndarray) -> np.ndarray:
    """[N, size] -> float64 [N, 64]: each line resized, and rounded as Pillow does."""
    sums = np.empty((len(lines), SMALL))
    for start in range(0, len(lines), LINES):
        some = lines[start:start + LINES].astype(np.float64)
        for at, first, weights in _weights(lines.shape[1]):
            sums[start:start + LINES, at:at + GROUP] = (
                some[:, first:first + len(weights)] @ weights)
    return np.clip(np.floor(sums / UNIT + 0.5), 0, 255)


@functools.lru_cache(maxsize=1024)
def _weights(size: int) -> list[tuple[int, int, np.ndarray]]:
    """(first column, first pixel, weights [pixels, GROUP]) of each group of columns."""
    spans = [_column(size, at) for at in range(SMALL)]
    groups = []
    for at in range(0, SMALL, GROUP):
        columns = spans[at:at + GROUP]
        first = columns[0][0]
        end = max(start + len(values) for start, values in columns)
        weights = np.zeros((end - first, GROUP))
        for number, (start, values) in enumerate(columns):
            weights[start - first:start - first + len(values), number] = values
        groups.append((at, first, weights))
    return groups


def _column(size: int, at: int) -> tuple[int, list[int]]:
    """The first pixel that a column sees, and its weights (Pillow's Resample.c)."""
    scale = size / SMALL
    stretch = max(scale, 1.0)
    center = (at + 0.5) * scale
    first = max(0, int(center - LOBES * stretch + 0.5))
    end = min(size, int(center + LOBES * stretch + 0.5))
    values = [_lanczos((pixel - center + 0.5) / stretch) for pixel in range(first, end)]
    total = sum(values)
    return first, [int(math.copysign(0.5, value) + value / total * UNIT) for value in values]


def _lanczos(x: float) -> float:
    return _sinc(x) * _sinc(x / LOBES) if -LOBES <= x < LOBES else 0.0


def _sinc(x: float) -> float:
    return math.sin(math.pi * x) / (math.pi * x) if x else 1.0
