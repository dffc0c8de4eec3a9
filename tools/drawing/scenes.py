"""Photographs of garments: the camera, what is behind, the light."""
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tools.drawing.fabrics import draw_colour
from tools.drawing.garments import Garment, draw_wearer, layers
from tools.drawing.pen import GARMENT, Pen

SUPERSAMPLING = 2


def photograph(garment: Garment, image_size: int, rng: np.random.Generator
               ) -> tuple[Image.Image, tuple[int, int, int, int]]:
    """Takes one picture of the garment.

    Returns:
        The picture, RGB, `image_size` pixels on its long side, and the box around the
        garment: x1, y1, x2, y2 in pixels, 1-based and inclusive.
    """
    wearer, pose, wearer_fabrics = draw_wearer(rng)
    parts = layers(garment, wearer, pose)
    own = np.vstack([part.points for part in parts if part.material in GARMENT])
    short = int(image_size * rng.uniform(0.62, 1.0))
    size = (short, image_size) if rng.random() < 0.92 else (image_size, short)
    width, height = (SUPERSAMPLING * n for n in size)
    matrix = _camera(own, width, height, rng)
    background = _background(width, height, rng)
    pen = Pen(background, matrix, garment.fabrics | wearer_fabrics, rng)
    if wearer == "nobody":
        _cast_shadow(pen, parts, rng)
    for part in parts:
        pen.draw(part)
    image = Image.fromarray(_lit(pen.canvas, rng)).reduce(SUPERSAMPLING)
    if rng.random() < 0.25:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.0)))
    return image, _box(pen.garment)


def _camera(points: np.ndarray, width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """A matrix [2, 3] from body units to pixels that leaves the points in the picture."""
    turn, shear = rng.normal(0, 0.06), rng.normal(0, 0.04)
    linear = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    linear = linear @ np.array([[rng.uniform(0.86, 1.06), shear], [0, 1]])
    if rng.random() < 0.5:
        linear = linear @ np.diag([-1, 1])
    low, high = (points @ linear.T).min(0), (points @ linear.T).max(0)
    room = np.array([width, height]) * rng.uniform(0.66, 0.96)
    scale = (room / (high - low)).min()
    spare = np.array([width, height]) - scale * (high - low)
    offset = spare * rng.uniform(0.3, 0.7, 2) - scale * low
    return np.column_stack([scale * linear, offset])


def _box(garment: np.ndarray) -> tuple[int, int, int, int]:
    """The box of the finer mask [H, W] in the picture's own pixels."""
    rows, columns = np.flatnonzero(garment.any(1)), np.flatnonzero(garment.any(0))
    edges = np.array([columns[0], rows[0], columns[-1], rows[-1]]) // SUPERSAMPLING + 1
    return tuple(int(n) for n in edges)


def _cast_shadow(pen: Pen, parts: list, rng: np.random.Generator) -> None:
    """The shadow of a garment that lies or hangs before a surface."""
    mask = Image.new("L", pen.canvas.shape[1::-1])
    shift = rng.uniform(-0.03, 0.03, 2) * pen.unit
    for part in parts:
        if not part.stroke:
            pixels = part.points @ pen.matrix[:, :2].T + pen.matrix[:, 2] + shift
            ImageDraw.Draw(mask).polygon([tuple(p) for p in pixels.tolist()], fill=255)
    soft = mask.filter(ImageFilter.BoxBlur(0.03 * pen.unit))
    pen.canvas *= 1 - 0.45 * np.asarray(soft, np.float32)[..., None] / 255


def _lit(canvas: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Light from one side, its colour, exposure and the sensor's noise; uint8 [H, W, 3]."""
    height, width = canvas.shape[:2]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    slope = rng.normal(0, 0.12, 2)
    light = rng.uniform(0.78, 1.12) * (1 + slope[0] * x + slope[1] * y)
    if rng.random() < 0.2:  # the shadow of something beside the camera
        edge = (x * rng.normal() + y * rng.normal() - rng.uniform(-0.6, 0.6)) * 8
        light = light * (1 - 0.35 / (1 + np.exp(-edge)))
    tint = rng.normal(1, 0.04, 3)
    grain = rng.standard_normal((height // 2, width // 2), np.float32) * rng.uniform(1, 9)
    grain = np.pad(grain.repeat(2, 0).repeat(2, 1), ((0, height % 2), (0, width % 2)))
    lit = canvas * light[..., None].astype(np.float32) * tint.astype(np.float32)
    return np.clip(lit + grain[..., None], 0, 255).astype(np.uint8)


def _background(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """What is behind, RGB 0..255 float32 [height, width, 3]."""
    kinds: list[Callable] = [_studio, _studio, _gradient, _room, _floor, _clutter]
    return kinds[rng.integers(len(kinds))](width, height, rng)


def _studio(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    level = rng.uniform(215, 255)
    return np.full((height, width, 3), level, np.float32) * rng.normal(1, 0.01, 3)


def _gradient(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    top, bottom = draw_colour("any", rng), draw_colour("soft", rng)
    t = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    return np.broadcast_to(top * (1 - t) + bottom * t, (height, width, 3)).copy()


def _room(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    image = Image.new("RGB", (width, height), _rgb("soft", rng))
    pen = ImageDraw.Draw(image)
    for _ in range(rng.integers(0, 4)):  # door, window, picture, shelf
        _rectangle(pen, width, height, rng, outline=_rgb("any", rng))
    floor = int(height * rng.uniform(0.6, 0.95))
    pen.rectangle([0, floor, width, height], fill=_rgb("outer", rng))
    pen.rectangle([0, floor - height // 40, width, floor], fill=(235, 232, 226))
    return np.asarray(image.filter(ImageFilter.BoxBlur(width * rng.uniform(0, 0.01))), np.float32)


def _floor(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """Boards, or a sheet with a weave: where things are laid down to be photographed."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    board = max(8, int(width * rng.uniform(0.1, 0.3)))
    if rng.random() < 0.5:
        x, y = y, x
    tones = rng.uniform(0.75, 1.1, max(width, height) // board + 1)[x // board]
    tones = tones * (1 - 0.5 * (x % board < 3)) + 0.05 * np.sin(x * 0.3 + 3 * np.sin(y * 0.01))
    return (np.float32(_rgb("outer" if rng.random() < 0.5 else "soft", rng))
            * tones[..., None].astype(np.float32))


def _clutter(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    image = Image.new("RGB", (width, height), _rgb("any", rng))
    pen = ImageDraw.Draw(image)
    for _ in range(rng.integers(6, 25)):
        _rectangle(pen, width, height, rng, outline=None)
    return np.asarray(image.filter(ImageFilter.BoxBlur(width * rng.uniform(0.0, 0.03))),
                      np.float32)


def _rectangle(pen: ImageDraw.ImageDraw, width: int, height: int, rng: np.random.Generator,
               outline) -> None:
    x, y = rng.uniform(-0.2, 1, 2) * [width, height]
    w, h = rng.uniform(0.08, 0.6, 2) * [width, height]
    shape = pen.rectangle if rng.random() < 0.8 else pen.ellipse
    shape([x, y, x + w, y + h], fill=_rgb("any", rng), outline=outline, width=5)


def _rgb(palette: str, rng: np.random.Generator) -> tuple[int, int, int]:
    return tuple(int(n) for n in draw_colour(palette, rng))
