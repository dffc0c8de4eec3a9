"""A long prediction that a kill does not lose: each batch is on disk, and the job resumes.

OUTPUT.incomplete has JSON lines: a description of the job, then [number, stamp, cells] for each
row, where the stamp tells whether the picture has changed since; of several lines for a row the
last one counts. Embeddings grow in FILE.incomplete. Both get their final names at the end.
Features that only the last step needs grow in OUTPUT.features.incomplete, which the end removes.
"""
import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from fashionclf.deployment import prediction_table
from fashionclf.deployment.further_columns import Completed
from fashionclf.system import arrays, files


class Embeddings:
    """A .npy file, float32 [N, D], that grows row by row; a picture without features is NaN."""

    def __init__(self, file: str | Path, shape: tuple[int, int], *, temporary: bool = False):
        """A `temporary` file has served its purpose once the job is finished."""
        self._file, self._shape, self._temporary = files.followed(file), shape, temporary
        self._part = arrays.GrowingArray(files.incomplete(self._file), shape, np.float32)

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
        self._part.append(stacked(features, self._shape[1]))

    def replace(self, start: int, features: list[np.ndarray | None]) -> None:
        """Overwrites the rows from `start` on."""
        if not self._part.file.is_file():  # named by a process killed at its very end
            os.replace(self._file, self._part.file)
        for number, row in enumerate(stacked(features, self._shape[1]), start=start):
            self._part.replace(number, row)

    def rows(self) -> np.ndarray:
        """Maps the finished array, float32 [N, D], into memory."""
        part = self._part.file
        return np.load(part if part.is_file() else self._file, mmap_mode="r", allow_pickle=False)

    def finish(self) -> None:
        """Gives the file its final name."""
        if self._part.file.is_file() and not self._temporary:
            files.complete(self._part.file, self._file)

    def discard(self) -> None:
        """Removes a temporary file, whose job is finished."""
        if self._temporary:
            self._part.file.unlink(missing_ok=True)


class Job:
    """The finished rows of a prediction; get one from `opened`.

    Attributes:
        done: their number, from the first on.
        stale: the first row of each batch among them with a picture that has changed since.
        changed: how many pictures that are.
        part: the file that they are in.
    """

    def __init__(self, output: Path, embeddings: Embeddings | None, description: dict):
        self.part, self.done, self.changed = files.incomplete(output), 0, 0
        self.stale: list[int] = []
        self._output, self._embeddings, self._description = output, embeddings, description
        self._places: list[int] = []  # where the line of each row begins, in bytes

    def _resume(self, total: int, batch_size: int, stamp: Callable[[int], object]) -> None:
        """Keeps the whole batches that are on disk, and starts the file if it is new."""
        stamps = self._read()
        rows = len(stamps)
        if self._embeddings:
            rows = self._embeddings.kept(rows)

        # Whole batches: repeated ones have the same pictures, hence the same probabilities.
        if rows != total:
            rows = rows // batch_size * batch_size
        if self._embeddings:
            self._embeddings.cut(rows)
        del self._places[rows:]
        self.done = rows

        changed = [number for number in range(rows) if stamps[number] != stamp(number)]
        self.changed = len(changed)
        self.stale = sorted({number // batch_size * batch_size for number in changed})

    def _read(self) -> list:
        """Returns the stamp of each row on disk; cuts off a line that a kill has torn.

        Raises:
            ValueError: the rows are those of another job, or one is damaged.
        """
        stamps, end = [], 0
        with open(self.part, "rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                if not end:
                    self._check(line)
                else:
                    number, stamp, _ = self._parsed(line, end)
                    if number > len(stamps):
                        raise self._damaged(end)
                    stamps[number:number + 1] = [stamp]
                    self._places[number:number + 1] = [end]
                end += len(line)

        with open(self.part, "ab") as file:
            file.truncate(end)
            if not end:
                file.write(_line(self._description))
        return stamps

    def _parsed(self, line: bytes, place: int) -> list:
        try:
            number, stamp, cells = json.loads(line)
            cells[prediction_table.ERROR], range(number)
        except (ValueError, TypeError, IndexError) as error:
            raise self._damaged(place) from error
        return [number, stamp, cells]

    def _damaged(self, place: int) -> ValueError:
        return ValueError(f"{self.part}: damaged line at byte {place:,}; remove it to start over")

    def _check(self, line: bytes) -> None:
        cure = "Repeat the command that started it to resume, or remove that file to start over"
        try:
            before = dict(json.loads(line))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{self.part} was not written by predict. {cure}") from error

        changes = "; ".join(f"{name} was {before.get(name, 'unknown')}, is {value}"
                            for name, value in self._description.items()
                            if before.get(name) != value)
        if changes:
            raise ValueError(f"{self.part} holds rows of another job: {changes}. {cure}")

    def add(self, start: int, rows: list[list], features: list[np.ndarray | None],
            stamps: list) -> None:
        """Adds a batch, or replaces a stale one.

        Args:
            start: number of its first row: `done`, or one of `stale`.
            features: used if the job has embeddings.
            stamps: of its pictures, taken before they were read.
        """
        if self._embeddings and start == self.done:
            self._embeddings.append(features)
        elif self._embeddings:
            self._embeddings.replace(start, features)

        with open(self.part, "ab") as file:
            for number, (stamp, cells) in enumerate(zip(stamps, rows, strict=True), start=start):
                self._places[number:number + 1] = [file.tell()]
                file.write(_line([number, stamp, cells]))
        self.done = len(self._places)

    def rows(self) -> Iterator[list]:
        """Yields the cells of all rows that are done, in order."""
        with open(self.part, "rb") as file:
            for place in self._places:
                if file.tell() != place:
                    file.seek(place)
                yield self._parsed(file.readline(), place)[2]

    def finish(self, names: list[str], form: str, *, bom: bool = False,
               completed: Completed = lambda rows, features: rows()) -> int:
        """Writes the output, see prediction_table.write; returns how many rows have an error.

        Args:
            completed: makes the rows to write from those of the job and its features.
        """
        features = self._embeddings and self._embeddings.rows()
        with files.replaced(self._output) as table:
            prediction_table.write(completed(self.rows, features), names, table, form, bom=bom)
            num_errors = sum(cells[prediction_table.ERROR] is not None for cells in self.rows())
            if self._embeddings:
                self._embeddings.finish()

        # In this order: without the rows, a kill between the two costs nothing but disk space.
        self.part.unlink()
        if self._embeddings:
            self._embeddings.discard()
        return num_errors


@contextlib.contextmanager
def opened(output: str | Path, description: dict, *, total: int, batch_size: int,
           stamp: Callable[[int], object],
           embeddings: Embeddings | None = None) -> Iterator[Job]:
    """Opens or resumes a job, whose `finish` writes `output`.

    Args:
        description: name -> JSON value of all that the rows depend on.
        total, batch_size: rows of the whole job, and rows that are appended together.
        stamp: from the number of a row to the JSON value that tells whether its picture changed.

    Raises:
        ValueError: the rows on disk are those of another job.
        FileExistsError: another process is writing it.
    """
    output = files.followed(output)
    job = Job(output, embeddings, description)
    with files.exclusive(f"{output}.lock", otherwise=f"another process is writing {job.part}: wait "
                         "for it to end, or choose another --output"):
        job.part.touch()
        job._resume(total, batch_size, stamp)
        yield job


def stacked(features: list[np.ndarray | None], width: int) -> np.ndarray:
    """Returns float32 [N, width]; a row is NaN for None."""
    missing = np.full(width, np.nan, np.float32)
    return np.stack([missing if row is None else row for row in features])


def _line(value: list | dict) -> bytes:
    return json.dumps(value).encode() + b"\n"
