"""A cache of arrays on disk, in a folder named after all that they are computed from.

The folder contains cache.json (what the arrays are computed from, and the sha256 of each
complete file) and .npy files. Stale or damaged files are refused, never used.
"""
import contextlib
import functools
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from fashionclf.system import arrays, files

DESCRIPTION = "cache.json"
DTYPE = np.dtype(np.float16)


class CacheFiles:
    """The arrays of one cache, by the names of their files."""

    def __init__(self, folder: Path, made_from: dict):
        self.folder, self._made_from, self._sha256 = folder, made_from, {}
        if not (folder / DESCRIPTION).is_file():
            return

        # Whoever can write the folder chose these texts: a name may point nowhere else.
        try:
            description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
            before, sha256 = description["made_from"], description["sha256"]
            stale = [key for key in made_from if before.get(key) != made_from[key]]
            stale += [name for name, expected in sha256.items()
                      if files.sha256(folder / Path(name).name) != expected]
        except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
            raise ValueError(f"{folder} is not a cache of this project ({error!r:.200}): "
                             "remove it to compute it again") from error
        if stale:
            raise ValueError(f"{folder} is stale: {', '.join(stale)} changed since it was written; "
                             "remove it to compute it again")
        self._sha256 = sha256

    @classmethod
    @contextlib.contextmanager
    def opened(cls, parent: Path, made_from: dict) -> Iterator["CacheFiles"]:
        """Opens the cache of `made_from`, as JSON has it, below `parent`; waits for other writers.

        Raises ValueError if the folder contains something else, or a file was changed.
        """
        digest = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()
        folder = parent / digest[:16]
        folder.mkdir(parents=True, exist_ok=True)
        with files.waiting(folder / ".lock",
                           until=f"waiting for another process that writes {folder}"):
            yield cls(folder, made_from)

    def hold(self, names: list[str]) -> bool:
        """Whether all of `names` are complete."""
        return all(name in self._sha256 for name in names)

    def array(self, name: str) -> np.ndarray:
        """[N, ...] as it was written, mapped into memory."""
        return np.load(self.folder / name, mmap_mode="r")

    @contextlib.contextmanager
    def writing(self, names: list[str], count: int, *,
                dtype: np.dtype = DTYPE) -> Iterator[Callable[[list], None]]:
        """Gives a function that appends rows: one array for each of `names`, `count` rows in all.

        Raises OSError if they can't be written; arrays that were complete before are kept.
        """
        try:
            with contextlib.ExitStack() as stack:
                partial = [stack.enter_context(files.replaced(self.folder / name))
                           for name in names]
                yield functools.partial(_add, partial, count, dtype, {})
            self._sha256 |= {name: files.sha256(self.folder / name) for name in names}
            files.write_json(self.folder / DESCRIPTION,
                             {"made_from": self._made_from, "sha256": self._sha256})
        except OSError as error:
            raise OSError(f"{self.folder} cannot be written ({error.strerror}); complete arrays "
                          "are kept: make room and run the same command again, or choose another "
                          "--cache_dir") from error


def _add(partial: list[Path], count: int, dtype: np.dtype,
         begun: dict[Path, arrays.GrowingArray], batches: list[np.ndarray]) -> None:
    """Adds a batch of rows to each file, which will have `count` of them."""
    for file, batch in zip(partial, batches, strict=True):
        largest = np.abs(batch).max()
        if not largest <= np.finfo(dtype).max:  # also where it is NaN
            raise ValueError(f"{file}: values of up to {largest:.3g} do not fit {dtype.name}: "
                             "train with --cache_views=0")

        # The shape of a row is known from the first batch; a killed process may have left a file.
        if file not in begun:
            begun[file] = arrays.GrowingArray(file, (count, *batch.shape[1:]), dtype)
            begun[file].cut(0)
        begun[file].append(batch)
