"""Measures how time and memory grow with the number of rows and of pictures.

    python -m tools.benchmark.growth --output=growth.json

reads a made-up DeepFashion list of --rows rows, and of a tenth of them, up to the split
(build_tfrecords --dry_run); draws --pictures pictures, copies them ten times under other names
with other bytes, and builds, trains (the head, one epoch) and evaluates on both; compares hashes
of look-alikes. Each is a program of
its own, of which wall clock and peak memory are taken. Prints a Markdown table and what one more
row or picture costs, and writes both as JSON. About five minutes on two CPU cores; Unix only.
"""
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from absl import flags

from fashionclf import cli

FLAGS = flags.FLAGS

flags.DEFINE_integer("rows", 800_000, "Rows of the made-up list.", lower_bound=1000)
flags.DEFINE_integer("pictures", 1200, "Pictures that are drawn.", lower_bound=240)
flags.DEFINE_integer("hashes", 40_000, "Hashes that are compared with each other.",
                     lower_bound=100)
flags.DEFINE_string("output", "growth.json", "JSON file to write.")

TIMES = 10  # as much, to see what grows
MAXRSS_IN_MIB = 2**20 if sys.platform == "darwin" else 2**10
IMAGE_SIZE = 64  # pixels
ROWS_AN_ITEM, CATEGORIES = 53, 50  # of DeepFashion's list
COMPARE = """import sys, numpy as np
from fashionclf.pictures import near_duplicates
rng = np.random.default_rng(0)
near_duplicates.pairs([rng.bytes(32).hex() for _ in range(int(sys.argv[1]))])"""


def main(_: list[str]) -> None:
    measured = []
    with tempfile.TemporaryDirectory() as folder:
        for step in steps(Path(folder)):
            measured.append(step)
            print(f"{step['step']}, {step['n']:,}: {step['seconds']:.1f} s, "
                  f"{step['peak_mib']:.0f} MiB", file=sys.stderr, flush=True)
    growth = slopes(measured)
    Path(FLAGS.output).write_text(json.dumps({"measured": measured, "growth": growth}, indent=1)
                                  + "\n", encoding="utf-8")
    print(table(measured, growth))


def steps(work: Path):
    """Yields {step, n, seconds, peak_mib} of every run, the smaller n of a step first."""
    for rows in (FLAGS.rows // TIMES, FLAGS.rows):
        write_lists(rows, work / f"lists_{rows}")
        yield run("read, label, split", rows, "-m", "fashionclf.build_tfrecords", "--dry_run",
                  f"--source_dir={work / f'lists_{rows}'}")
    run("draw", FLAGS.pictures, "-m", "tools.make_sample_data", f"--output={work / 'sample'}",
        f"--images={FLAGS.pictures}", f"--image_size={IMAGE_SIZE}")
    for times in (1, TIMES):
        copy_pictures(work / "sample", work / f"source_{times}", times)
        yield from on_pictures(work, times)
    for hashes in (FLAGS.hashes // TIMES, FLAGS.hashes):
        yield run("compare look-alikes", hashes, "-c", COMPARE, str(hashes))


def on_pictures(work: Path, times: int):
    """Yields the runs of building, training and evaluating on source_<times>."""
    source, records, trained = (work / f"{name}_{times}" for name in ("source", "records", "run"))
    n = FLAGS.pictures * times
    yield run("build", n, "-m", "fashionclf.build_tfrecords", f"--source_dir={source}",
              "--label_from=name", "--split=stratified", f"--records={records}")
    yield run("train", n, "-m", "fashionclf.train", f"--records={records}", f"--run={trained}",
              "--weights=none", f"--image_size={IMAGE_SIZE}", "--head_epochs=1",
              "--fine_tune_epochs=0")
    yield run("evaluate", n, "-m", "fashionclf.evaluate", f"--records={records}",
              f"--run={trained}", "--split=train")


def copy_pictures(drawn: Path, source: Path, times: int) -> None:
    """Each picture of `drawn` as many times, with bytes of its own after its end marker."""
    for picture in drawn.glob("img/*/*.jpg"):
        for number in range(times):
            copy = source / "img" / f"{number}_{picture.parent.name}" / picture.name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(picture.read_bytes() + number.to_bytes())


def run(step: str, n: int, *command: str) -> dict:
    """Runs Python on `command`, alone; raises ChildProcessError where it fails."""
    with tempfile.TemporaryFile("w+") as said:
        start = time.perf_counter()
        child = subprocess.Popen([sys.executable, *command], stdout=said, stderr=said)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - start
        if child.returncode:
            said.seek(0)
            raise ChildProcessError(f"{' '.join(command)} failed: {said.read()[-2000:]}")
    return {"step": step, "n": n, "seconds": seconds, "peak_mib": used.ru_maxrss / MAXRSS_IN_MIB}


def write_lists(rows: int, source: Path) -> None:
    """The benchmark's four lists, of made-up items and categories of falling frequency."""
    import numpy as np

    rng = np.random.default_rng(0)
    share = 1 / np.arange(1, CATEGORIES + 1)
    category = rng.choice(CATEGORIES, max(CATEGORIES, rows // ROWS_AN_ITEM), p=share / share.sum())
    item = np.sort(rng.integers(0, len(category), rows))
    paths = [f"img/Made_Up_{of:06d}_Kind{category[of]:02d}/img_{number:08d}.jpg"
             for number, of in enumerate(item)]
    boxes = (rng.integers(1, 150, (rows, 4)) + [0, 0, 150, 150]).tolist()
    write_list(source / "list_category_cloth.txt", "name type",
               [f"Kind{number:02d} 1" for number in range(CATEGORIES)])
    for name, header, values in (
            ("category_img", "image id", (category[item] + 1).tolist()),
            ("bbox", "image x_1 y_1 x_2 y_2", [" ".join(map(str, box)) for box in boxes]),
            ("eval_partition", "image status", rng.choice(["train", "val", "test"], rows))):
        write_list(source / f"list_{name}.txt", header,
                   [f"{path}    {value}" for path, value in zip(paths, values)])


def write_list(file: Path, header: str, lines: list[str]) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text("\n".join([str(len(lines)), header, *lines]) + "\n", encoding="utf-8")


def slopes(measured: list[dict]) -> list[dict]:
    """For each step what one row, picture or hash more costs, between the two sizes."""
    found = []
    for step in dict.fromkeys(row["step"] for row in measured):
        low, high = (row for row in measured if row["step"] == step)
        more = high["n"] - low["n"]
        found.append({"step": step, "ms_each": (high["seconds"] - low["seconds"]) / more * 1e3,
                      "bytes_each": (high["peak_mib"] - low["peak_mib"]) / more * 2**20})
    return found


def table(measured: list[dict], growth: list[dict]) -> str:
    """Two lines a step, the second with its growth, as Markdown."""
    lines = ["| step | number | seconds | peak memory, MiB | ms for one more | "
             "bytes for one more |", "|" + "---|" * 6]
    for slope in growth:
        low, high = (row for row in measured if row["step"] == slope["step"])
        for row, more in ((low, " | "),
                          (high, f"{slope['ms_each']:.3f} | {slope['bytes_each']:,.0f}")):
            lines.append(f"| {row['step']} | {row['n']:,} | {row['seconds']:.1f} | "
                         f"{row['peak_mib']:,.0f} | {more} |")
    return "\n".join(lines)


if __name__ == "__main__":
    cli.run(main)
