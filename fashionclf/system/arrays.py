"""Arrays on disk: a file that grows by rows, and rows of several files as one array."""
import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np


class GrowingArray:
    """What is on disk of an array, whose header is written once; a kill tears its last row at most.

    `np.lib.format.open_memmap` would do, but for a full disk: then it ends the process by SIGBUS.
    """

    def __init__(self, file: str | Path, shape: tuple[int, ...], dtype: np.dtype | type):
        """`shape` is the final one, N, ...; `file` may hold some of its rows already."""
        self.file, self._dtype = Path(file), np.dtype(dtype).newbyteorder("<")
        self._row_bytes = self._dtype.itemsize * math.prod(shape[1:])

        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {
            "descr": self._dtype.str, "fortran_order": False, "shape": tuple(shape)})
        self._header = header.getvalue()
        self.whole_bytes = len(self._header) + shape[0] * self._row_bytes

    def rows(self) -> int:
        """How many whole rows the file holds; 0 where it does not exist."""
        if not self.file.is_file():
            return 0
        return max(0, self.file.stat().st_size - len(self._header)) // self._row_bytes

    def cut(self, rows: int) -> None:
        """Keeps the first `rows`, of which there are as many; 0 begins the file anew."""
        with open(self.file, "ab") as file:
            file.truncate(len(self._header) + rows * self._row_bytes if rows else 0)
            if not rows:
                file.write(self._header)

    def replace(self, row: int, values: np.ndarray) -> None:
        """Overwrites a row that the file has."""
        with open(self.file, "rb+") as file:
            file.seek(len(self._header) + row * self._row_bytes)
            file.write(values.astype(self._dtype).tobytes())

    def append(self, rows: np.ndarray) -> None:
        """Adds rows, of any type of number; the first are preceded by `cut`."""
        with open(self.file, "ab") as file:
            file.write(rows.astype(self._dtype).tobytes())


class Rows:
    """Some rows of arrays that lie on disk one after the other; only what is asked for is read."""

    def __init__(self, parts: Sequence[np.ndarray], places: np.ndarray):
        """Takes the positions of the rows, int [N], in the parts together."""
        self._parts, self._ends = parts, np.cumsum([len(part) for part in parts])
        self._places, self.shape = places, (len(places), *parts[0].shape[1:])

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, row: int) -> np.ndarray:
        place = self._places[row]
        part = np.searchsorted(self._ends, place, side="right")
        return self._parts[part][place - self._ends[part]]  # counted from its end

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        array = np.concatenate(self._parts)[self._places]
        return array if dtype is None else array.astype(dtype)
