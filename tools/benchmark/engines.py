"""Measures what runs a model: start, speed, memory, and how far the answers are from TensorFlow's.

    python -m tools.benchmark.engines --run=saved_models/fashion_b0 PICTURES

takes files and folders and prints a row for each engine that the run has an export for. "start" is
a whole `predict` of one picture, in seconds and MB; "folder" is the rate of a pass over all
pictures, reading included, after the start; "at 1" and "at 32" are rates of pictures in memory, in
such batches. Each round measures all engines in turn; the median is shown. Differences are those of
any probability of any picture.
"""
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from absl import flags

from fashionclf import cli
from fashionclf.pictures import files as picture_files
from tools import markdown

FLAGS = flags.FLAGS

cli.packaged_flag("run", "fashion_b0", "Folder of a finished training, with exports.")
flags.DEFINE_list("engines", ["tensorflow", "litert", "litert_int8", "onnx"], "Those to measure; "
                  "differences are from the first.")
flags.DEFINE_integer("pictures", 400, "Largest number of pictures, evenly spread.", lower_bound=2)
flags.DEFINE_integer("rounds", 3, "Repetitions, of which the median is shown.", lower_bound=1)
flags.DEFINE_string("only", None, "For the processes that this program starts: the one engine to "
                    "measure, into --output.")
cli.path_flag("output", None, "See --only.")

IN_MEMORY, BATCH = 64, 32  # pictures; of a large batch
COLUMNS = ["engine", "start: s", "MB", "folder: pictures/s", "MB", "at 1: pictures/s",
           "at 32: pictures/s", "largest difference", "same class"]


def main(words: list[str]) -> None:
    pictures, _ = picture_files.find(words)
    chosen = np.linspace(0, len(pictures) - 1, min(FLAGS.pictures, len(pictures)), dtype=int)
    pictures = [pictures[i] for i in chosen]
    if FLAGS.only:
        measure(pictures)
        return

    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder, "pictures.txt")
        listed.write_text("".join(f"{os.path.abspath(x.path)}\n" for x in pictures))
        found = {name: [] for name in FLAGS.engines}
        for number in range(FLAGS.rounds):
            for name in FLAGS.engines:
                print(f"round {number + 1} of {FLAGS.rounds}: {name}", file=sys.stderr)
                found[name].append({**started(name, pictures[0].path),
                                    **passed(name, listed, Path(folder, name))})
        answers = {name: np.load(Path(folder, f"{name}.npy")) for name in FLAGS.engines}

    first = answers[FLAGS.engines[0]]
    rows = []
    for name, rounds in found.items():
        usable = ~np.isnan(first[:, 0])
        difference = np.abs(answers[name] - first)[usable].max()
        same = (answers[name].argmax(1) == first.argmax(1))[usable].mean()
        middle = {key: np.median([result[key] for result in rounds]) for key in rounds[0]}
        rows.append([name, f"{middle['start']:.2f}", f"{middle['start_mb']:.0f}",
                     f"{middle['folder']:.1f}", f"{middle['mb']:.0f}", f"{middle['at_1']:.1f}",
                     f"{middle['at_32']:.1f}", f"{difference:.1e}", f"{same:.4f}"])
    print(f"{len(pictures)} pictures, {os.cpu_count()} cores, median of {FLAGS.rounds} rounds\n")
    print(markdown.table(COLUMNS, rows))


def started(name: str, picture: str) -> dict[str, float]:
    """Seconds and MB of a whole predict of one picture."""
    begun = time.perf_counter()
    mb = _peak_mb([sys.executable, "-m", "fashionclf", "predict", f"--run={FLAGS.run}",
                   f"--engine={name}", picture])
    return {"start": time.perf_counter() - begun, "start_mb": mb}


def passed(name: str, listed: Path, output: Path) -> dict[str, float]:
    """What `measure` finds in a process of its own, which leaves its answers beside `output`."""
    words = listed.read_text().splitlines()
    mb = _peak_mb([sys.executable, "-m", "tools.benchmark.engines", f"--run={FLAGS.run}",
                   f"--only={name}", f"--pictures={FLAGS.pictures}", f"--output={output}", "--",
                   *words])
    return {**json.loads(output.read_text()), "mb": mb}


def _peak_mb(command: list[str]) -> float:
    """Runs a command; returns the largest memory of its process. Raises if it fails."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        errors = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[:6])} failed:\n{errors.decode()[-2000:]}")
    return usage.ru_maxrss / 1024


def measure(pictures: list[picture_files.Picture]) -> None:
    """Writes the rates of the engine --only, and its answers, NaN for unusable pictures."""
    from fashionclf.deployment import engines

    engine = engines.load(FLAGS.run, FLAGS.only)
    list(engine.predict_batches(pictures[:BATCH], batch_size=BATCH))  # the start is not measured

    begun = time.perf_counter()
    rows = sum(engine.predict_batches(pictures, batch_size=BATCH), [])
    rates = {"folder": len(rows) / (time.perf_counter() - begun)}

    size = engine.spec.framing.image_size
    images = np.random.default_rng(0).uniform(0, 255, (IN_MEMORY, size, size, 3))
    images = images.astype(np.float32)
    for batch in (1, BATCH):
        engine.outputs(images[:batch])
        begun = time.perf_counter()
        for start in range(0, IN_MEMORY, batch):
            engine.outputs(images[start:start + batch])
        rates[f"at_{batch}"] = IN_MEMORY / (time.perf_counter() - begun)

    blank = np.full(len(engine.spec.classes), np.nan, np.float32)
    np.save(f"{FLAGS.output}.npy", [blank if isinstance(answer, str) else answer
                                    for _, answer, _ in rows])
    Path(FLAGS.output).write_text(json.dumps(rates))


if __name__ == "__main__":
    cli.run(main, positional="PATH")
