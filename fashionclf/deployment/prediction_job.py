"""A long prediction that a kill does not lose: each batch is on disk, and the job resumes.

OUTPUT.incomplete has JSON lines: a description of the job, then one per row. Embeddings grow in
FILE.incomplete. Both get their final names at the end.
"""
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fashionclf.deployment import prediction_table
from fashionclf.system import arrays, files


class Embeddings:
    """A .npy file, float32 [N, D], that grows row by row; a picture without features is NaN."""

    def __init__(self, file: str | Path, shape: tuple[int, int]):
        self._file, self._shape = Path(file), shape
        self._part = arrays.GrowingArray(files.incomplete(file), shape, np.float32)

    def kept(self, rows: int) -> int:
        """Counts how many of the first `rows` an earlier process left intact."""
        if self._part.file.is_file():
            return min(rows, self._part.rows())

        # A process killed at its very end had renamed the file already.
        complete = self._file.is_file() and self._file.stat().st_size == self._part.whole_bytes
        return rows if complete and rows == self._shape[0] else 0

    def cut(self, rows: int) -> None:
        """Drops all but the first `rows`, a number that `kept` allows."""
        if not rows or self._part.file.is_file():
            self._part.cut(rows)

    def append(self, features: list[np.ndarray | None]) -> None:
        """Adds a row per picture; None for one without features."""
        missing = np.full(self._shape[1], np.nan, np.float32)
        self._part.append(np.stack([missing if row is None else row for row in features]))

    def finish(self) -> None:
        """Gives the file its final name."""
        if self._part.file.is_file():
            files.complete(self._part.file, self._file)


class Job:
    """The finished rows of a prediction, `done` in number, in the file `part`; see `opened`."""

    def __init__(self, output: Path, embeddings: Embeddings | None, description: dict):
        self.part, self.done = files.incomplete(output), 0
        self._output, self._embeddings, self._description = output, embeddings, description

    def _ends(self) -> Iterator[int]:
        """Yields the end of each whole line, in bytes; raises ValueError if the job is another."""
        end = 0
        with open(self.part, "rb") as file:
            for line in file:
                if line.endswith(b"\n"):  # a kill may have torn the last one
                    if not end:
                        self._check(line)
                    end += len(line)
                    yield end

    def _check(self, line: bytes) -> None:
        cure = "Repeat the command that started it to resume, or remove that file to start over"
        try:
            before = dict(json.loads(line))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{self.part} was not written by predict. {cure}") from error

        changes = "; ".join(f"{name} was {before.get(name)}, is {value}" for name, value in
                            self._description.items() if before.get(name) != value)
        if changes:
            raise ValueError(f"{self.part} holds rows of another job: {changes}. {cure}")

    def append(self, rows: list[list], features: list[np.ndarray | None]) -> None:
        """Adds a batch: its rows, and their features if the job has embeddings."""
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
                    raise ValueError(f"{self.part}:{number + 1}: damaged line; remove the file "
                                     "to start over") from error
                if number:
                    yield cells

    def finish(self, names: list[str], form: str) -> int:
        """Writes the output, see prediction_table.write; returns how many rows have an error."""
        with files.replaced(self._output) as table:
            prediction_table.write(self._rows(), names, table, form)
            num_errors = sum(cells[prediction_table.ERROR] is not None for cells in self._rows())
            if self._embeddings:
                self._embeddings.finish()
        self.part.unlink()
        return num_errors


@contextlib.contextmanager
def opened(output: str | Path, description: dict, *, total: int, batch_size: int,
           embeddings: Embeddings | None = None) -> Iterator[Job]:
    """Opens or resumes a job, whose `finish` writes `output`.

    Args:
        description: name -> JSON value of all that the rows depend on.
        total, batch_size: rows of the whole job, and rows that are appended together.

    Raises:
        ValueError: the rows on disk are those of another job.
        FileExistsError: another process is writing it.
    """
    job = Job(Path(output), embeddings, description)
    with files.exclusive(f"{output}.lock", otherwise=f"another process is writing {job.part}: wait "
                         "for it to end, or choose another --output"):
        job.part.touch()
        ends = list(job._ends())
        rows = max(0, len(ends) - 1)
        if embeddings:
            rows = embeddings.kept(rows)

        # Whole batches: repeated ones have the same pictures, hence the same probabilities.
        job.done = rows if rows == total else rows // batch_size * batch_size

        with open(job.part, "ab") as file:
            file.truncate(ends[job.done] if ends else 0)
            if not ends:
                file.write(_line(description))
        if embeddings:
            embeddings.cut(job.done)
        yield job


def _line(value: list | dict) -> bytes:
    return json.dumps(value).encode() + b"\n"
