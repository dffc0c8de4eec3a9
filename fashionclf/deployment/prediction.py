"""Predicts a list of picture files; writes rows to standard output, or to a file it can resume."""
import collections
import dataclasses
import functools
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

import numpy as np

from fashionclf.deployment import earlier_output, engines, prediction_job, prediction_table
from fashionclf.deployment.confidence import Tally
from fashionclf.deployment.engines import Engine
from fashionclf.deployment.further_columns import FurtherColumns, Rows
from fashionclf.evaluation import reference
from fashionclf.pictures.files import Picture
from fashionclf.system import files, signals
from fashionclf.system.progress import progress_bar

if TYPE_CHECKING:  # a second of the start
    import pandas as pd


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listing:
    """The pictures to predict, and the paths and the cells of the user's CSV that rows show."""
    pictures: list[Picture]
    paths: list[str]  # as shown in the rows
    columns: list[str]  # of the CSV, others than the path
    cells: list[tuple]  # a row of these columns for each picture

    @classmethod
    def of_files(cls, pictures: list[Picture]) -> "Listing":
        return cls(pictures=pictures, paths=[picture.path for picture in pictures], columns=[],
                   cells=[()] * len(pictures))

    @classmethod
    def of_table(cls, pictures: list[Picture], table: "pd.DataFrame",
                 path_column: str) -> "Listing":
        """Lists the rows of a catalogue, see pictures/catalogue.py."""
        others = table.drop(columns=path_column)
        return cls(pictures=pictures, paths=table[path_column].tolist(), columns=list(others),
                   cells=list(others.itertuples(index=False, name=None)))

    def described(self) -> str:
        """Returns their number, and a digest of what the rows show of them."""
        shown = json.dumps([self.paths, self.columns, self.cells]).encode()
        return f"{len(self.pictures):,} pictures ({hashlib.sha256(shown).hexdigest()[:12]})"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Output:
    """Where the rows go."""
    file: str
    form: str  # one of prediction_table.FORMATS
    stream: TextIO | None = None  # in place of the file
    embeddings: str | None = None  # .npy file for the pooled features
    bom: bool = False  # whether CSV starts with a byte order mark
    overwrite: bool = False  # whether rows of other pictures in the file may be lost


@dataclasses.dataclass(frozen=True, kw_only=True)
class Work:
    """A list of pictures to predict.

    Attributes:
        batch_size: pictures per call of the network.
        tally: judges the pictures, and counts those that this process predicts.
        further: columns that need all pictures; without them rows go to a stream as they come.
        seen: gets all rows, as column -> cell; None if nobody needs them.
    """
    engine: Engine
    listing: Listing
    batch_size: int
    tally: Tally
    further: FurtherColumns = FurtherColumns()
    seen: list[dict] | None = None

    @functools.cached_property
    def names(self) -> list[str]:
        """Returns the columns of the rows."""
        return prediction_table.columns(self.listing.columns, self.further.names)

    def write(self, output: Output) -> int:
        """Predicts and writes a row for each picture; returns the number of rows with an error."""
        return self._to_stream(output) if output.stream else self._to_file(output)

    def _to_stream(self, output: Output) -> int:
        batches = self._batches(range(0, len(self.listing.pictures), self.batch_size))
        rows, features = (_collected(batches, self.further.features) if self.further.names else
                          (lambda: (row for batch, *_ in batches for row in batch), None))
        num_errors = 0

        def counted() -> Iterator[list]:
            nonlocal num_errors
            for row in self._completed(rows, features):
                num_errors += row[prediction_table.ERROR] is not None
                yield row

        prediction_table.write_text(counted(), self.names, output.stream, output.form,
                                    bom=output.bom)
        return num_errors

    def _to_file(self, output: Output) -> int:
        pictures, array = self.listing.pictures, None
        if output.embeddings or self.further.features:
            array = prediction_job.Embeddings(
                output.embeddings or f"{files.followed(output.file)}.features",
                (len(pictures), engines.num_features(self.engine)),
                temporary=not output.embeddings)
        with (prediction_job.opened(output.file, self._description(output), total=len(pictures),
                                    embeddings=array, batch_size=self.batch_size,
                                    stamp=lambda i: pictures[i].stamp()) as job,
              signals.deferred()):
            # Another call may have ended since the program checked this at its start.
            if not output.overwrite:
                earlier_output.check(output.file, output.form, self.names[0], self.listing.paths)
            if job.done:
                print(f"{job.part}: resuming after {job.done:,} of {len(pictures):,} rows",
                      file=sys.stderr)
            if job.changed:
                print(f"{job.changed:,} pictures changed since their rows were written: they are "
                      "predicted again", file=sys.stderr)

            starts = [*job.stale, *range(job.done, len(pictures), self.batch_size)]
            for start, batch in zip(starts, self._batches(starts)):
                job.add(start, *batch)
                if signals.requested():
                    signals.leave(f"{job.done:,} of {len(pictures):,} rows are kept")
            return job.finish(self.names, output.form, bom=output.bom, completed=self._completed)

    def _description(self, output: Output) -> dict:
        """Returns all that the rows depend on, and not where files lie."""
        folder, judge = self.engine.folder, self.tally.judge
        return {
            "program": "predict", "version of the rows": 3,
            "the model": files.sha256(folder / "model.json")[:12], "--engine": self.engine.name,
            "the list": self.listing.described(), "--batch_size": self.batch_size,
            "--min_probability": judge.min_probability,
            reference.FILE: judge.reference and files.sha256(folder / reference.FILE)[:12],
            "use of --embeddings": bool(output.embeddings),
            "further columns": ", ".join(self.further.names) or "none"}

    def _batches(self, starts: Sequence[int]) -> Iterator[
            tuple[list[list], list[np.ndarray | None], list]]:
        """Yields rows, features and stamps of the batch from each start; shows progress."""
        total, listing = len(self.listing.pictures), self.listing
        numbers = [i for start in starts for i in range(start, min(start + self.batch_size, total))]
        stamps, done = collections.deque(), 0

        def stamped() -> Iterator[Picture]:
            for i in numbers:
                stamps.append(listing.pictures[i].stamp())  # before it is read
                yield listing.pictures[i]

        answers = self.engine.predict_batches(stamped(), batch_size=self.batch_size)
        with progress_bar(total=total, initial=total - len(numbers), unit="pictures",
                          desc="predicting") as bar:
            for batch in answers:
                rows = [[*self.tally.row(listing.paths[i], probabilities, features),
                         *listing.cells[i], *self.further.kept(probabilities)]
                        for i, (_, probabilities, features) in zip(numbers[done:], batch)]
                yield rows, [features for *_, features in batch], [stamps.popleft() for _ in batch]
                done += len(batch)
                bar.update(len(batch))

    def _completed(self, rows: Rows, features: np.ndarray | None) -> Iterator[list]:
        for row in self.further.completed(rows, features):
            if self.seen is not None:
                self.seen.append(dict(zip(self.names, row)))
            yield row


def _collected(batches: Iterator[tuple[list[list], list, list]],
               with_features: bool) -> tuple[Rows, np.ndarray | None]:
    """Keeps all rows in memory, and the features, 5 KB for each picture, if they are needed."""
    rows, features = [], []
    for batch, of_batch, _ in batches:
        rows += batch
        features += of_batch if with_features else []

    width = next((len(row) for row in features if row is not None), 1)
    return lambda: iter(rows), prediction_job.stacked(features, width) if with_features else None
