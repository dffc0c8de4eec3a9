"""Photographs of garments: the camera, what is behind, the light."""
import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from tools.make_sample_data.garments import Garment, draw_colour
from tools.make_sample_data.shapes import shapes

FINER = 2  # drawn so much larger, then reduced: PIL's polygons have jagged edges
WEARER = {"skin", "hair", "other"}  # materials that are no part of the garment
TILE_UNITS = 0.4  # body units that a tile of fabric covers

Box = tuple[int, int, int, int]


def photograph(garment: Garment, image_size: int, rng: np.random.Generator
               ) -> tuple[Image.Image, Box]:
    """Takes one picture of the garment.

    Returns:
        The picture, RGB, `image_size` pixels on its long side, and the box around the
        garment: x1, y1, x2, y2 in pixels, 1-based and inclusive.
    """
    size = (FINER * int(image_size * rng.uniform(0.62, 1.0)), FINER * image_size)
    drawn = shapes(garment.cut, worn=rng.random() < 0.5, arms=rng.uniform(0.1, 0.5))
    matrix = _camera(np.vstack([s.points for s in drawn if s.material not in WEARER]), size, rng)
    unit = np.sqrt(np.linalg.det(matrix[:, :2]))
    cloth = _hang(garment.cloth, size, unit, rng)
    colours = garment.colours | {
        "skin": draw_colour("skin", rng), "hair": draw_colour("skin", rng) * rng.uniform(0.1, 1),
        "other": draw_colour("any", rng)}

    picture, own = _background(size, rng), Image.new("L", size)
    pen = ImageDraw.Draw(picture)
    for shape in drawn:
        outline = [tuple(point) for point in shape.points @ matrix[:, :2].T + matrix[:, 2]]
        if shape.material == "cloth":
            mask = Image.new("L", size)
            ImageDraw.Draw(mask).polygon(outline, fill=255)
            picture.paste(ImageEnhance.Brightness(cloth).enhance(shape.shade), mask=mask)
        else:
            pen.polygon(outline, _rgb(colours[shape.material]))

        # A thin dark edge tells pieces of one colour apart.
        if shape.material not in WEARER:
            pen.line(outline + outline[:1], _rgb(colours["seam"]), FINER)
            ImageDraw.Draw(own).polygon(outline, fill=255)

    left, top, right, bottom = own.getbbox()
    box = tuple(edge // FINER + 1 for edge in (left, top, right - 1, bottom - 1))
    return _lit(picture, rng).reduce(FINER), box


def _camera(points: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Returns a matrix [2, 3] from body units to pixels that leaves the points in the picture."""
    turn = rng.normal(0, 0.06)
    linear = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    linear = linear * [rng.uniform(0.86, 1.06), 1]  # a slimmer or a wider body

    low, high = (points @ linear.T).min(0), (points @ linear.T).max(0)
    scale = (np.array(size) * rng.uniform(0.66, 0.96) / (high - low)).min()
    spare = size - scale * (high - low)
    return np.column_stack([scale * linear, spare * rng.uniform(0.3, 0.7, 2) - scale * low])


def _hang(tile: np.ndarray, size: tuple[int, int], unit: float, rng: np.random.Generator
          ) -> Image.Image:
    """Returns the fabric as it fills the picture, with folds; a body unit is `unit` pixels."""
    side = max(8, round(TILE_UNITS * unit))
    near = np.asarray(Image.fromarray(tile).resize((side, side)))
    sheet = np.tile(near, (size[1] // side + 1, size[0] // side + 1, 1))[:size[1], :size[0]]

    # Folds fall downwards: noise that is finer from left to right.
    folds = _smooth(rng.normal(1, 0.1, (5, 16)), size)
    return Image.fromarray(np.clip(sheet * folds, 0, 255).astype(np.uint8))


def _background(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """A plain wall, or a cluttered room out of focus."""
    image = Image.new("RGB", size, _rgb(draw_colour("soft", rng)))
    for _ in range(rng.choice([0, 12])):
        corner, sides = rng.uniform(-0.2, 1, 2) * size, rng.uniform(0.08, 0.5, 2) * size
        ImageDraw.Draw(image).rectangle([*corner, *(corner + sides)], _rgb(draw_colour("any", rng)))
    return image.filter(ImageFilter.BoxBlur(0.01 * size[0]))


def _lit(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Adds uneven light, its colour, and the sensor's noise."""
    light = _smooth(rng.uniform(0.7, 1.2) * rng.normal(1, 0.15, (2, 2)), picture.size)
    tint = rng.normal(1, 0.04, 3)
    grain = rng.standard_normal(light.shape) * rng.uniform(1, 12)
    return Image.fromarray(np.clip(picture * light * tint + grain, 0, 255).astype(np.uint8))


def _smooth(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Spreads a few values over the picture, float32 [H, W, 1]."""
    spread = Image.fromarray(np.float32(values)).resize(size, Image.Resampling.BICUBIC)
    return np.asarray(spread)[..., None]


def _rgb(colour: np.ndarray) -> tuple[int, ...]:
    return tuple(int(c) for c in np.clip(colour, 0, 255))
