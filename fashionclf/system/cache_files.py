"""Arrays on disk that can be computed again: named after what they are a function of.

A cache is a folder with cache.json (what its arrays are a function of, and the sha256 of each
file that is whole) and .npy files. What is stale or damaged is refused, never used.
"""
import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from fashionclf.system import files

DESCRIPTION = "cache.json"
DTYPE = np.dtype(np.float16)


class CacheFiles:
    """The arrays of one cache, by the names of their files."""

    def __init__(self, folder: Path, made_from: dict):
        """See `opened`."""
        self.folder, self._made_from, self._sha256 = folder, made_from, {}
        if not (folder / DESCRIPTION).is_file():
            return
        try:
            found = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
            stale = [key for key in made_from if found["made_from"].get(key) != made_from[key]]
            stale += [name for name, sha256 in found["sha256"].items()
                      if files.sha256(folder / Path(name).name) != sha256]
        except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
            raise ValueError(f"{folder} is no cache of this project ({error!r:.200}): "
                             "remove it, and it is computed again") from error
        if stale:
            raise ValueError(f"{folder} is stale: {', '.join(stale)} changed since it was written; "
                             "remove it, and it is computed again")
        self._sha256 = found["sha256"]

    @classmethod
    @contextlib.contextmanager
    def opened(cls, parent: Path, made_from: dict) -> Iterator["CacheFiles"]:
        """The cache of `made_from` below `parent`; a process that writes it now is waited for.

        Args:
            made_from: all that the arrays are a function of, as JSON has it.

        Raises:
            ValueError: the folder holds something else, or a file was changed.
        """
        digest = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()
        folder = parent / digest[:16]
        folder.mkdir(parents=True, exist_ok=True)
        with files.waiting(folder / ".lock",
                           until=f"waiting for another process that writes {folder}"):
            yield cls(folder, made_from)

    def hold(self, names: list[str]) -> bool:
        return all(name in self._sha256 for name in names)

    def array(self, name: str) -> np.ndarray:
        """float16 [N, ...], mapped into memory."""
        return np.load(self.folder / name, mmap_mode="r")

    @contextlib.contextmanager
    def writing(self, names: list[str], count: int) -> Iterator[Callable[[list], None]]:
        """Gives a function that adds rows to each of `names`; lists them when all `count` are in.

        Raises:
            OSError: they can't be written; what was listed before is kept.
        """
        try:
            with contextlib.ExitStack() as stack:
                partial = [stack.enter_context(files.replaced(self.folder / name))
                           for name in names]
                streams = [stack.enter_context(open(file, "wb")) for file in partial]
                yield lambda arrays: [_append(stream, array, count) for stream, array
                                      in zip(streams, arrays, strict=True)]
            for name in names:
                self._sha256[name] = files.sha256(self.folder / name)
            self._list()
        except OSError as error:
            raise OSError(f"{self.folder} cannot be written ({error.strerror}); what was whole is "
                          "kept: make room and run the same command again, or name another "
                          "--cache_dir") from error

    def _list(self) -> None:
        files.write_json(self.folder / DESCRIPTION,
                         {"made_from": self._made_from, "sha256": self._sha256})


def _append(stream: BinaryIO, array: np.ndarray, count: int) -> None:
    """Adds rows to a .npy file that will have `count` of them."""
    largest = np.abs(array).max()
    if not largest <= np.finfo(DTYPE).max:  # also where it is no number
        raise ValueError(f"{stream.name}: numbers of up to {largest:.3g} do not fit {DTYPE.name}: "
                         "train with --cache_views=0")
    if not stream.tell():
        np.lib.format.write_array_header_1_0(stream, {
            "descr": np.lib.format.dtype_to_descr(DTYPE), "fortran_order": False,
            "shape": (count, *array.shape[1:])})
    stream.write(array.astype(DTYPE).tobytes())
