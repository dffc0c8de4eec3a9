"""A long prediction that survives its process: rows and embeddings are kept as they come.

OUTPUT.incomplete is a text file of JSON: a line that describes the job, then a line a row.
Embeddings grow beside it in FILE.incomplete. Neither has its final name before the end.
"""
import io
from pathlib import Path

import numpy as np

from fashionclf.system import files


class Embeddings:
    """A .npy file, float32 [N, D], that grows row by row; rows that are missing are NaN.

    Args:
        file: its name once it is whole.
        shape: N, D.
    """

    def __init__(self, file: str | Path, shape: tuple[int, int]):
        self._file, self._part = Path(file), files.incomplete(file)
        self._rows, self._width = shape
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            header, {"descr": "<f4", "fortran_order": False, "shape": shape})
        self._header, self._row_bytes = header.getvalue(), 4 * self._width
        self._size = len(self._header) + self._rows * self._row_bytes

    def kept(self, rows: int) -> int:
        """How many of the first `rows` an earlier process left whole.

        All, where these are all and the file has its name already: that process was at its end.
        """
        if self._part.is_file():
            whole = (self._part.stat().st_size - len(self._header)) // self._row_bytes
            return max(0, min(rows, whole))
        named = self._file.is_file() and self._file.stat().st_size == self._size
        return rows if named and rows == self._rows else 0

    def cut(self, rows: int) -> None:
        """Keeps the first `rows` alone, which are `kept`."""
        if rows and not self._part.is_file():
            return
        with open(self._part, "ab") as file:
            file.truncate(len(self._header) + rows * self._row_bytes if rows else 0)
            if not rows:
                file.write(self._header)

    def append(self, features: list[np.ndarray | None]) -> None:
        nothing = np.full(self._width, np.nan, np.float32)
        rows = np.stack([nothing if row is None else row for row in features])
        with open(self._part, "ab") as file:
            file.write(rows.astype("<f4").tobytes())

    def finish(self) -> None:
        if self._part.is_file():
            files.complete(self._part, self._file)
