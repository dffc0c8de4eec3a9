"""Predicts a list of picture files; writes rows to standard output, or to a file it can resume."""
import collections
import dataclasses
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
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


def write(engine: Engine, listing: Listing, output: Output, *, batch_size: int,
          tally: Tally, further: FurtherColumns = FurtherColumns(),
          seen: list[dict] | None = None) -> int:
    """Predicts and writes a row for each picture; returns the number of rows with an error.

    Args:
        batch_size: pictures per call of the network.
        tally: judges the pictures, and counts those that this call predicts.
        further: columns that need all pictures; without them rows go to a stream as they come.
        seen: gets all rows, as column -> cell.
    """
    names, total = prediction_table.columns(listing.columns, further.names), len(listing.pictures)

    def batches(starts: Sequence[int]) -> Iterator[
            tuple[list[list], list[np.ndarray | None], list]]:
        """Yields rows, features and stamps of the batch from each start; shows progress."""
        numbers = [i for start in starts for i in range(start, min(start + batch_size, total))]
        stamps, done = collections.deque(), 0

        def stamped() -> Iterator[Picture]:
            for i in numbers:
                stamps.append(listing.pictures[i].stamp())  # before it is read
                yield listing.pictures[i]

        answers = engine.predict_batches(stamped(), batch_size=batch_size)
        with progress_bar(total=total, initial=total - len(numbers), unit="pictures",
                          desc="predicting") as bar:
            for batch in answers:
                rows = [[*tally.row(listing.paths[i], probabilities, features),
                         *listing.cells[i], *further.kept(probabilities)]
                        for i, (_, probabilities, features) in zip(numbers[done:], batch)]
                yield rows, [features for *_, features in batch], [stamps.popleft() for _ in batch]
                done += len(batch)
                bar.update(len(batch))

    def completed(rows: Rows, features: np.ndarray | None) -> Iterator[list]:
        for row in further.completed(rows, features):
            if seen is not None:
                seen.append(dict(zip(names, row)))
            yield row

    if output.stream:
        coming = batches(range(0, total, batch_size))
        rows, features = (_collected(coming, further.features) if further.names else
                          (lambda: (row for batch, *_ in coming for row in batch), None))
        return _to_stream(completed(rows, features), names, output)

    # All that the rows depend on, and not where files lie
    description = {
        "program": "predict", "version of the rows": 3,
        "the model": files.sha256(engine.folder / "model.json")[:12],
        "--engine": engine.name,
        "the list": listing.described(), "--batch_size": batch_size,
        "--min_probability": tally.judge.min_probability,
        reference.FILE: tally.judge.reference and files.sha256(engine.folder / reference.FILE)[:12],
        "use of --embeddings": bool(output.embeddings),
        "further columns": ", ".join(further.names) or "none"}
    array = None
    if output.embeddings or further.features:
        array = prediction_job.Embeddings(
            output.embeddings or f"{files.followed(output.file)}.features",
            (total, engines.num_features(engine)), temporary=not output.embeddings)
    with (prediction_job.opened(output.file, description, total=total, embeddings=array,
                                batch_size=batch_size,
                                stamp=lambda i: listing.pictures[i].stamp()) as job,
          signals.deferred()):
        # Another call may have ended since the program checked this at its start.
        if not output.overwrite:
            earlier_output.check(output.file, output.form, names[0], listing.paths)
        if job.done:
            print(f"{job.part}: resuming after {job.done:,} of {total:,} rows", file=sys.stderr)
        if job.changed:
            print(f"{job.changed:,} pictures changed since their rows were written: they are "
                  "predicted again", file=sys.stderr)

        starts = [*job.stale, *range(job.done, total, batch_size)]
        for start, batch in zip(starts, batches(starts)):
            job.add(start, *batch)
            if signals.requested():
                signals.leave(f"{job.done:,} of {total:,} rows are kept")
        return job.finish(names, output.form, bom=output.bom, completed=completed)


def _to_stream(rows: Iterable[list], names: list[str], output: Output) -> int:
    num_errors = 0

    def counted() -> Iterator[list]:
        nonlocal num_errors
        for row in rows:
            num_errors += row[prediction_table.ERROR] is not None
            yield row

    prediction_table.write_text(counted(), names, output.stream, output.form, bom=output.bom)
    return num_errors


def _collected(batches: Iterator[tuple[list[list], list, list]],
               with_features: bool) -> tuple[Rows, np.ndarray | None]:
    """Keeps all rows in memory, and the features, 5 KB for each picture, if they are needed."""
    rows, features = [], []
    for batch, of_batch, _ in batches:
        rows += batch
        features += of_batch if with_features else []

    width = next((len(row) for row in features if row is not None), 1)
    return lambda: iter(rows), prediction_job.stacked(features, width) if with_features else None
