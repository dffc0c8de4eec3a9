"""The look at every picture before it is written: is it there, is it ours, can training use it."""
import functools
import hashlib
import os
from multiprocessing.pool import ThreadPool
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from fashionclf import images, look_alikes

MAX_BYTES = 200_000_000  # a picture of images.MAX_PIXELS takes less
COLUMNS = ["reason", "digest", "look", "size"]


def read_image(images_root: Path, path: str) -> bytes:
    """Reads one picture's bytes.

    Raises:
        ValueError: `path` leads out of `images_root`, is no regular file, or over MAX_BYTES.
        OSError: it cannot be read.
    """
    root = Path(os.path.realpath(images_root))
    file = Path(os.path.realpath(root / path))  # unlike resolve(), bears a loop of links
    if not file.is_relative_to(root):
        raise ValueError("leads out of the source folder")
    if not file.exists():
        raise ValueError("missing file")
    if not file.is_file():  # opening a FIFO would wait for ever
        raise ValueError("not a regular file")
    if file.stat().st_size > MAX_BYTES:
        raise ValueError(f"larger than the limit of {MAX_BYTES:,} bytes")
    return file.read_bytes()


def pictures(table: pd.DataFrame, images_root: Path, *, workers: int | None = None) -> pd.DataFrame:
    """Opens every picture of `table` with the decoder that trains.

    Args:
        table: one row per picture, column `path`.
        workers: threads; None takes one per core (decoding releases the GIL).

    Returns:
        DataFrame on the index of `table`: `reason` (str why the picture can't be
        used, or None), `digest` (hex str, equal for identical bytes; None where the
        file could not be read), and of usable pictures `look` (perceptual hash, see
        look_alikes) and `size` ((width, height) in pixels), else None.
    """
    inspect = functools.partial(_inspect, images_root)
    with ThreadPool(workers or os.cpu_count()) as pool:
        found = list(tqdm(pool.imap(inspect, table["path"], chunksize=8),
                          total=len(table), desc="opening pictures", unit=" pictures"))
    return pd.DataFrame(found, index=table.index, columns=COLUMNS, dtype=object)


def _inspect(images_root: Path, path: str) -> tuple:
    """The values of COLUMNS for one picture."""
    try:
        path.encode()
        encoded = read_image(images_root, path)
    except UnicodeEncodeError:
        return "file name is not UTF-8", None, None, None
    except ValueError as error:
        return str(error), None, None, None
    except OSError as error:
        return f"cannot be read: {error.strerror}", None, None, None
    pixels = images.decoded_or_reason(encoded)
    if isinstance(pixels, str):
        return pixels, digest(encoded), None, None
    return None, digest(encoded), look_alikes.perceptual_hash(pixels), pixels.shape[1::-1]


def digest(encoded: bytes) -> str:
    """A name for these bytes: 32 hex digits of BLAKE2b."""
    return hashlib.blake2b(encoded, digest_size=16).hexdigest()


def with_checked_boxes(table: pd.DataFrame) -> pd.DataFrame:
    """`table` with boxes that lie within their pictures, and `repair`, what was changed, or None.

    Args:
        table: columns `bbox` (x1, y1, x2, y2 in pixels, 1-based and inclusive, or None)
            and `size` (width, height).
    """
    checked = [_checked_box(*row) for row in zip(table["bbox"], table["size"])]
    return table.assign(**pd.DataFrame(checked, table.index, ["bbox", "repair"], dtype=object))


def _checked_box(bbox: tuple[int, ...] | None, size: tuple[int, int]) -> tuple:
    if bbox is None:
        return None, None
    left, top = max(1, bbox[0]), max(1, bbox[1])
    right, bottom = min(size[0], bbox[2]), min(size[1], bbox[3])
    if left > right or top > bottom:
        return None, "box empty or outside of the picture: the whole picture is used"
    inside = (left, top, right, bottom)
    return inside, None if inside == tuple(bbox) else "box cut at the border of the picture"
