"""Measures what the search for near-duplicates finds, and what it finds by mistake.

    python -m tools.benchmark.near_duplicates --source_dir=data/clothing_cc0

changes some of the pictures in a dozen ways (quality, size, colour, a narrow crop) and prints in
how many of the 256 bits of their perceptual hashes the changed pictures differ, and how many are
found at the threshold of build_tfrecords. Then it compares all pictures with each other and shows
the pairs within the threshold, to be looked at: in a source without copies each is a mistake. Two
CPU cores take half a minute for 4,097 pictures.
"""
import io
import os
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numpy as np
from absl import flags
from PIL import Image, ImageEnhance, ImageOps

from fashionclf import cli
from tools import markdown
from tools.benchmark.planted_copies import jpeg, saved

FLAGS = flags.FLAGS

cli.path_flag("source_dir", None, "Folder of pictures.")
flags.DEFINE_integer("copied", 400, "Pictures that are changed.", lower_bound=1)
flags.DEFINE_integer("seed", 0, "Seed of their choice.", lower_bound=0)

SHOWN = 20  # pairs within the threshold
FAR = 80  # bits: farther pairs are not looked for


def cut(image: Image.Image, share: float) -> Image.Image:
    return image.crop((image.width * share / 2, image.height * share / 2,
                       image.width * (1 - share / 2), image.height * (1 - share / 2)))


CHANGES = {
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
        hashes = pool.map(hashed, files)

        chosen = np.random.default_rng(FLAGS.seed).permutation(len(files))[:FLAGS.copied]
        own, bits = [hashes[i] for i in chosen], {}
        for name, change in CHANGES.items():
            changed = pool.map(lambda i: hashed(files[i], change), chosen)
            bits[name] = near_duplicates.bits(own, changed)

    print(changes_table(bits, near_duplicates.THRESHOLD))
    print(pairs_text(files, np.array(hashes), near_duplicates.THRESHOLD))


def hashed(file: str, change=None) -> str:
    """Returns the perceptual hash of a picture, or of a changed copy that was saved as a JPEG."""
    from fashionclf.pictures import inspection, near_duplicates

    encoded = Path(file).read_bytes()
    if change:
        encoded = saved(change(Image.open(io.BytesIO(encoded)).convert("RGB")))
    found = inspection.luminance_or_reason(encoded, least=near_duplicates.LEAST)
    if isinstance(found, str):
        raise ValueError(f"{file}: {found}; measure on pictures that can be used")
    return near_duplicates.perceptual_hash(found.pixels, found.scale, found.size)


def changes_table(bits: dict[str, np.ndarray], threshold: int) -> str:
    """Renders a row per change, of the bits in which the copies differ."""
    rows = [[name, f"{np.median(of):.0f}", f"{np.quantile(of, 0.95):.0f}", of.max(),
             f"{np.mean(of <= threshold):.1%}"] for name, of in bits.items()]
    return markdown.table(["change", "bits: median", "95 %", "most", f"found at {threshold}"], rows)


def pairs_text(files: list[str], hashes: np.ndarray, threshold: int) -> str:
    """Lists the pairs within `threshold` bits, and with which rate they would be found."""
    import pandas as pd
    from scipy.stats import chi2

    from fashionclf.pictures import near_duplicates

    low, high = near_duplicates.pairs(hashes, FAR).T
    near = pd.DataFrame({"bits": near_duplicates.bits(hashes[low], hashes[high]), "low": low,
                         "high": high}).sort_values("bits", kind="stable")
    total, found = len(files) * (len(files) - 1) // 2, int((near["bits"] <= threshold).sum())
    nearest = f"{near['bits'].iloc[0]} bits" if len(near) else f"over {FAR} bits"
    bound = chi2.ppf(0.95, 2 * (found + 1)) / 2  # of a Poisson count (Garwood, 1936)

    lines = [f"\n{found:,} of {total:,} pairs of pictures are within {threshold} bits "
             f"(rate {found / total:.1e}, below {bound / total:.1e} at 95 %); "
             f"the nearest pair is {nearest} apart:"]
    lines += [f"  {row.bits:3} {files[row.low]} {files[row.high]}"
              for row in near.head(max(1, min(found, SHOWN))).itertuples()]
    return "\n".join(lines)


if __name__ == "__main__":
    flags.mark_flag_as_required("source_dir")
    cli.run(main)
