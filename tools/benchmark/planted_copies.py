"""Makes the copies that a shop finds among its photographs: smaller, mirrored, cut, recoloured."""
import functools
import io
import os
from collections.abc import Callable
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFont, ImageOps

Change = Callable[[Image.Image, np.random.Generator], Image.Image]


def saved(image: Image.Image, quality: int = 95) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def jpeg(image: Image.Image, quality: int, scale: float = 1.0) -> Image.Image:
    return Image.open(io.BytesIO(saved(ImageOps.scale(image, scale), quality)))


def cut(image: Image.Image, rng: np.random.Generator, *, share: float) -> Image.Image:
    """Takes `share` off width and height, at a random place."""
    width, height = (round(side * (1 - share)) for side in image.size)
    left, top = rng.integers(image.width - width + 1), rng.integers(image.height - height + 1)
    return image.crop((left, top, left + width, top + height))


def bordered(image: Image.Image, _: np.random.Generator, *, share: float) -> Image.Image:
    """Adds white, `share` of the longer side, to each side."""
    return ImageOps.expand(image, round(max(image.size) * share), "white")


def lettered(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Lays a line over the picture, three fifths as wide, at a random place."""
    image, words = image.copy(), "SALE -50 %"
    font = ImageFont.load_default(image.width / 8)
    width = ImageDraw.Draw(image).textlength(words, font)
    place = (rng.uniform(0, max(1, image.width - width)), rng.uniform(0, 0.85 * image.height))
    ImageDraw.Draw(image).text(place, words, "white", font, stroke_width=1 + image.width // 150,
                               stroke_fill="black")
    return image


def bannered(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Lays a banner of one colour over the picture, an eighth as high, at a random height."""
    image, height = image.copy(), image.height / 8
    top = rng.uniform(0, image.height - height)
    ImageDraw.Draw(image).rectangle((0, top, image.width, top + height),
                                    tuple(rng.integers(256, size=3).tolist()))
    return image


def hue_turned(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Turns all hues by 60 to 300 degrees."""
    pixels = np.array(image.convert("HSV"))
    pixels[..., 0] += rng.integers(256 * 60 // 360, 256 * 300 // 360, dtype=np.uint8)
    return Image.fromarray(pixels, "HSV").convert("RGB")


CHANGES: dict[str, Change] = {
    "JPEG of quality 60": lambda image, _: jpeg(image, 60),
    "JPEG of quality 30": lambda image, _: jpeg(image, 30),
    "half as large": lambda image, _: image.resize(((image.width + 1) // 2,
                                                    (image.height + 1) // 2)),
    "mirrored": lambda image, _: ImageOps.mirror(image),
    **{f"cut by {percent} %": functools.partial(cut, share=percent / 100)
       for percent in (2, 5, 10, 15)},
    "white border of 5 %": functools.partial(bordered, share=0.05),
    "white border of 10 %": functools.partial(bordered, share=0.1),
    "text laid over": lettered,
    "hue turned": hue_turned,
    "brighter by 20 %": lambda image, _: ImageEnhance.Brightness(image).enhance(1.2),
    "30 % more contrast": lambda image, _: ImageEnhance.Contrast(image).enhance(1.3),
    "grey": lambda image, _: image.convert("L").convert("RGB"),
    "mirrored, cut by 5 %": lambda image, rng: cut(ImageOps.mirror(image), rng, share=0.05),
    "banner laid over": bannered,
    "30 % more contrast, then brighter by 30 %": lambda image, _: ImageEnhance.Brightness(
        ImageEnhance.Contrast(image).enhance(1.3)).enhance(1.3),
}


def plant(files: list[str], folder: Path, *, seed: int) -> dict[str, list[str]]:
    """Writes a copy of each file by each change, a JPEG of quality 85.

    Returns change -> paths in the order of `files`; what is there already is not written again.
    """
    def copies(number: int) -> list[str]:
        paths = [folder / name.replace(" ", "_") / f"{number:05}.jpg" for name in CHANGES]
        if all(path.exists() for path in paths):
            return list(map(str, paths))
        with Image.open(files[number]) as file:
            original = file.convert("RGB")
        for kind, (path, change) in enumerate(zip(paths, CHANGES.values())):
            path.parent.mkdir(parents=True, exist_ok=True)
            rng = np.random.default_rng([seed, number, kind])
            path.write_bytes(saved(change(original, rng), 85))
        return list(map(str, paths))

    with ThreadPool(os.cpu_count()) as pool:
        return dict(zip(CHANGES, map(list, zip(*pool.map(copies, range(len(files)))))))
