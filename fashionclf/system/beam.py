"""Runs a function on each part of a table on Apache Beam: one pipeline for each pass."""
import functools
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from fashionclf.system import files
from fashionclf.system.workers import Run


def runner(options: list[str], folder: Path) -> Run:
    """Returns a `Run` on the runner that Beam's pipeline `options` name.

    Results pass through `folder`, on a disk that all workers share, and are removed. Raises
    ValueError where Apache Beam isn't installed, or doesn't know these options.
    """
    try:
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError as error:
        raise ValueError("--runner=beam needs Apache Beam: pip install 'fashionclf[beam]', "
                         "or leave --runner at local") from error
    unknown = [option for option in options if not option.startswith("--")]
    if unknown:
        raise ValueError(f"--beam_options: {unknown[0]!r} is not a pipeline option; write each "
                         "with two dashes, as --runner=FLINK, and a comma between two")
    return functools.partial(_run, PipelineOptions(options), Path(folder).absolute())


def _run(options: object, folder: Path, function: Callable[[pd.DataFrame], list],
         parts: Sequence[pd.DataFrame], *, desc: str) -> list:
    import apache_beam as beam

    print(f"{desc} on Beam: {sum(map(len, parts)):,} pictures in {len(parts):,} parts", flush=True)
    with tempfile.TemporaryDirectory(prefix="beam-", dir=folder) as exchange:
        try:
            with beam.Pipeline(options=options) as pipeline:
                _ = (pipeline | beam.Create(list(enumerate(parts))) | beam.Reshuffle()
                     | beam.Map(_run_part, function, Path(exchange)))
        except Exception as error:  # each runner has its own for an error in a worker
            # The worker's own line: Beam wraps it in its stack.
            lines = [line.strip() for line in str(error).splitlines() if "Error: " in line]
            raise OSError(f"the Beam pipeline failed while {desc}, and nothing is kept: "
                          f"{[repr(error), *lines][-1][:500]}") from error

        # Beam returns no results, and in no order: they are read from their files.
        return [json.loads((Path(exchange) / f"{number}.json").read_text())
                for number in range(len(parts))]


def _run_part(numbered: tuple[int, pd.DataFrame], function: Callable[[pd.DataFrame], list],
              exchange: Path) -> None:
    """Leaves the result in a file; a runner may do a part twice, with the same result."""
    number, part = numbered
    with files.replaced(exchange / f"{number}.json", rivals=True) as partial:
        partial.write_text(json.dumps(function(part)))
