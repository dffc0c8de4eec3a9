"""The look at every picture before it is written: is it there, is it ours, can training use it."""
import functools
import hashlib
import os
from multiprocessing.pool import ThreadPool
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from fashionclf import images


def read_image(images_root: Path, path: str) -> bytes:
    """Reads one picture's bytes.

    Raises:
        ValueError: `path` leads out of `images_root` or is no regular file.
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
    return file.read_bytes()


def pictures(table: pd.DataFrame, images_root: Path, *, workers: int | None = None) -> pd.DataFrame:
    """Opens every picture of `table` with the decoder that trains.

    Args:
        table: one row per picture, column `path`.
        workers: threads; None takes one per core (decoding releases the GIL).

    Returns:
        DataFrame on the index of `table`: `reason` (str why the picture can't be
        used, or None) and `digest` (hex str, equal for identical bytes; None
        where the file could not be read).
    """
    inspect = functools.partial(_inspect, images_root)
    with ThreadPool(workers or os.cpu_count()) as pool:
        found = list(tqdm(pool.imap(inspect, table["path"], chunksize=8),
                          total=len(table), desc="opening pictures", unit=" pictures"))
    return pd.DataFrame(found, index=table.index, columns=["reason", "digest"], dtype=object)


def _inspect(images_root: Path, path: str) -> tuple[str | None, str | None]:
    try:
        path.encode()
        encoded = read_image(images_root, path)
    except UnicodeEncodeError:
        return "file name is not UTF-8", None
    except ValueError as error:
        return str(error), None
    except OSError as error:
        return f"cannot be read: {error.strerror}", None
    return images.why_unusable(encoded), digest(encoded)


def digest(encoded: bytes) -> str:
    """A name for these bytes: 32 hex digits of BLAKE2b."""
    return hashlib.blake2b(encoded, digest_size=16).hexdigest()
