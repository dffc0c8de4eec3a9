"""A long prediction that survives its process: rows and embeddings are kept as they come.

OUTPUT.incomplete is a text file of JSON: a line that describes the job, then a line a row.
Embeddings grow beside it in FILE.incomplete. Neither has its final name before the end.
"""
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fashionclf.deployment import prediction_table
from fashionclf.system import arrays, files


class Embeddings:
    """A .npy file, float32 [N, D], that grows row by row; rows that are missing are NaN.

    Args:
        file: its name once it is whole.
        shape: N, D.
    """

    def __init__(self, file: str | Path, shape: tuple[int, int]):
        self._file, self._shape = Path(file), shape
        self._part = arrays.GrowingArray(files.incomplete(file), shape, np.float32)

    def kept(self, rows: int) -> int:
        """How many of the first `rows` an earlier process left whole.

        All, where these are all and the file has its name already: that process was at its end.
        """
        if self._part.file.is_file():
            return min(rows, self._part.rows())
        named = self._file.is_file() and self._file.stat().st_size == self._part.whole_bytes
        return rows if named and rows == self._shape[0] else 0

    def cut(self, rows: int) -> None:
        """Keeps the first `rows` alone, which are `kept`."""
        if not rows or self._part.file.is_file():
            self._part.cut(rows)

    def append(self, features: list[np.ndarray | None]) -> None:
        missing = np.full(self._shape[1], np.nan, np.float32)
        self._part.append(np.stack([missing if row is None else row for row in features]))

    def finish(self) -> None:
        if self._part.file.is_file():
            files.complete(self._part.file, self._file)


class Job:
    """The rows that are done; get one from `opened`.

    Attributes:
        done: how many rows they are.
    """

    def __init__(self, output: Path, embeddings: Embeddings | None, description: dict):
        self.part, self.done = files.incomplete(output), 0
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
        cure = "Repeat the command that started it to resume, or remove that file to start anew"
        try:
            before = dict(json.loads(line))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{self.part} is not a job of this program. {cure}") from error
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
                                     "start anew") from error
                if number:
                    yield cells

    def finish(self, names: list[str], form: str) -> int:
        """Writes the output, see prediction_table.write; gives the number of rows with an error."""
        with files.replaced(self._output) as table:
            prediction_table.write(self._rows(), names, table, form)
            bad = sum(cells[prediction_table.ERROR] is not None for cells in self._rows())
            if self._embeddings:
                self._embeddings.finish()
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
    with files.exclusive(f"{output}.lock", otherwise=f"another process is writing {job.part}: wait "
                         "for it to end, or choose another --output"):
        job.part.touch()
        job._resume(total, batch_size)
        yield job


def _line(value: list | dict) -> bytes:
    return json.dumps(value).encode() + b"\n"
