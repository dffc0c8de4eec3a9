"""One process at a time in a folder, or on a file."""
import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def exclusive(folder: Path, *, otherwise: str) -> Iterator[None]:
    """Holds an existing folder or file for the time of the block; a kill releases it.

    Raises:
        FileExistsError: another process holds it; says `otherwise`.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FileExistsError(otherwise) from error
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def waiting(folder: Path) -> Iterator[None]:
    """Holds an existing folder for the time of the block, once no other process does."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another process that writes {folder}", flush=True)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
