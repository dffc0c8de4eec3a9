"""Reads and decodes picture files in threads, ahead of the model."""
import collections
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from fashionclf.pictures import reading
from fashionclf.pictures.files import Picture
from fashionclf.pictures.framing import Framing

NICENESS = 15  # of the reading threads; 19 is the lowest priority


def load(picture: Picture, framing: Framing) -> np.ndarray | str:
    """Reads, checks and resizes a whole picture to float32 [S, S, 3], RGB, 0..255.

    Returns the reason, worded as in the audit, if it can't be used.
    """
    pixels = reading.pixels_or_reason(picture)
    return pixels if isinstance(pixels, str) else reading.fit(pixels, framing)


def load_all(pictures: Iterable[Picture], *, framing: Framing,
             ahead: int) -> Iterator[tuple[Picture, np.ndarray | str]]:
    """Loads pictures in threads, `ahead` before they are requested; yields each with its pixels.

    The model's threads share these cores and have priority; reading uses the CPU time they leave
    (on two cores 42 pictures a second instead of 37).
    """
    def with_picture(picture: Picture) -> tuple[Picture, np.ndarray | str]:
        return picture, load(picture, framing)

    return map_ahead(with_picture, pictures, ahead, threads=max(1, os.cpu_count() // 2),
                     step_back=True)


def map_ahead(function: Callable, arguments: Iterable, ahead: int, *, threads: int,
              step_back: bool = False) -> Iterator:
    """Maps in order, in threads, with up to `ahead` results pending.

    `step_back` lowers the priority of the threads.
    """
    pending: collections.deque = collections.deque()
    pool = ThreadPoolExecutor(threads, initializer=_step_back if step_back else None)

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
    """Lowers the priority of this thread; only Linux has a priority per thread."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        lowest = max(NICENESS, os.getpriority(os.PRIO_PROCESS, thread))  # under nice -n 19
        os.setpriority(os.PRIO_PROCESS, thread, lowest)
