"""Measures a build's work on pictures against the time of decoding each of them once.

    python -m tools.benchmark.build --source_dir=data/clothing_cc0 --copies=4

The limit is a tf.data pipeline on all cores that reads and decodes each picture and does
nothing else. Beside it stand opening all pictures and writing all records, as build_tfrecords
does, and the whole program from start to end. --copies makes more of a small source, so that
starting weighs less. Takes two minutes for 16,000 pictures on two CPU cores.
"""
import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from absl import flags

from fashionclf import cli

FLAGS = flags.FLAGS

flags.DEFINE_string("source_dir", None, "A DeepFashion tree.")
flags.DEFINE_integer("rounds", 3, "How often each is measured, in turn.", lower_bound=1)
flags.DEFINE_integer("copies", 1, "How often each picture is taken: above 1, all are copied "
                     "into a temporary folder.", lower_bound=1)


def main(_: list[str]) -> None:
    from fashionclf.sources import categories, readers
    from fashionclf.system import workers

    run = workers.processes()
    with contextlib.ExitStack() as stack:
        source = Path(FLAGS.source_dir)
        if FLAGS.copies > 1:
            source = copies(source, Path(stack.enter_context(tempfile.TemporaryDirectory())))
        found = readers.read_deepfashion(source)
        labelled = categories.assign(found.table, label_from="annotation")
        decode_once(found.images_root, labelled.table)  # from now on the files are in memory
        for _ in range(FLAGS.rounds):
            limit = seconds(decode_once, found.images_root, labelled.table)
            work = seconds(open_and_write, found.images_root, labelled, run)
            whole = seconds(whole_program, source)
            count = len(labelled.table)
            print(f"limit {count / limit:,.0f} pictures a second; opening and writing "
                  f"{count / work:,.0f}, {limit / work:.2f} of it; whole program {whole:.1f} s, "
                  f"{limit / whole:.2f}", flush=True)


def copies(source: Path, target: Path) -> Path:
    """A tree in which each item of `source` stands FLAGS.copies times, each under another name."""
    names = [f"copy{number}_" for number in range(FLAGS.copies)]
    for name in names:
        for item in (source / "img").iterdir():
            shutil.copytree(item, target / "img" / f"{name}{item.name}")
    for file in source.glob("*/list_*.txt"):
        count, header, *rows = file.read_text(encoding="utf-8").splitlines()
        if rows[0].startswith("img/"):
            rows = [row.replace("img/", f"img/{name}", 1) for name in names for row in rows]
            count = len(rows)
        copied = target / file.relative_to(source)
        copied.parent.mkdir(exist_ok=True)
        copied.write_text("\n".join([str(count), header, *rows]) + "\n", encoding="utf-8")
    return target


def seconds(function, *arguments) -> float:
    began = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - began


def decode_once(images_root: Path, table) -> None:
    import tensorflow as tf

    from fashionclf.pictures import decoding

    files = [str(images_root / path) for path in table["path"]]
    heights = tf.data.Dataset.from_tensor_slices(files).map(
        lambda file: tf.shape(decoding.decode(tf.io.read_file(file)))[0],
        num_parallel_calls=tf.data.AUTOTUNE)
    heights.reduce(0, lambda total, height: total + height).numpy()


def open_and_write(images_root: Path, labelled, run) -> None:
    from fashionclf.records import audit, shards

    table = labelled.table.join(audit.pictures(labelled.table, images_root, run=run))
    table = audit.with_checked_boxes(table[table["reason"].isna()]).assign(split="train")
    with tempfile.TemporaryDirectory() as folder:
        shards.write(table, Path(folder), images_root=images_root, classes=labelled.classes,
                     run=run)


def whole_program(source: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "fashionclf.build_tfrecords",
                        f"--source_dir={source}", f"--records={folder}/records"],
                       check=True, capture_output=True)


if __name__ == "__main__":
    flags.mark_flag_as_required("source_dir")
    cli.run(main)
