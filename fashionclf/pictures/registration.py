"""Compares pictures after laying one over the other: cut, bordered, mirrored or recoloured copies.

Gauss-Newton steps find scale and shift along each axis (Lucas and Kanade, 1981), together with gain
and offset of the brightness, and with weights that play down what was laid over a copy (Geman and
McClure, 1987). The likeness is then the mean or median correlation of small blocks: garments of one
outline agree somewhat in most blocks, copies almost fully wherever nothing was laid over them.
"""
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy import ndimage

SIDE, COARSE = 64, 16  # pixels a side of a thumbnail, and of its colours
EVEN = 24  # levels of 256 by which the pixels of an even border may differ from its corner
STARTS = ((1.0, 0), (1.0, 6), (1.2, 6), (0.85, 6))  # scales, and steps from each, at side COARSE
PROMISING = 0.7  # least likeness at the side COARSE of pairs that are worth the finer levels
FINER = ((32, 6), (SIDE, 2))  # pixels a side, and steps
BLOCKS, LEAST_BLOCK = 8, 4  # blocks a side, of at least so many pixels a side
NOISE = 0.5  # added to the product of two contrasts: flat blocks correlate by chance
STRONGEST = 20.0  # levels; a block of more contrast weighs no more


class Thumbnails(NamedTuple):
    """N pictures without a border of even colour, squashed to squares; 4.6 kB each."""
    grey: np.ndarray  # uint8 [N, SIDE, SIDE]
    chroma: np.ndarray  # uint8 [N, COARSE, COARSE, 2]: Cb and Cr of ITU-R BT.601

    @classmethod
    def empty(cls, count: int) -> "Thumbnails":
        return cls(np.empty((count, SIDE, SIDE), np.uint8),
                   np.empty((count, COARSE, COARSE, 2), np.uint8))

    def of(self, numbers: np.ndarray | slice) -> "Thumbnails":
        return Thumbnails(self.grey[numbers], self.chroma[numbers])


class Comparison(NamedTuple):
    """How P pairs of pictures compare."""
    likeness: np.ndarray  # float32 [P], up to 1
    tint: np.ndarray  # float32 [P]: levels of 256 by which the colours differ
    mirrored: np.ndarray  # bool [P]: whether the other one fits better when mirrored


def thumbnail(pixels: np.ndarray) -> Thumbnails:
    """Returns the thumbnail of one picture, uint8 [H, W, 3]; its arrays lack the axis N."""
    inner = (np.abs(pixels.astype(np.int16) - pixels[0, 0]) > EVEN).any(axis=2)
    rows, columns = (np.flatnonzero(inner.any(axis=axis)) for axis in (1, 0))
    if min(len(rows), len(columns)) >= BLOCKS:  # else there is nothing but the border
        pixels = pixels[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]

    box, cubic = Image.Resampling.BOX, Image.Resampling.BICUBIC
    grey, *chroma = Image.fromarray(np.ascontiguousarray(pixels)).convert("YCbCr").split()
    grey = grey.resize((SIDE, SIDE), box if min(grey.size) > SIDE else cubic)
    return Thumbnails(np.asarray(grey), np.stack(
        [channel.resize((COARSE, COARSE), box) for channel in chroma], axis=2))


def compare(pictures: Thumbnails, others: Thumbnails) -> Comparison:
    """Compares P pairs; takes 0.3 MB of memory a pair, and 1 to 2 ms of one CPU core.

    Pairs that are not PROMISING are given their coarse likeness.
    """
    likeness, mirrored, warp = _coarse(_reduced(pictures.grey, COARSE),
                                       _reduced(others.grey, COARSE))
    tint = np.full_like(likeness, np.inf)
    good = np.flatnonzero(likeness >= PROMISING)
    if not len(good):
        return Comparison(likeness, tint, mirrored)

    pictures, others, warp = pictures.of(good), others.of(good), warp[good]
    turned = mirrored[good, None, None]
    others = Thumbnails(
        np.where(turned, others.grey[:, :, ::-1], others.grey),
        np.where(turned[..., None], others.chroma[:, :, ::-1], others.chroma))
    for side, steps in FINER:
        target, moving = _reduced(pictures.grey, side), _reduced(others.grey, side)
        warp = _aligned(target, moving, warp, steps)
    likeness[good] = _likeness(target, moving, warp)
    tint[good] = _tint(pictures, others, warp)
    return Comparison(likeness, tint, mirrored)


def _coarse(target: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Finds the best warp from all starts, as a step only leads to the nearest optimum.

    Returns likeness, float32 [P], mirrored, bool [P], and the warp of `_aligned`.
    """
    tried = []
    for moving in (other, other[:, :, ::-1]):
        for scale, steps in STARTS:
            start = np.tile(np.float32([scale, 0, scale, 0]), (len(target), 1))
            warp = _aligned(target, moving, start, steps)
            tried.append((_likeness(target, moving, warp), warp))

    likenesses, warps = map(np.stack, zip(*tried))
    best, pairs = likenesses.argmax(axis=0), np.arange(len(target))
    return likenesses[best, pairs], best >= len(STARTS), warps[best, pairs]


def _reduced(grey: np.ndarray, side: int) -> np.ndarray:
    """Averages to float32 [P, side, side]; at full size, over the nearest pixels."""
    if side == SIDE:  # else fine patterns would differ after a shift by half a pixel
        smooth = grey.astype(np.float32)
        for axis in (1, 2):
            smooth = ndimage.convolve1d(smooth, [0.25, 0.5, 0.25], axis=axis)
        return smooth
    factor = SIDE // side
    return grey.reshape(-1, side, factor, side, factor).mean(axis=(2, 4), dtype=np.float32)


def _aligned(target: np.ndarray, moving: np.ndarray, warp: np.ndarray, steps: int) -> np.ndarray:
    """Improves `warp`, float32 [P, 4]: scale and shift across, then down, where sides are 2 long.

    A step solves target = gain * (warped + gradient * change of the warp) + offset by weighted
    least squares.
    """
    count, side = len(target), target.shape[1]
    places, flat = _places(side), target.reshape(count, -1, 1)
    weights = np.ones((count, 1, side**2), np.float32)
    for step in range(steps):
        warped, inside = _warped(moving, warp)
        across = np.gradient(warped, axis=2) * (side / 2 / warp[:, 0, None, None])
        down = np.gradient(warped, axis=1) * (side / 2 / warp[:, 2, None, None])
        design = np.stack([across * places, across, down * places[:, None], down, warped,
                           np.ones_like(warped)], axis=1).reshape(count, 6, -1)
        inside = inside.reshape(count, 1, -1)

        weighted = design * (weights * inside)
        normal = weighted @ design.transpose(0, 2, 1)
        normal += (1e-3 * normal + 1e-3) * np.eye(6, dtype=np.float32)  # singular for flat pictures
        solution = np.linalg.solve(normal, weighted @ flat)
        gain = solution[:, 4]
        gain = np.where(np.abs(gain) < 0.1, np.copysign(0.1, gain), gain)
        if step or side == COARSE:  # else a banner would move it, as the first step has no weights
            warp = _limited(warp + np.clip(solution[:, :4, 0] / gain, -0.1, 0.1))

        residuals = np.abs(flat.transpose(0, 2, 1) - solution.transpose(0, 2, 1) @ design)
        typical = ((residuals * inside).sum(axis=2, keepdims=True)
                   / inside.sum(axis=2, keepdims=True))
        weights = 1 / (1 + (residuals / (2 * typical + 1))**2)**2
    return warp


def _limited(warp: np.ndarray) -> np.ndarray:
    """Keeps scales and shifts where the pictures overlap by at least a quarter."""
    return np.clip(warp, np.float32([0.6, -0.5, 0.6, -0.5]), np.float32([1.6, 0.5, 1.6, 0.5]))


def _places(side: int) -> np.ndarray:
    """Returns the centres of a side's pixels, from -1 to 1."""
    return (2 * np.arange(side, dtype=np.float32) + 1) / side - 1


def _warped(moving: np.ndarray, warp: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Resamples bilinearly; also returns bool [P, side, side], false outside of `moving`."""
    side = moving.shape[1]
    scales, shifts = warp.reshape(-1, 2, 2, 1).transpose(2, 1, 0, 3)
    centres = (scales * _places(side) + shifts + 1) * (side / 2) - 0.5  # [axis, P, side]
    inside = (centres > -0.01) & (centres < side - 0.99)
    across, down = np.maximum(
        0, 1 - np.abs(centres[..., None] - np.arange(side, dtype=np.float32)))
    return (down @ moving @ across.transpose(0, 2, 1),
            inside[1][:, :, None] & inside[0][:, None, :])


def _likeness(target: np.ndarray, moving: np.ndarray, warp: np.ndarray) -> np.ndarray:
    """Returns the mean of the blocks' correlations, or their median if it is higher: float32 [P].

    The mean, weighted by contrast, does without blocks that are flat. The median does without what
    was laid over a copy.
    """
    warped, inside = _warped(moving, warp)
    step = max(LEAST_BLOCK, target.shape[1] // BLOCKS)
    target, warped, inside = (_in_blocks(values, step) for values in (target, warped, inside))
    target, warped = _centred(target, inside), _centred(warped, inside)

    pixels = np.maximum(inside.sum(axis=2), 1)
    contrasts = [np.sqrt((values**2).sum(axis=2) / pixels) for values in (target, warped)]
    covariance = (target * warped).sum(axis=2) / pixels
    correlations = covariance / (contrasts[0] * contrasts[1] + NOISE)

    covered = pixels >= step**2 / 4
    weights = np.minimum(np.maximum(*contrasts), STRONGEST) * covered
    mean = (correlations * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-3)
    median = np.nanmedian(np.where(covered, correlations, np.nan), axis=1)
    return np.maximum(mean, median).astype(np.float32)


def _in_blocks(values: np.ndarray, step: int) -> np.ndarray:
    """Reshapes [P, side, side] to [P, blocks, step**2]."""
    count, parts = len(values), values.shape[1] // step
    blocks = values.reshape(count, parts, step, parts, step).transpose(0, 1, 3, 2, 4)
    return blocks.reshape(count, parts**2, step**2)


def _centred(values: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Subtracts the mean of what is inside along the last axis; outside is 0."""
    pixels = np.maximum(inside.sum(axis=-1, keepdims=True), 1)
    return (values - (values * inside).sum(axis=-1, keepdims=True) / pixels) * inside


def _tint(pictures: Thumbnails, others: Thumbnails, warp: np.ndarray) -> np.ndarray:
    """Returns by how much colours differ after the best gain and offset of brightness: float32 [P].

    The 70 % quantile of the distances, so that text laid over a copy isn't another
    colour.
    """
    count = len(warp)
    warped, inside = _warped(_reduced(others.grey, COARSE), warp)
    inside = inside.reshape(count, -1)
    grey = _centred(_reduced(pictures.grey, COARSE).reshape(count, -1), inside)
    warped = _centred(warped.reshape(count, -1), inside)
    gain = (grey * warped).sum(axis=1) / np.maximum((warped**2).sum(axis=1), 1)

    squares = (grey - gain[:, None] * warped)**2
    for channel in (0, 1):
        moved, _ = _warped(others.chroma[..., channel].astype(np.float32), warp)
        squares += (pictures.chroma[..., channel] - moved).reshape(count, -1)**2
    return np.nanquantile(np.where(inside, np.sqrt(squares), np.nan), 0.7, axis=1)
