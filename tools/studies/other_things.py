"""Draws pictures of other things than garments: plots, drawings, textures, noise."""
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageDraw
from scipy import ndimage

SIDE = 256  # pixels
WORDS = "Invoice total delivery address size guide care label wash cold returns order".split()


def plots(rng: np.random.Generator) -> Image.Image:
    """Draws a chart: lines, bars, points, a histogram, a pie or a heat map."""
    figure = Figure(figsize=(2.56, 2.56), dpi=100)
    axes = figure.add_subplot()
    n, kind = rng.integers(4, 40), rng.integers(6)
    values = rng.normal(size=(3, n)).cumsum(axis=1)

    if kind == 0:
        axes.plot(values.T)
    elif kind == 1:
        axes.bar(range(n), np.abs(values[0]), color=rng.random(3))
    elif kind == 2:
        axes.scatter(*values[:2], s=rng.integers(4, 60, n), c=rng.random(n))
    elif kind == 3:
        axes.hist(values.ravel(), bins=n, color=rng.random(3))
    elif kind == 4:
        axes.pie(rng.random(rng.integers(3, 8)))
    else:
        axes.imshow(rng.random((n, n)))
    axes.set_title(rng.choice(WORDS))

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])


def drawings(rng: np.random.Generator) -> Image.Image:
    """Draws shapes and lines, or a page of text."""
    picture = Image.new("RGB", (SIDE, SIDE), "white")
    draw = ImageDraw.Draw(picture)
    if rng.random() < 0.3:
        text = "\n".join(" ".join(rng.choice(WORDS, 4)) for _ in range(14))
        draw.multiline_text((10, 10), text, fill="black", font_size=int(rng.integers(9, 16)))
        return picture

    for _ in range(rng.integers(3, 12)):
        (left, right), (top, bottom) = np.sort(rng.integers(0, SIDE, (2, 2)), axis=1).tolist()
        colour = tuple(rng.integers(0, 256, 3).tolist())
        shape = [draw.ellipse, draw.rectangle, draw.line][rng.integers(3)]
        shape([left, top, right, bottom], fill=colour)
    return picture


def textures(rng: np.random.Generator) -> Image.Image:
    """Draws a blurred, striped or checked surface in two colours."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    kind, period = rng.integers(3), rng.uniform(2, 30)
    angle = rng.uniform(0, np.pi)
    along = x * np.cos(angle) + y * np.sin(angle)
    if kind == 0:
        surface = ndimage.gaussian_filter(rng.normal(size=(SIDE, SIDE)), rng.uniform(1, 20))
        surface = (surface - surface.min()) / np.ptp(surface)
    elif kind == 1:
        surface = (1 + np.sin(2 * np.pi * period * along)) / 2
    else:
        surface = (np.floor(x * period) + np.floor(y * period)) % 2
    first, second = rng.integers(0, 256, (2, 3))
    return Image.fromarray((first + surface[..., None] * (second - first)).astype(np.uint8))


def noise(rng: np.random.Generator) -> Image.Image:
    """Draws pixels or blocks of random colours."""
    side = 2 ** int(rng.integers(3, 9))
    pixels = rng.integers(0, 256, (side, side, 3), np.uint8)
    return Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.NEAREST)


KINDS: dict[str, Callable[[np.random.Generator], Image.Image]] = {
    kind.__name__: kind for kind in (plots, drawings, textures, noise)}


def write(folder: Path, count: int, *, seed: int = 0) -> dict[str, list[Path]]:
    """Draws `count` pictures of each kind into folder/KIND, by `seed`; returns the files by kind.
    """
    files = {}
    for number, (kind, draw) in enumerate(KINDS.items()):
        rng = np.random.default_rng([seed, number])
        (folder / kind).mkdir(parents=True, exist_ok=True)
        files[kind] = [folder / kind / f"{i:04}.png" for i in range(count)]
        for file in files[kind]:
            draw(rng).save(file)
    return files
