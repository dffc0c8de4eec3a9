"""The look at every picture before it is written: is it there, is it ours, can training use it."""
import dataclasses
import errno
import functools
import os
import stat
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from fashionclf.system import tables

MAX_BYTES = 200_000_000  # a picture of inspection.MAX_PIXELS takes less


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


SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


@dataclasses.dataclass(frozen=True)
class Picture:
    """A file to predict.

    Attributes:
        path: as the user will see it named.
        root: folder that the file must not lead out of.
        fault: why it can't be read, where that is known already.
    """
    path: str
    root: str
    fault: str | None = None


def find(words: Iterable[str]) -> tuple[list[Picture], int]:
    """Lists the pictures that `words` name.

    Args:
        words: files (taken whatever their name, and whether they exist or not)
            and folders (searched through for names that end in one of
            files.SUFFIXES; links to folders are not followed).

    Returns:
        The pictures, in the order of `words` and sorted within a folder, and
        the number of other files that the folders hold.

    Raises:
        ValueError: a folder holds no picture.
    """
    pictures, ignored = [], 0
    for word in words:
        if not os.path.isdir(word):
            pictures.append(Picture(word, os.sep))
            continue
        found, others = _search(word)
        if not found:
            raise ValueError(f"{word}: this folder holds no {', '.join(SUFFIXES)} file "
                             f"(and {others} others); give a folder of pictures, or their names")
        pictures += found
        ignored += others
    return pictures, ignored


def from_csv(csv_file: str | Path, *, path_column: str,
             source_dir: str | Path | None) -> tuple[list[Picture], pd.DataFrame]:
    """Lists the pictures of a CSV file with a header and a row a picture.

    Args:
        path_column: the column with the pictures' paths.
        source_dir: folder that the paths start from and must not lead out of; None: the CSV's.

    Returns:
        The pictures and all columns, strings, a row each in the order of the file.

    Raises:
        FileNotFoundError, ValueError: there is no such file, or it is no such CSV.
    """
    file = Path(csv_file)
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file; --csv_file names a CSV with a header")
    root = os.fspath(file.parent if source_dir is None else source_dir)
    if not os.path.isdir(root):
        raise FileNotFoundError(f"{root}: no such folder; --source_dir names the folder that the "
                                f"paths in {file} start from")
    table = tables.read_table(file, [path_column], cure="name the pictures' column with "
                              "--path_column", others=True).reset_index(drop=True)
    pictures = [Picture(os.path.join(root, path), root, None if path else "its row names no file")
                for path in table[path_column]]
    return pictures, table


def _search(folder: str) -> tuple[list[Picture], int]:
    found, ignored = [], 0

    def unreadable(error: OSError) -> None:
        found.append(Picture(error.filename, folder, f"cannot be read: {error.strerror}"))

    for parent, _, names in os.walk(folder, onerror=unreadable):
        pictures = [name for name in names if name.lower().endswith(SUFFIXES)]
        found += [Picture(os.path.join(parent, name), folder) for name in pictures]
        ignored += len(names) - len(pictures)
    return sorted(found, key=lambda picture: picture.path.split(os.sep)), ignored
