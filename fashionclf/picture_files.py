"""Picture files that a user names: finding them, and reading them ahead of the model."""
import collections
import dataclasses
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from fashionclf import annotations, audit, images

NICENESS = 15  # of the threads that read, up to 19: the higher, the later is their turn


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
            images.SUFFIXES; links to folders are not followed).

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
            raise ValueError(f"{word}: this folder holds no {', '.join(images.SUFFIXES)} file "
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
    table = annotations.read_table(file, [path_column], cure="name the pictures' column with "
                                   "--path_column", others=True).reset_index(drop=True)
    pictures = [Picture(os.path.join(root, path), root, None if path else "its row names no file")
                for path in table[path_column]]
    return pictures, table


def _search(folder: str) -> tuple[list[Picture], int]:
    found, ignored = [], 0

    def unreadable(error: OSError) -> None:
        found.append(Picture(error.filename, folder, f"cannot be read: {error.strerror}"))

    for parent, _, names in os.walk(folder, onerror=unreadable):
        pictures = [name for name in names if name.lower().endswith(images.SUFFIXES)]
        found += [Picture(os.path.join(parent, name), folder) for name in pictures]
        ignored += len(names) - len(pictures)
    return sorted(found, key=lambda picture: picture.path.split(os.sep)), ignored


def load_all(pictures: Iterable[Picture], *, image_size: int,
             ahead: int) -> Iterator[tuple[Picture, tf.Tensor | str]]:
    """Reads, checks and prepares pictures in threads, as training does.

    Args:
        image_size: side of the square input, in pixels.
        ahead: pictures in memory before they are asked for.

    Yields:
        Each picture in order, with float32 [S, S, 3], RGB, 0..255, or the
        reason why it can't be used, in the words of the audit.
    """
    prepare = _preparer(image_size)
    return _map_ahead(lambda picture: (picture, _load(picture, prepare)), pictures, ahead)


def _preparer(image_size: int) -> Callable[[np.ndarray], tf.Tensor]:
    """images.fit of a whole picture, compiled once for all threads."""
    @tf.function(input_signature=[tf.TensorSpec([None, None, 3], tf.uint8)])
    def prepare(pixels):
        with tf.device("CPU:0"):  # the accelerator is for the model
            return images.fit(pixels, tf.zeros(4, tf.int32), image_size=image_size,
                              box_margin=0.0)
    return prepare


def _load(picture: Picture, prepare: Callable[[np.ndarray], tf.Tensor]) -> tf.Tensor | str:
    if picture.fault:
        return picture.fault
    try:
        picture.path.encode()
        encoded = audit.read_image(Path(picture.root), os.path.abspath(picture.path))
    except UnicodeEncodeError:
        return "file name is not UTF-8"
    except ValueError as error:
        return str(error)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    pixels = images.decoded_or_reason(encoded)
    return pixels if isinstance(pixels, str) else prepare(pixels)


def _map_ahead(function: Callable, arguments: Iterable, ahead: int) -> Iterator:
    """map(function, arguments) in a thread for two cores, with `ahead` results under way.

    The model computes on the same cores, in threads that wait for each other: pictures are read
    in what time they leave (on two cores 42 pictures a second instead of 37).
    """
    pending: collections.deque = collections.deque()
    pool = ThreadPoolExecutor(max(1, os.cpu_count() // 2), initializer=_step_back)
    try:
        for argument in arguments:
            pending.append(pool.submit(function, argument))
            if len(pending) > ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _step_back() -> None:
    """Lowers the priority of this thread; only Linux gives each thread its own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
