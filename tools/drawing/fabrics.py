"""Fabrics: small seamless tiles of colour, looked up by body coordinates."""
import colorsys
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

TILE = 192  # pixels; a multiple of all repeats below, so that tiles have no seam
UNITS = 0.5  # body units that one tile covers

# hue, saturation, value ranges
PALETTES = {
    "any": [(0, 1, 0.05, 0.85, 0.25, 0.95), (0, 1, 0, 0.1, 0.08, 0.97)],
    "soft": [(0, 1, 0.05, 0.35, 0.75, 0.97)],
    "bright": [(0, 1, 0.65, 0.95, 0.6, 0.95)],
    "outer": [(0.55, 0.68, 0.3, 0.7, 0.15, 0.4), (0.06, 0.11, 0.3, 0.6, 0.4, 0.75),
              (0, 1, 0, 0.08, 0.08, 0.7), (0.95, 1, 0.5, 0.8, 0.3, 0.5)],
    "army": [(0.13, 0.25, 0.25, 0.55, 0.25, 0.5), (0.09, 0.12, 0.3, 0.5, 0.45, 0.7),
             (0.58, 0.65, 0.3, 0.6, 0.15, 0.35)],
    "navy": [(0.58, 0.66, 0.4, 0.7, 0.12, 0.3), (0, 1, 0, 0.1, 0.06, 0.2)],
    "denim": [(0.57, 0.62, 0.25, 0.65, 0.25, 0.8)],
    "skin": [(0.04, 0.08, 0.25, 0.6, 0.4, 0.97)],
}


@dataclass(frozen=True)
class Fabric:
    """`tile` is float32 [N, N, 3] RGB 0..255; `folds` is how deep its folds shade, 0..1."""

    tile: np.ndarray
    folds: float = 0.1

    @property
    def colour(self) -> np.ndarray:
        """The mean RGB, float32 [3]."""
        return self.tile.mean(axis=(0, 1))

    def at(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """RGB [..., 3] at body coordinates u, v [...]."""
        size = len(self.tile)
        rows = (v * (TILE / UNITS)).astype(np.int32) % size
        columns = (u * (TILE / UNITS)).astype(np.int32) % size
        return self.tile[rows, columns]


def draw_colour(palette: str, rng: np.random.Generator) -> np.ndarray:
    """A colour of the palette, RGB 0..255, float32 [3]."""
    ranges = PALETTES[palette][rng.integers(len(PALETTES[palette]))]
    hsv = [rng.uniform(*ranges[i:i + 2]) for i in (0, 2, 4)]
    return np.float32(colorsys.hsv_to_rgb(*hsv)) * 255


def flat(colour, folds: float = 0.05) -> Fabric:
    """A fabric of one colour."""
    return Fabric(np.broadcast_to(np.float32(colour), (1, 1, 3)), folds)


def contrast(colour: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A second colour that is seen on the first."""
    for _ in range(20):
        other = draw_colour("any", rng)
        if np.abs(other - colour).mean() > 60:
            return other
    return 255 - colour


def draw_fabric(kind: str, palette: str, rng: np.random.Generator) -> Fabric:
    """Draws a fabric of that kind; its colours come from the palette."""
    base = draw_colour("denim" if kind == "denim" else palette, rng)
    tile = np.broadcast_to(base, (TILE, TILE, 3)).astype(np.float32)
    tile, folds = KINDS[kind](tile, contrast(base, rng), rng)
    weave = rng.normal(0, 2.5, (TILE, TILE, 1))
    return Fabric(np.clip(tile + weave, 0, 255).astype(np.float32), folds)


def _mix(tile, other, amount):
    """Blends `other` into the tile by amount, [N, N] in 0..1."""
    return tile + amount[..., None] * (other - tile)


def _bands(rng, repeats: tuple[int, ...] = (2, 3, 4, 6, 8), duty=(0.2, 0.6)) -> np.ndarray:
    """A 0/1 pattern [N] of bands that repeats on the tile."""
    period = TILE // rng.choice(repeats)
    return (np.arange(TILE) % period < period * rng.uniform(*duty)).astype(np.float32)


def _plain(tile, other, rng):
    return tile, rng.uniform(0.08, 0.16)


def _sheer(tile, other, rng):
    return _mix(tile, np.float32([255, 250, 245]), np.full((TILE, TILE), 0.45)), 0.2


def _leather(tile, other, rng):
    return tile * 0.55, 0.4


def _stripes(tile, other, rng):
    return _mix(tile, other, np.repeat(_bands(rng)[:, None], TILE, 1)), 0.1


def _pinstripe(tile, other, rng):
    lines = _bands(rng, (8, 12, 16), (0.1, 0.25))
    return _mix(tile, np.float32([235, 235, 240]), 0.8 * np.repeat(lines[None], TILE, 0)), 0.1


def _check(tile, other, rng):
    bands, fine = _bands(rng, (2, 3, 4, 6), (0.35, 0.55)), _bands(rng, (4, 6), (0.05, 0.12))
    crossed = 0.5 * (bands[:, None] + bands[None])
    tile = _mix(tile, other, crossed)
    return _mix(tile, contrast(other, rng), 0.6 * np.maximum(fine[:, None], fine[None])), 0.1


def _tweed(tile, other, rng):
    speckle = rng.random((TILE // 2, TILE // 2)).repeat(2, 0).repeat(2, 1)
    return _mix(tile, tile * 0.45 + 70, (speckle > 0.6) * rng.uniform(0.5, 0.9)), 0.07


def _knit(tile, other, rng):
    x, y = np.meshgrid(np.arange(TILE), np.arange(TILE))
    period = TILE // rng.choice((12, 16, 24))
    ribs = np.abs(np.sin(np.pi * x / period))
    stitches = np.abs(np.sin(np.pi * (y + 0.8 * np.abs(x % period - period / 2)) / 8))
    return tile * (0.6 + 0.3 * ribs + 0.2 * stitches)[..., None], 0.07


def _denim(tile, other, rng):
    x, y = np.meshgrid(np.arange(TILE), np.arange(TILE))
    twill = 0.06 * np.sin(2 * np.pi * (x + y) / 6)
    streaks = rng.normal(0, 0.09, TILE)[None]
    grain = rng.normal(0, 0.05, (TILE, TILE))
    return tile * (1 + twill + streaks + grain)[..., None], 0.16


def _quilt(tile, other, rng):
    x, y = np.meshgrid(np.arange(TILE), np.arange(TILE))
    period = TILE // rng.choice((3, 4))
    across = 0 if rng.random() < 0.5 else 1  # rows as on a puffer, or diamonds
    puff = np.abs(np.sin(np.pi * (y + across * x) / period))
    if across:
        puff = np.minimum(puff, np.abs(np.sin(np.pi * (y - x) / period)))
    return tile * (0.6 + 0.5 * np.sqrt(puff))[..., None], 0.1


def _dots(tile, other, rng):
    period = TILE // rng.choice((4, 6, 8))
    x, y = np.meshgrid(np.arange(TILE), np.arange(TILE))
    x = x + (y // period % 2) * period // 2
    distance = np.hypot(x % period - period / 2, y % period - period / 2)
    return _mix(tile, other, (distance < period * rng.uniform(0.2, 0.34)) * 1.0), 0.14


def _floral(tile, other, rng):
    image = Image.fromarray(np.uint8(tile))
    pen = ImageDraw.Draw(image)
    colours = [tuple(np.uint8(c)) for c in (other, contrast(other, rng), draw_colour("army", rng))]
    radius = rng.uniform(7, 15)
    for i in range(int(9000 / radius ** 2)):
        x, y = rng.uniform(0, TILE, 2)
        turn = rng.uniform(0, 2 * np.pi)
        for dx in (-TILE, 0, TILE):
            for dy in (-TILE, 0, TILE):
                _flower(pen, x + dx, y + dy, radius, turn, colours if i % 3 else colours[::-1])
    return np.asarray(image, np.float32), 0.14


def _flower(pen, x, y, radius, turn, colours):
    for petal in range(5):
        angle = turn + petal * 2 * np.pi / 5
        cx, cy = x + 0.6 * radius * np.cos(angle), y + 0.6 * radius * np.sin(angle)
        pen.ellipse([cx - radius / 2, cy - radius / 2, cx + radius / 2, cy + radius / 2],
                    fill=colours[0])
    pen.ellipse([x - radius / 3, y - radius / 3, x + radius / 3, y + radius / 3], fill=colours[1])


KINDS = {"plain": _plain, "sheer": _sheer, "leather": _leather, "stripes": _stripes,
         "pinstripe": _pinstripe, "check": _check, "tweed": _tweed, "knit": _knit,
         "denim": _denim, "quilt": _quilt, "dots": _dots, "floral": _floral}
