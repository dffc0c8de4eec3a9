"""Picture files that a user names: finding them, and reading them ahead of the model."""
import collections
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow as tf

from fashionclf.pictures import decoding
from fashionclf.pictures import files as picture_files
from fashionclf.pictures import inspection

NICENESS = 15  # of the threads that read, up to 19: the higher, the later is their turn


def load_all(pictures: Iterable[picture_files.Picture], *, image_size: int,
             ahead: int) -> Iterator[tuple[picture_files.Picture, tf.Tensor | str]]:
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
    """decoding.fit of a whole picture, compiled once for all threads."""
    @tf.function(input_signature=[tf.TensorSpec([None, None, 3], tf.uint8)])
    def prepare(pixels):
        with tf.device("CPU:0"):  # the accelerator is for the model
            return decoding.fit(pixels, tf.zeros(4, tf.int32), image_size=image_size,
                                box_margin=0.0)
    return prepare


def _load(picture: picture_files.Picture,
          prepare: Callable[[np.ndarray], tf.Tensor]) -> tf.Tensor | str:
    if picture.fault:
        return picture.fault
    try:
        picture.path.encode()
        encoded = picture_files.read_image(Path(picture.root), os.path.abspath(picture.path))
    except UnicodeEncodeError:
        return "file name is not UTF-8"
    except ValueError as error:
        return str(error)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    pixels = inspection.decoded_or_reason(encoded)
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
