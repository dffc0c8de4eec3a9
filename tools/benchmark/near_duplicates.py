"""Measures what the search for look-alikes finds, and what it takes for alike that isn't.

    python -m tools.benchmark.near_duplicates --source_dir=data/clothing_cc0

copies some of the pictures in a dozen ways (quality, size, colour, a narrow crop) and prints in
how many of the 256 bits of their perceptual hashes the copies differ, and how many are found at
the threshold of build_tfrecords. Then it compares all pictures with each other: each pair within
the threshold is shown, to be looked at: on a source without copies it is a mistake. Two CPU cores
take half a minute for 4,097 pictures.
"""
import io
import os
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numpy as np
from absl import flags
from PIL import Image, ImageEnhance, ImageOps

from fashionclf import cli

FLAGS = flags.FLAGS

flags.DEFINE_string("source_dir", None, "Folder that is searched for pictures.")
flags.DEFINE_integer("copied", 400, "How many pictures are copied.", lower_bound=1)
flags.DEFINE_integer("seed", 0, "Of which.", lower_bound=0)

SHOWN = 20  # pairs within the threshold
FAR = 80  # bits, within which the nearest pair is looked for


def saved(image: Image.Image, quality: int = 95) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def jpeg(image: Image.Image, quality: int, scale: float = 1.0) -> Image.Image:
    return Image.open(io.BytesIO(saved(ImageOps.scale(image, scale), quality)))


def cut(image: Image.Image, share: float) -> Image.Image:
    return image.crop((image.width * share / 2, image.height * share / 2,
                       image.width * (1 - share / 2), image.height * (1 - share / 2)))


COPIES = {
    "JPEG of quality 75": lambda image: jpeg(image, 75),
    "JPEG of quality 15": lambda image: jpeg(image, 15),
    "half as large": lambda image: jpeg(image, 85, 0.5),
    "a third as large": lambda image: jpeg(image, 75, 0.33),
    "twice as large": lambda image: jpeg(image, 85, 2.0),
    "squashed to a square": lambda image: image.resize((224, 224)),
    "brighter by 20 %": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "30 % more contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.3),
    "50 % more colour": lambda image: ImageEnhance.Color(image).enhance(1.5),
    "grey": lambda image: image.convert("L"),
    "cut by 1 %": lambda image: cut(image, 0.01),
    "cut by 2 %": lambda image: cut(image, 0.02),
    "cut by 4 %": lambda image: cut(image, 0.04),
    "mirrored": ImageOps.mirror,
}


def main(_: list[str]) -> None:
    from fashionclf.pictures import files as picture_files
    from fashionclf.pictures import near_duplicates

    files = [picture.path for picture in picture_files.find([FLAGS.source_dir])[0]]
    with ThreadPool(os.cpu_count()) as pool:
        looks = pool.map(look, files)
        chosen = np.random.default_rng(FLAGS.seed).permutation(len(files))[:FLAGS.copied]
        own = [looks[i] for i in chosen]
        rows = []
        for name, copy in COPIES.items():
            copies = pool.map(lambda i: look(files[i], copy), chosen)
            rows.append((name, near_duplicates.bits(own, copies)))
    print(copies_table(rows, near_duplicates.THRESHOLD))
    print(pairs_text(files, np.array(looks), near_duplicates.THRESHOLD))


def look(file: str, copy=None) -> str:
    """The perceptual hash of a picture, or of a copy of it that was saved as a JPEG."""
    from fashionclf.pictures import inspection, near_duplicates

    encoded = Path(file).read_bytes()
    if copy:
        encoded = saved(copy(Image.open(io.BytesIO(encoded)).convert("RGB")))
    found = inspection.luminance_or_reason(encoded, least=near_duplicates.LEAST)
    if isinstance(found, str):
        raise ValueError(f"{file}: {found}; measure on pictures that can be used")
    return near_duplicates.perceptual_hash(found.pixels, found.scale, found.size)


def copies_table(rows: list[tuple[str, np.ndarray]], threshold: int) -> str:
    lines = [f"| copy | bits: median | 95 % | most | found at {threshold} |", "|" + "---|" * 5]
    lines += [f"| {name} | {np.median(bits):.0f} | {np.quantile(bits, 0.95):.0f} | {bits.max()} | "
              f"{np.mean(bits <= threshold):.1%} |" for name, bits in rows]
    return "\n".join(lines)


def pairs_text(files: list[str], looks: np.ndarray, threshold: int) -> str:
    import pandas as pd
    from scipy.stats import chi2

    from fashionclf.pictures import near_duplicates

    low, high = near_duplicates.pairs(looks, FAR).T
    near = pd.DataFrame({"bits": near_duplicates.bits(looks[low], looks[high]), "one": low,
                         "other": high}).sort_values("bits", kind="stable")
    total, found = len(files) * (len(files) - 1) // 2, int((near["bits"] <= threshold).sum())
    nearest = f"{near['bits'].iloc[0]} bits" if len(near) else f"over {FAR} bits"
    bound = chi2.ppf(0.95, 2 * (found + 1)) / 2  # of a Poisson count (Garwood, 1936)
    lines = [f"\n{found:,} of {total:,} pairs of pictures are within {threshold} bits "
             f"(rate {found / total:.1e}, below {bound / total:.1e} at 95 %); "
             f"the nearest pair is {nearest} apart:"]
    lines += [f"  {row.bits:3} {files[row.one]} {files[row.other]}"
              for row in near.head(max(1, min(found, SHOWN))).itertuples()]
    return "\n".join(lines)


if __name__ == "__main__":
    flags.mark_flag_as_required("source_dir")
    cli.run(main)
