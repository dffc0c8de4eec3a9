"""Predicts a list of picture files; writes rows to standard output, or to a file it can resume."""
import dataclasses
import hashlib
import json
import sys
from collections.abc import Iterator
from typing import TextIO

import numpy as np
import pandas as pd

from fashionclf.deployment import prediction_job, prediction_table
from fashionclf.model.weights import Run
from fashionclf.pictures.files import Picture
from fashionclf.system import files, signals
from fashionclf.system.progress import progress_bar

STANDARD_OUTPUT = "-"


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
    def of_table(cls, pictures: list[Picture], table: pd.DataFrame,
                 path_column: str) -> "Listing":
        """Lists the rows of a catalogue, see pictures/catalogue.py."""
        others = table.drop(columns=path_column)
        return cls(pictures=pictures, paths=table[path_column].tolist(), columns=list(others),
                   cells=list(others.itertuples(index=False, name=None)))

    def fingerprint(self) -> str:
        named = [(picture.path, picture.root) for picture in self.pictures]
        return hashlib.sha256(json.dumps([named, self.columns, self.cells]).encode()).hexdigest()


def write(run: Run, listing: Listing, stream: TextIO, *, output: str, form: str, batch_size: int,
          min_probability: float, embeddings: str | None) -> int:
    """Predicts and writes a row for each picture; returns the number of rows with an error.

    Args:
        stream: text stream for the rows if `output` is STANDARD_OUTPUT.
        output: the file to write, or STANDARD_OUTPUT.
        form: "csv", "jsonl" or "parquet".
        batch_size: pictures per call of the network.
        min_probability: see prediction_table.row.
        embeddings: the .npy file for the pooled features, or None.
    """
    names, total = prediction_table.columns(listing.columns), len(listing.pictures)
    predictor = run.predictor(features=bool(embeddings))

    def batches(start: int) -> Iterator[tuple[list[list], list[np.ndarray | None]]]:
        """Yields the rows and features of each batch, from row `start`; shows progress."""
        answers = predictor.predict_batches(listing.pictures[start:], framing=run.spec.framing,
                                            batch_size=batch_size)
        with progress_bar(total=total, initial=start, unit="pictures", desc="predicting") as bar:
            for batch in answers:
                rows = [[*prediction_table.row(listing.paths[i], probabilities, run.spec.classes,
                                               min_probability=min_probability), *listing.cells[i]]
                        for i, (_, probabilities, _) in enumerate(batch, start=start)]
                yield rows, [features for *_, features in batch]
                start += len(batch)
                bar.update(len(batch))

    if output == STANDARD_OUTPUT:
        return _to_stream(batches(0), names, stream, form)

    description = {
        "program": "predict", "model": files.sha256(run.folder / "model.json"),
        "list of pictures": listing.fingerprint(), "--format": form, "--batch_size": batch_size,
        "--min_probability": min_probability, "--embeddings": embeddings}
    array = embeddings and prediction_job.Embeddings(embeddings, (total, run.num_features))
    with (prediction_job.opened(output, description, total=total, embeddings=array,
                                batch_size=batch_size) as job, signals.deferred()):
        if job.done:
            print(f"{job.part}: resuming after {job.done:,} of {total:,} rows", file=sys.stderr)
        for rows, features in batches(job.done):
            job.append(rows, features)
            if signals.requested():
                signals.leave(f"{job.done:,} of {total:,} rows are kept")
        return job.finish(names, form)


def _to_stream(batches: Iterator[tuple[list[list], list]], names: list[str], stream: TextIO,
               form: str) -> int:
    num_errors = 0

    def rows() -> Iterator[list]:
        nonlocal num_errors
        for batch, _ in batches:
            num_errors += sum(row[prediction_table.ERROR] is not None for row in batch)
            yield from batch

    prediction_table.write_text(rows(), names, stream, form)
    return num_errors
