"""Evaluates a trained run on records of build_tfrecords and writes a report.

    python -m fashionclf.evaluate --run=saved_models/mine --records=DIR --split=test

prints accuracy and the majority baseline, with 95 % intervals, and first how many of the pictures
the model was trained on; then the same for one answer per garment, from the averaged
log-probabilities of its pictures. It writes report.html, a single page to hand around, and beside
it metrics.json, per_class.csv, classification_report.txt, predictions.csv, confusion_matrix.png,
reliability.png, coverage.png (accuracy of the most confident answers) and misclassified.png. The
same goes to the run's TensorBoard logs. Two CPU cores evaluate about 80 pictures of 224 pixels a
second.
"""
from pathlib import Path

from absl import flags

from fashionclf import cli
from fashionclf.model import spec as specs
from fashionclf.records import manifests
from fashionclf.system import places

FLAGS = flags.FLAGS

cli.packaged_flag("run", None, "Folder of a finished training, or the name of a released model.")
cli.path_flag("records", None, "Folder that build_tfrecords wrote, with the run's classes or "
              "with --align.")
flags.DEFINE_enum("split", "test", ["train", "validation", "test"], "Split of the records to "
                  "evaluate on.")
cli.packaged_flag("align", None, "CSV file run_class,records_class for records with other "
                  "classes: a row for each class of the run with the class of the records that "
                  "it corresponds to, or an empty cell; or same: the class of its name. Only "
                  "pictures of classes that the run has are scored.")
cli.path_flag("output", None, "Folder of the report (default, within the run: report for the "
              "test split, report_SPLIT for another; report_aligned with --align).")
flags.DEFINE_string("group_pattern", None, "Regular expression searched in each path: pictures "
                    "with the same match (of its group, if it has one) show one garment, for the "
                    "scores per garment (default: those of one item of the records).")
flags.DEFINE_boolean("keep_reference", False, "Also keep what these pictures show in "
                     "RUN/reference.npz, by which predict sets --min_precision and marks outliers. "
                     "Pictures that the model was trained on are left out.")
flags.DEFINE_integer("batch_size", 32, "Pictures that go through the network together.",
                     lower_bound=1)


def main(_: list[str]) -> None:
    run_dir, records_dir = Path(FLAGS.run), Path(FLAGS.records)
    manifest = checked(run_dir, records_dir)
    report_dir = report_folder()
    with cli.loading():
        from fashionclf.evaluation import report
        from fashionclf.model import weights
        from fashionclf.records import verification
        from fashionclf.records.input_pipeline import Records
        from fashionclf.sources import alignment

    verification.check_shards(records_dir, manifest)
    run = weights.load(run_dir)
    records = Records(folder=records_dir, manifest=manifest, framing=run.spec.framing)
    classes = FLAGS.align and alignment.read(FLAGS.align, run.spec.classes, records.classes)
    report.evaluate(run, records, FLAGS.split, report_dir, batch_size=FLAGS.batch_size,
                    classes=classes or None, group_pattern=FLAGS.group_pattern,
                    keep_reference=FLAGS.keep_reference)
    print("\nwritten:", *sorted(report_dir.iterdir()), sep="\n  ")


def checked(run_dir: Path, records_dir: Path) -> dict:
    """The manifest of the records, once all is checked that can be without TensorFlow."""
    places.check_folder(report_folder(), flag="--output")
    manifest = manifests.read(records_dir)
    spec, *_ = specs.read(run_dir)
    manifests.check_split(manifest, FLAGS.split, records_dir)
    if not FLAGS.align:
        manifests.check_classes(spec.classes, manifest["classes"], records_dir)
    if FLAGS.group_pattern:
        import pandas as pd

        from fashionclf.sources import splits

        splits.items_by_pattern(pd.Series(dtype=str), FLAGS.group_pattern)
    if FLAGS.keep_reference and (FLAGS.align or FLAGS.split == "train"):
        raise ValueError("--keep_reference takes pictures of the run's own classes that it was not "
                         "trained on: leave --align out, and name --split=test or validation")
    if FLAGS.align != "same":
        cli.require_file(FLAGS.align, "--align takes a CSV with run_class,records_class, or same")
    return manifest


def report_folder() -> Path:
    """--output, or else a folder within the run."""
    name = "report_aligned" if FLAGS.align else "report"
    return Path(FLAGS.output or Path(FLAGS.run, name if FLAGS.split == "test"
                                     else f"{name}_{FLAGS.split}"))


if __name__ == "__main__":
    flags.mark_flags_as_required(["run", "records"])
    cli.run(main)
