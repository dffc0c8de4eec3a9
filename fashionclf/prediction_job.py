"""A long prediction that survives its process: rows and embeddings are kept as they come.

OUTPUT.incomplete is a text file of JSON: a line that describes the job, then a line a row.
Embeddings grow beside it in FILE.incomplete. Neither has its final name before the end.
"""
import contextlib
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fashionclf import locks, prediction_files


class Embeddings:
    """A .npy file, float32 [N, D], that grows row by row; rows that are missing are NaN.

    Args:
        file: its name once it is whole.
        shape: N, D.
    """

    def __init__(self, file: str | Path, shape: tuple[int, int]):
        self._file, self._part = Path(file), incomplete(file)
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
            os.replace(self._part, self._file)


class Job:
    """The rows that are done; get one from `opened`.

    Attributes:
        done: how many rows they are.
    """

    def __init__(self, output: Path, embeddings: Embeddings | None, description: dict):
        self.part, self.done = incomplete(output), 0
        self._output, self._embeddings, self._description = output, embeddings, description

    def _resume(self, total: int, batch_size: int) -> None:
        """Cuts what is there to whole batches: a batch that is computed again is the same one."""
        ends = list(self._ends())
        rows = max(0, len(ends) - 1)
        if self._embeddings:
            rows = self._embeddings.kept(rows)
        if rows != total:
            rows = rows // batch_size * batch_size
        with open(self.part, "ab") as file:
            file.truncate(ends[rows] if ends else 0)
            if not ends:
                file.write(_line(self._description))
        if self._embeddings:
            self._embeddings.cut(rows)
        self.done = rows

    def _ends(self) -> Iterator[int]:
        """Where each whole line ends, in bytes; the first describes the job.

        Raises:
            ValueError: it is another job.
        """
        end = 0
        with open(self.part, "rb") as file:
            for line in file:
                if line.endswith(b"\n"):  # a kill may have torn the last one
                    if not end:
                        self._check(line)
                    end += len(line)
                    yield end

    def _check(self, line: bytes) -> None:
        cure = "Give the command it was begun with to go on, or remove that file to begin anew"
        try:
            before = dict(json.loads(line))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{self.part} is no job of this program. {cure}") from error
        other = [f"{name} was {before.get(name)}, is {value}"
                 for name, value in self._description.items() if before.get(name) != value]
        if other:
            raise ValueError(f"{self.part} holds rows of another job: {'; '.join(other)}. {cure}")

    def append(self, rows: list[list], features: list[np.ndarray | None]) -> None:
        """Keeps a batch: the rows, and their features where embeddings are wanted."""
        if self._embeddings:
            self._embeddings.append(features)
        with open(self.part, "ab") as file:
            file.write(b"".join(map(_line, rows)))
        self.done += len(rows)

    def _rows(self) -> Iterator[list]:
        with open(self.part, "rb") as file:
            for number, line in enumerate(file):
                try:
                    cells = json.loads(line)
                except ValueError as error:
                    raise ValueError(f"{self.part}:{number + 1}: is damaged; remove the file to "
                                     "begin anew") from error
                if number:
                    yield cells

    def finish(self, names: list[str], form: str) -> int:
        """Writes the output, see prediction_files.write; gives the number of rows with an error."""
        table = self._output.with_name(self._output.name + ".written")
        prediction_files.write(self._rows(), names, table, form)
        bad = sum(cells[prediction_files.ERROR] is not None for cells in self._rows())
        if self._embeddings:
            self._embeddings.finish()
        os.replace(table, self._output)
        self.part.unlink()
        return bad


@contextlib.contextmanager
def opened(output: str | Path, description: dict, *, total: int, batch_size: int,
           embeddings: Embeddings | None = None) -> Iterator[Job]:
    """A job whose rows go to `output` at its `finish`, after the rows that are kept from before.

    Args:
        description: what must be the same for rows to be kept, name -> a JSON value.
        total: rows of the whole job.
        batch_size: rows that are appended together.

    Raises:
        ValueError: what is kept there is of another job.
        FileExistsError: another process writes it now.
    """
    job = Job(Path(output), embeddings, description)
    job.part.touch()
    with locks.exclusive(job.part, otherwise=f"another process is writing {job.part}: wait for "
                                             "it to end, or choose another --output"):
        job._resume(total, batch_size)
        yield job


def incomplete(file: str | Path) -> Path:
    """What `file` is called before it is whole."""
    return Path(file).with_name(Path(file).name + ".incomplete")


def _line(value: list | dict) -> bytes:
    return json.dumps(value).encode() + b"\n"
