"""Measures a build of records beside decoding each picture once.

    python -m tools.benchmark.build --source_dir=data/clothing_cc0 --copies=4

prints, round by round, the pictures per second of a tf.data pipeline on all cores that only reads
and decodes; of opening all pictures and writing all records, as build_tfrecords does; and of the
whole program from start to exit. --copies makes a small source larger, so that the start weighs
less. Takes two minutes for 16,000 pictures on two CPU cores.
"""
import sys
import tempfile
from pathlib import Path

from absl import flags

from fashionclf import cli
from tools.benchmark import folders, timed

FLAGS = flags.FLAGS

cli.path_flag("source_dir", None, "Folder in DeepFashion's layout, its pictures JPEGs.")
flags.DEFINE_integer("rounds", 3, "Number of measurements.", lower_bound=1)
flags.DEFINE_integer("copies", 1, "Copies of each picture, in a temporary folder.", lower_bound=1)


def main(_: list[str]) -> None:
    from fashionclf.sources import categories, readers
    from fashionclf.system import workers
    from tools.benchmark import limits

    run = workers.processes(preload=["fashionclf.records.preload"])
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        folders.copy(Path(FLAGS.source_dir), work / "source", FLAGS.copies)
        source = readers.read_deepfashion(work / "source")
        labelled = categories.assign(source.table, label_from="name")
        files = [source.images_root / path for path in labelled.table["path"]]
        limits.decoding_rate(files)  # from now on the files are in memory

        for number in range(FLAGS.rounds):
            decoding = limits.decoding_rate(files)
            building = limits.building_rate(labelled, source.images_root, run)
            whole = len(files) / timed.run(
                [sys.executable, "-m", "fashionclf.build_tfrecords", "--label_from=name",
                 f"--source_dir={work / 'source'}", f"--records={work / f'records_{number}'}"],
                marks={}, log=work / "log")["total"]
            print(f"decoding {decoding:,.0f} pictures/s; building {building:,.0f} "
                  f"({building / decoding:.2f} of it); the whole program {whole:,.0f} "
                  f"({whole / decoding:.2f})", flush=True)


if __name__ == "__main__":
    flags.mark_flag_as_required("source_dir")
    cli.run(main)
