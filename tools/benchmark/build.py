"""Measures a build of records beside decoding each picture once.

    python -m tools.benchmark.build --source_dir=data/clothing_cc0 --copies=4

prints, round by round, the pictures per second of a tf.data pipeline on all cores that only reads
and decodes; of build_tfrecords from the first picture that it opens to its exit; and of the whole
program with its start. --copies makes a small source larger, so that the start weighs less. Takes
two minutes for 16,000 pictures on two CPU cores.
"""
import tempfile
from pathlib import Path

from absl import flags

from fashionclf import cli
from tools.benchmark import folders

FLAGS = flags.FLAGS

flags.DEFINE_string("source_dir", None, "Folder in DeepFashion's layout, its pictures JPEGs.")
flags.DEFINE_integer("rounds", 3, "Number of measurements.", lower_bound=1)
flags.DEFINE_integer("copies", 1, "Copies of each picture, in a temporary folder.", lower_bound=1)


def main(_: list[str]) -> None:
    from tools.benchmark import limits

    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        source = folders.copy(Path(FLAGS.source_dir), work / "source", FLAGS.copies)
        files = sorted(source.rglob("*.jpg"))
        limits.decoding_rate(files)  # from now on the files are in memory

        for number in range(FLAGS.rounds):
            limit = limits.decoding_rate(files)
            seconds = limits.build_seconds(
                work / f"records_{number}", f"--source_dir={source}", "--label_from=name")
            work_rate, whole_rate = (len(files) / seconds[name] for name in ("build", "total"))
            print(f"decoding {limit:,.0f} pictures/s; building {work_rate:,.0f} "
                  f"({work_rate / limit:.2f} of it); the whole program {whole_rate:,.0f} "
                  f"({whole_rate / limit:.2f})", flush=True)


if __name__ == "__main__":
    flags.mark_flag_as_required("source_dir")
    cli.run(main)
