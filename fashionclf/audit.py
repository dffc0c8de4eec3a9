"""The look at every picture before it is written: is it there, is it ours, can training use it."""
import errno
import functools
import hashlib
import os
import stat
from pathlib import Path

import pandas as pd

from fashionclf import images, look_alikes, workers

MAX_BYTES = 200_000_000  # a picture of images.MAX_PIXELS takes less
COLUMNS = ["reason", "digest", "look", "size"]
PART = 64  # pictures that a worker opens at a time


def read_image(images_root: Path, path: str) -> bytes:
    """Reads one picture's bytes.

    Raises:
        ValueError: `path` leads out of `images_root`, is no regular file, or over MAX_BYTES.
        OSError: it cannot be read.
    """
    root = _real(os.fspath(images_root))
    folder, name = os.path.split(os.path.join(root, path))
    file = os.path.join(_real(folder), name)
    if name in ("", ".", "..") or os.path.islink(file):
        file = os.path.realpath(file)  # unlike Path.resolve(), bears a loop of links
    if not file.startswith(os.path.join(root, "")):
        raise ValueError("leads out of the source folder")
    try:
        facts = os.stat(file)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise ValueError("missing file") from error
        raise
    if not stat.S_ISREG(facts.st_mode):  # opening a FIFO would wait for ever
        raise ValueError("not a regular file")
    if facts.st_size > MAX_BYTES:
        raise ValueError(f"larger than the limit of {MAX_BYTES:,} bytes")
    opened = os.open(file, os.O_RDONLY)  # a third of the time that a file object takes
    try:
        return os.read(opened, facts.st_size)
    finally:
        os.close(opened)


@functools.lru_cache(maxsize=16)  # the next picture lies in the same folder: half of the reading
def _real(folder: str) -> str:
    return os.path.realpath(folder)


def pictures(table: pd.DataFrame, images_root: Path, *,
             run: workers.Run = workers.here) -> pd.DataFrame:
    """Opens every picture of `table` with the decoder that trains.

    Args:
        table: one row per picture, column `path`.
        run: where (see workers).

    Returns:
        DataFrame on the index of `table`: `reason` (str why the picture can't be
        used, or None), `digest` (hex str, equal for identical bytes; None where the
        file could not be read), and of usable pictures `look` (64 hex digits, see
        look_alikes) and `size` ((width, height) in pixels), else None.
    """
    parts = [table[["path"]].iloc[start:start + PART] for start in range(0, len(table), PART)]
    found = run(functools.partial(_inspect_all, images_root.absolute()), parts,
                desc="opening pictures")
    rows = [(*values, size and tuple(size)) for part in found for *values, size in part]
    return pd.DataFrame(rows, index=table.index, columns=COLUMNS, dtype=object)


def _inspect_all(images_root: Path, part: pd.DataFrame) -> list[tuple]:
    """The values of COLUMNS for each row."""
    return [_inspect(images_root, path) for path in part["path"]]


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
    found = images.luminance_or_reason(encoded, least=look_alikes.LEAST)
    if isinstance(found, str):
        return found, digest(encoded), None, None
    look = look_alikes.perceptual_hash(found.pixels, found.scale, found.size)
    return None, digest(encoded), look, found.size


def digest(encoded: bytes) -> str:
    """A name for these bytes: 64 hex digits of SHA-256, for which processors have instructions."""
    return hashlib.sha256(encoded).hexdigest()


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
