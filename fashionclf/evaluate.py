"""Measures a trained run on records of build_tfrecords and writes a report.

    python -m fashionclf.evaluate --run=saved_models/mine --records=DIR --split=test

prints accuracy beside the majority baseline, with 95 % intervals, and writes
report.html, a page to hand around that holds all it shows, beside metrics.json,
per_class.csv, classification_report.txt, predictions.csv, confusion_matrix.png,
reliability.png and misclassified.png; the same goes to the run's TensorBoard logs.
Two CPU cores evaluate about 80 pictures of 224 pixels a second.
"""
from pathlib import Path

from absl import flags

from fashionclf import cli

FLAGS = flags.FLAGS

flags.DEFINE_string("run", None, "Folder of a finished training.")
flags.DEFINE_string("records", None, "Folder that build_tfrecords wrote, with the run's classes or "
                    "--align.")
flags.DEFINE_enum("split", "test", ["train", "validation", "test"], "Part of the records.")
flags.DEFINE_string("align", None, "CSV file run_class,records_class for records of other classes: "
                    "which of the run stands for which of theirs, a row for each of the run; an "
                    "empty cell for none. Pictures of a class that the run has are scored.")
flags.DEFINE_string("output", None, "Folder of the report (default: report in the run for the "
                    "split test, report_<split> for another; with --align report_aligned).")
flags.DEFINE_integer("batch_size", 32, "Pictures that go through the network together.",
                     lower_bound=1)


def main(_: list[str]) -> None:
    from fashionclf.evaluation import report
    from fashionclf.model import weights
    from fashionclf.records import manifest as manifests
    from fashionclf.records import verification
    from fashionclf.sources import alignment

    run_dir = Path(FLAGS.run)
    manifest = manifests.read_manifest(FLAGS.records)  # before the model: it is the quicker to fail
    verification.check_shards(FLAGS.records, manifest)
    model, spec = weights.load(run_dir)
    trained_on = run_dir / "records_manifest.json"
    if trained_on.is_file() and manifests.difference(
            manifests.parse_manifest(trained_on), manifest):
        print(f"note: {FLAGS.records} are not the records of the training; if both come from the "
              "same pictures, some of these were trained on")
    name = "report" + "_aligned" * bool(FLAGS.align)
    name += "" if FLAGS.split == "test" else f"_{FLAGS.split}"
    report_dir = Path(FLAGS.output or run_dir / name)
    where = (FLAGS.records, FLAGS.split, report_dir)
    options = {"batch_size": FLAGS.batch_size, "tensorboard_dir": run_dir / "tensorboard",
               "run_dir": run_dir}
    if FLAGS.align:
        found = alignment.read(Path(FLAGS.align), spec.classes, manifest["classes"])
        report.evaluate_aligned_run(model, spec, found, *where, **options)
    else:
        report.evaluate_run(model, spec, *where, **options)
    print("\nwritten:")
    for file in sorted(report_dir.iterdir()):
        print(f"  {file}")


if __name__ == "__main__":
    flags.mark_flags_as_required(["run", "records"])
    cli.run(main)
