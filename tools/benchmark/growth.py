"""Measures how time and memory grow with the number of rows, pictures and hashes.

    python -m tools.benchmark.growth --output=growth.json

measures each part at two sizes, one ten times the other: made-up lists of --rows pictures, read up
to the split (build_tfrecords --dry_run); --pictures drawn pictures, and ten copies of each, built,
trained on (the head, one epoch) and evaluated; --hashes compared with each other. Each step is a
program of its own, of which wall clock and peak memory are taken. Prints a Markdown table with the
cost of one more row or picture, and writes the figures as JSON. About five minutes on two CPU
cores; Unix only.
"""
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from absl import flags

from fashionclf import cli
from tools import markdown
from tools.benchmark import folders

FLAGS = flags.FLAGS

PARTS = ["rows", "pictures", "hashes"]
flags.DEFINE_multi_enum("part", PARTS, PARTS, "Part to measure; give the flag several times "
                        "(default: all).")
flags.DEFINE_integer("rows", 800_000, "Rows of the made-up lists.", lower_bound=1000)
flags.DEFINE_integer("pictures", 1200, "Pictures that are drawn.", lower_bound=240)
flags.DEFINE_integer("hashes", 40_000, "Hashes that are compared.", lower_bound=100)
cli.path_flag("output", "growth.json", "JSON file to write.")

TIMES = 10  # ratio of the two sizes
MAXRSS_IN_MIB = 2**20 if sys.platform == "darwin" else 2**10
IMAGE_SIZE = 64  # pixels
ROWS_PER_ITEM, CATEGORIES = 53, 50  # of DeepFashion's list
COMPARE = """import sys, numpy as np
from fashionclf.pictures import near_duplicates
rng = np.random.default_rng(0)
near_duplicates.pairs([rng.bytes(32).hex() for _ in range(int(sys.argv[1]))])"""


def main(_: list[str]) -> None:
    measured = []
    with tempfile.TemporaryDirectory() as folder:
        for part in FLAGS.part:
            for step in {"rows": rows, "pictures": pictures, "hashes": hashes}[part](Path(folder)):
                measured.append(step)
                print(f"{step['step']}, {step['n']:,}: {step['seconds']:.1f} s, "
                      f"{step['peak_mib']:.0f} MiB", file=sys.stderr, flush=True)

    growth = slopes(measured)
    Path(FLAGS.output).write_text(json.dumps({"measured": measured, "growth": growth}, indent=1)
                                  + "\n", encoding="utf-8")
    print(table(measured, growth))


# Each yields {step, n, seconds, peak_mib} per run, the smaller n of a step first.

def rows(work: Path) -> Iterator[dict]:
    for count in (FLAGS.rows // TIMES, FLAGS.rows):
        write_lists(count, work / f"lists_{count}")
        yield run("read, label, split", count, "-m", "fashionclf.build_tfrecords", "--dry_run",
                  f"--source_dir={work / f'lists_{count}'}")


def pictures(work: Path) -> Iterator[dict]:
    run("draw", FLAGS.pictures, "-m", "tools.make_sample_data", f"--output={work / 'sample'}",
        f"--images={FLAGS.pictures}", f"--image_size={IMAGE_SIZE}")
    for times in (1, TIMES):
        source = folders.copy(work / "sample", work / f"source_{times}", times)
        records, trained = work / f"records_{times}", work / f"run_{times}"
        n = FLAGS.pictures * times

        yield run("build", n, "-m", "fashionclf.build_tfrecords", f"--source_dir={source}",
                  "--label_from=name", "--split=stratified", f"--records={records}")
        yield run("train", n, "-m", "fashionclf.train", f"--records={records}",
                  f"--run={trained}", "--weights=none", f"--image_size={IMAGE_SIZE}",
                  "--head_epochs=1", "--fine_tune_epochs=0")
        yield run("evaluate", n, "-m", "fashionclf.evaluate", f"--records={records}",
                  f"--run={trained}", "--split=train")


def hashes(_: Path) -> Iterator[dict]:
    for count in (FLAGS.hashes // TIMES, FLAGS.hashes):
        yield run("compare hashes", count, "-c", COMPARE, str(count))


def run(step: str, n: int, *command: str) -> dict:
    """Runs Python on `command`, alone; raises ChildProcessError if it fails."""
    with tempfile.TemporaryFile("w+") as output:
        start = time.perf_counter()
        child = subprocess.Popen([sys.executable, *command], stdout=output, stderr=output)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - start

        if child.returncode:
            output.seek(0)
            raise ChildProcessError(f"{' '.join(command)} failed: {output.read()[-2000:]}")
    return {"step": step, "n": n, "seconds": seconds, "peak_mib": used.ru_maxrss / MAXRSS_IN_MIB}


def write_lists(count: int, source: Path) -> None:
    """Writes the benchmark's four lists, of made-up items and categories of falling frequency."""
    import numpy as np

    rng = np.random.default_rng(0)
    share = 1 / np.arange(1, CATEGORIES + 1)
    category = rng.choice(CATEGORIES, max(CATEGORIES, count // ROWS_PER_ITEM),
                          p=share / share.sum())
    item = np.sort(rng.integers(0, len(category), count))
    paths = [f"img/Made_Up_{of:06d}_Kind{category[of]:02d}/img_{number:08d}.jpg"
             for number, of in enumerate(item)]
    boxes = (rng.integers(1, 150, (count, 4)) + [0, 0, 150, 150]).tolist()

    write_list(source / "list_category_cloth.txt", "name type",
               [f"Kind{number:02d} 1" for number in range(CATEGORIES)])
    for name, header, values in (
            ("category_img", "image id", (category[item] + 1).tolist()),
            ("bbox", "image x_1 y_1 x_2 y_2", [" ".join(map(str, box)) for box in boxes]),
            ("eval_partition", "image status", rng.choice(["train", "val", "test"], count))):
        write_list(source / f"list_{name}.txt", header,
                   [f"{path}    {value}" for path, value in zip(paths, values)])


def write_list(file: Path, header: str, lines: list[str]) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text("\n".join([str(len(lines)), header, *lines]) + "\n", encoding="utf-8")


def slopes(measured: list[dict]) -> list[dict]:
    """Returns what one more row, picture or hash costs in each step, between the two sizes."""
    growth = []
    for step in dict.fromkeys(row["step"] for row in measured):
        low, high = (row for row in measured if row["step"] == step)
        more = high["n"] - low["n"]
        growth.append({"step": step, "ms_each": (high["seconds"] - low["seconds"]) / more * 1e3,
                       "bytes_each": (high["peak_mib"] - low["peak_mib"]) / more * 2**20})
    return growth


def table(measured: list[dict], growth: list[dict]) -> str:
    """Renders two lines per step as Markdown, the second with its growth."""
    lines = []
    for slope in growth:
        low, high = (row for row in measured if row["step"] == slope["step"])
        costs = [f"{slope['ms_each']:.3f}", f"{slope['bytes_each']:,.0f}"]
        lines += [[row["step"], f"{row['n']:,}", f"{row['seconds']:.1f}",
                   f"{row['peak_mib']:,.0f}", *more] for row, more in ((low, ["", ""]),
                                                                       (high, costs))]
    return markdown.table(["step", "number", "seconds", "peak memory, MiB", "ms for one more",
                           "bytes for one more"], lines)


if __name__ == "__main__":
    cli.run(main)
