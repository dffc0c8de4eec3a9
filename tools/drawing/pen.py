"""The pen: draws Parts on a picture, in fabrics that fold and round off at the edges."""
from collections.abc import Mapping

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tools.drawing.fabrics import Fabric
from tools.drawing.outlines import Part

GARMENT = frozenset({"cloth", "lining", "rib", "trim", "fur"})  # what the box goes around


class Pen:
    """A picture being drawn.

    `canvas` is float32 [H, W, 3] RGB 0..255; `garment` is bool [H, W], true where the
    garment covers it.
    """

    def __init__(self, background: np.ndarray, matrix: np.ndarray,
                 fabrics: Mapping[str, Fabric], rng: np.random.Generator):
        """`matrix` is float [2, 3], from body units to pixels."""
        self.canvas = background.astype(np.float32)
        self.garment = np.zeros(self.canvas.shape[:2], bool)
        self.matrix = matrix
        self.unit = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
        self.fabrics = fabrics
        self.folds = _folds(self.garment.shape, self.unit, rng)

    def draw(self, part: Part) -> None:
        """Draws one part over what is there; what falls outside is cut off."""
        pixels = part.points @ self.matrix[:, :2].T + self.matrix[:, 2]
        if not part.stroke:
            pixels = _rounded(pixels)
        mask, window = self._mask(pixels, part.stroke * self.unit)
        if mask is None:
            return
        colour = self._colour(part, mask, window)
        cover = np.asarray(mask, np.float32)[..., None] / 255
        self.canvas[window] += cover * (colour - self.canvas[window])
        if part.material in GARMENT:
            self.garment[window] |= cover[..., 0] > 0.5

    def _mask(self, pixels: np.ndarray, stroke: float):
        """The part as an L image, cut to the window (two slices) that it falls in."""
        height, width = self.garment.shape
        low = np.maximum(np.floor(pixels.min(0) - stroke - 2), 0).astype(int)
        high = np.minimum(np.ceil(pixels.max(0) + stroke + 2), [width, height]).astype(int)
        if (high <= low).any():
            return None, None
        mask = Image.new("L", tuple(int(n) for n in high - low))
        points = [tuple(p) for p in (pixels - low).tolist()]
        if stroke:
            ImageDraw.Draw(mask).line(points, fill=255, width=max(1, round(stroke)))
        else:
            ImageDraw.Draw(mask).polygon(points, fill=255)
        return mask, (slice(low[1], high[1]), slice(low[0], high[0]))

    def _colour(self, part: Part, mask: Image.Image, window) -> np.ndarray:
        fabric = self.fabrics[part.material]
        if part.stroke:
            return fabric.colour * part.shade
        cos, sin = np.cos(part.turn), np.sin(part.turn)
        inverse = np.array([[cos, -sin], [sin, cos]]) @ np.linalg.inv(self.matrix[:, :2])
        inverse = inverse.astype(np.float32)
        x = np.arange(window[1].start, window[1].stop, dtype=np.float32) - self.matrix[0, 2]
        y = np.arange(window[0].start, window[0].stop, dtype=np.float32) - self.matrix[1, 2]
        u = inverse[0, 0] * x[None] + inverse[0, 1] * y[:, None] + 10  # keeps them positive
        v = inverse[1, 0] * x[None] + inverse[1, 1] * y[:, None] + 10
        rounding = np.asarray(mask.filter(ImageFilter.BoxBlur(0.028 * self.unit)), np.float32)
        shade = part.shade * (0.7 + 0.3 * np.minimum(rounding / 230, 1))
        shade *= 1 + fabric.folds * self.folds[window]
        return fabric.at(u.astype(np.float32), v.astype(np.float32)) * shade[..., None]


def _folds(shape: tuple[int, int], unit: float, rng: np.random.Generator) -> np.ndarray:
    """How folds shade the cloth, float32 [H, W] in about -1..1: mostly drawn-out waves."""
    height, width = (max(2, n // 4) for n in shape)
    y, x = np.mgrid[:height, :width].astype(np.float32) * (4 / unit)
    field = np.zeros_like(x)
    for _ in range(5):
        angle = rng.normal(0, 0.5)
        along = x * np.cos(angle) + y * np.sin(angle)
        across = y * np.cos(angle) - x * np.sin(angle)
        bow = rng.uniform(0.5, 2) * np.sin(rng.uniform(3, 8) * across + rng.uniform(0, 6))
        field += np.sin(rng.uniform(12, 45) * along + bow + rng.uniform(0, 6))
    small = Image.fromarray(field / 3)
    return np.asarray(small.resize(shape[::-1], Image.Resampling.BILINEAR), np.float32)


def _rounded(points: np.ndarray) -> np.ndarray:
    """Cuts the corners of a closed outline twice (Chaikin), which makes it a curve."""
    for _ in range(2):
        after = np.roll(points, -1, axis=0)
        points = np.stack([0.84 * points + 0.16 * after, 0.16 * points + 0.84 * after], 1)
        points = points.reshape(-1, 2)
    return points
