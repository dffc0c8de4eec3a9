"""Work on pictures on Apache Beam: one pipeline for each pass over them."""
import functools
import json
import tempfile
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from fashionclf.system.workers import Run


def runner(options: list[str], folder: Path) -> Run:
    """A `Run` on the runner that `options`, Beam's pipeline options, name.

    Args:
        folder: on a disk that all workers share; results pass through it, and are cleared away.

    Raises:
        ValueError: Apache Beam isn't installed, or doesn't know these options.
    """
    try:
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError as error:
        raise ValueError("--runner=beam needs Apache Beam: pip install 'fashionclf[beam]', "
                         "or leave --runner at local") from error
    strange = [option for option in options if not option.startswith("--")]
    if strange:
        raise ValueError(f"--beam_options: {strange[0]!r} is no pipeline option, which starts with "
                         "two dashes, as --runner=FLINK does; commas stand between options")
    return functools.partial(_run, PipelineOptions(options), Path(folder).absolute())


def _run(options: object, folder: Path, function: Callable[[pd.DataFrame], list],
         parts: Sequence[pd.DataFrame], *, desc: str) -> list:
    import apache_beam as beam

    print(f"{desc} on Beam: {sum(map(len, parts)):,} pictures in {len(parts):,} parts", flush=True)
    with tempfile.TemporaryDirectory(prefix="beam-", dir=folder) as exchange:
        try:
            with beam.Pipeline(options=options) as pipeline:
                _ = (pipeline | beam.Create(list(enumerate(parts))) | beam.Reshuffle()
                     | beam.Map(_one, function, Path(exchange)))
        except Exception as error:  # each runner has its own for what fails in a worker
            raise OSError(f"the Beam pipeline failed while {desc}, and nothing is kept: "
                          f"{_culprit(error)}") from error
        return [json.loads((Path(exchange) / f"{number}.json").read_text())
                for number in range(len(parts))]


def _one(numbered: tuple[int, pd.DataFrame], function: Callable[[pd.DataFrame], list],
         exchange: Path) -> None:
    """Leaves the result in a file; a runner may do a part twice, with the same result."""
    number, part = numbered
    temporary = exchange / uuid.uuid4().hex
    temporary.write_text(json.dumps(function(part)))
    temporary.rename(exchange / f"{number}.json")


def _culprit(error: Exception) -> str:
    """The worker's own line: Beam wraps it in its stack."""
    lines = [line.strip() for line in str(error).splitlines() if "Error: " in line]
    return next((line for line in reversed(lines)), repr(error))[:500]
