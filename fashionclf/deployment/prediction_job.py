"""A long prediction that survives its process: rows and embeddings are kept as they come.

OUTPUT.incomplete is a text file of JSON: a line that describes the job, then a line a row.
Embeddings grow beside it in FILE.incomplete. Neither has its final name before the end.
"""
import contextlib
import dataclasses
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd
from tqdm import tqdm

from fashionclf.deployment import prediction_table
from fashionclf.model.weights import Run
from fashionclf.pictures.files import Picture
from fashionclf.system import arrays, files, signals

STANDARD_OUTPUT = "-"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listing:
    """The pictures to predict: the path that each row shows, and what the user's CSV adds to it.

    Attributes:
        pictures: N files.
        paths: N, as the rows show them.
        columns: names of the other columns of the CSV.
        cells: N rows of their cells.
    """
    pictures: list[Picture]
    paths: list[str]
    columns: list[str]
    cells: list[tuple]

    @classmethod
    def of_files(cls, pictures: list[Picture]) -> "Listing":
        return cls(pictures=pictures, paths=[picture.path for picture in pictures], columns=[],
                   cells=[()] * len(pictures))

    @classmethod
    def of_table(cls, pictures: list[Picture], table: pd.DataFrame,
                 path_column: str) -> "Listing":
        """The rows of a catalogue, see pictures/catalogue.py."""
        others = table.drop(columns=path_column)
        return cls(pictures=pictures, paths=table[path_column].tolist(), columns=list(others),
                   cells=list(others.itertuples(index=False, name=None)))

    def fingerprint(self) -> str:
        named = [(picture.path, picture.root) for picture in self.pictures]
        return hashlib.sha256(json.dumps([named, self.columns, self.cells]).encode()).hexdigest()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prediction:
    """What predict is asked for.

    Attributes:
        output: the file to write, or STANDARD_OUTPUT.
        form: "csv", "jsonl" or "parquet".
        batch_size: pictures that go through the network together.
        min_probability: see prediction_table.row.
        embeddings: the .npy file for the pooled features, or None.
    """
    output: str
    form: str
    batch_size: int = 32
    min_probability: float = 0.0
    embeddings: str | None = None

    def write(self, run: Run, listing: Listing, stream: TextIO) -> int:
        """Predicts and writes a row for each picture; returns the number of those with an error.

        Args:
            stream: open for text, for rows to standard output.
        """
        names = prediction_table.columns(listing.columns)
        if self.output == STANDARD_OUTPUT:
            return self._to_stream(run, listing, names, stream)

        total = len(listing.pictures)
        description = {
            "program": "predict",
            "model": files.sha256(run.folder / "model.json"),
            "list of pictures": listing.fingerprint(), "--format": self.form,
            "--batch_size": self.batch_size, "--min_probability": self.min_probability,
            "--embeddings": self.embeddings}
        embeddings = (arrays.Embeddings(self.embeddings, (total, run.num_features))
                      if self.embeddings else None)
        with (opened(self.output, description, total=total, embeddings=embeddings,
                     batch_size=self.batch_size) as job, signals.deferred()):
            if job.done:
                print(f"{job.part}: resuming after {job.done:,} of {total:,} rows",
                      file=sys.stderr)
            for rows, features in self._batches(run, listing, start=job.done):
                job.append(rows, features)
                if signals.requested():
                    signals.leave(f"{job.done:,} of {total:,} rows are kept")
            return job.finish(names, self.form)

    def _to_stream(self, run: Run, listing: Listing, names: list[str], stream: TextIO) -> int:
        bad = 0

        def rows() -> Iterator[list]:
            nonlocal bad
            for batch, _ in self._batches(run, listing, start=0):
                bad += sum(row[prediction_table.ERROR] is not None for row in batch)
                yield from batch
        prediction_table.write_text(rows(), names, stream, self.form)
        return bad

    def _batches(self, run: Run, listing: Listing,
                 start: int) -> Iterator[tuple[list[list], list[np.ndarray | None]]]:
        """The rows of each batch from row `start`, and its features; shows progress."""
        predictor = run.predictor(features=bool(self.embeddings))
        batches = predictor.predict_batches(
            listing.pictures[start:], framing=run.spec.framing, batch_size=self.batch_size)
        with tqdm(total=len(listing.pictures), initial=start, unit=" pictures",
                  desc="predicting") as bar:
            for batch in batches:
                rows = [[*prediction_table.row(listing.paths[i], probabilities, run.spec.classes,
                                               min_probability=self.min_probability),
                         *listing.cells[i]]
                        for i, (_, probabilities, _) in enumerate(batch, start=start)]
                yield rows, [features for *_, features in batch]
                start += len(batch)
                bar.update(len(batch))


class Job:
    """The rows that are done; get one from `opened`.

    Attributes:
        done: how many rows they are.
    """

    def __init__(self, output: Path, embeddings: arrays.Embeddings | None, description: dict):
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
           embeddings: arrays.Embeddings | None = None) -> Iterator[Job]:
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
