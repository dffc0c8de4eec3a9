"""Exports a trained run to the formats of other runtimes and compares each with the run.

    python -m fashionclf.export --run=saved_models/mine --format=saved_model,onnx,litert \\
        --records=data/mine --output=exports/mine

writes saved_model/1/, model.onnx, model.tflite, labels.txt (a class a line, in the order of the
probabilities) and export.json (classes, inputs, outputs, preprocessing, licence, measurements,
sha256 of each file) into --output. ONNX and LiteRT files contain these facts too.

saved_model takes the bytes of JPEG, PNG and WEBP files (signature "serving_default") or pictures
("images"); the others take "images", float32 [B, S, S, 3], RGB, 0..255, prepared as
"preprocessing" in export.json says. All return "probabilities" and "features". docs/exports.md has
twenty lines of NumPy and Pillow for each, and the command of TensorFlow Serving.

An export that differs too much from its run is an error, and nothing is written. litert_float16
and onnx_float16 store weights in half the size. --nomirrored leaves out the mirror image, which
takes half the time.

Without records, name picture files or folders after the flags. Two CPU cores take about a minute
per format with 410 pictures.
"""
from pathlib import Path

from absl import flags

from fashionclf import cli
from fashionclf.deployment import exported
from fashionclf.model import spec as specs
from fashionclf.pictures import files as picture_files
from fashionclf.records import manifests
from fashionclf.system import extras, files

FLAGS = flags.FLAGS
FORMATS = list(exported.NEEDS)

cli.packaged_flag("run", None, "Folder of a finished training, or the name of a released model.")
flags.DEFINE_list("format", None, f"Formats to write: {', '.join(FORMATS)}, separated by commas.")
cli.path_flag("output", None, "Folder to create; an existing one is never overwritten.")
cli.path_flag("records", None, "Folder that build_tfrecords wrote, with the run's classes: "
              "its pictures and labels are used for the comparison.")
flags.DEFINE_enum("split", "test", ["train", "validation", "test"], "Split of the records to "
                  "compare on; litert_int8 is calibrated on train.")
flags.DEFINE_integer("pictures", 500, "Largest number of pictures to compare on.", lower_bound=1)
flags.DEFINE_integer("calibration_pictures", 128, "Largest number of pictures to calibrate "
                     "litert_int8 on.", lower_bound=1)
flags.DEFINE_boolean("mirrored", True, "Average over each picture and its mirror image if the "
                     "run does. --nomirrored takes half the time, and is compared with the run "
                     "without it.")
flags.DEFINE_string("licence", None, "Licence of the weights, for example Apache-2.0. Default: "
                    "that of the run's model card, or unknown.")
flags.DEFINE_float("tolerance", 1e-4, "Largest allowed difference between the run and an export in "
                   "float32: of a probability, or of the features relative to their length.",
                   lower_bound=0.0)
flags.DEFINE_float("float16_tolerance", 0.02, "The same for weights in float16.", lower_bound=0.0)
flags.DEFINE_float("int8_agreement", 0.95, "Smallest allowed share of pictures for which "
                   "litert_int8 predicts the run's class.", lower_bound=0.0, upper_bound=1.0)
flags.DEFINE_integer("batch_size", 32, "Pictures that go through the network together.",
                     lower_bound=1)
flags.register_validator("format", lambda names: names is None or names and set(names) <= set(
    FORMATS), message=f"takes one or more of {', '.join(FORMATS)}")


def main(words: list[str]) -> None:
    manifest = checked(words)
    with cli.loading():
        from fashionclf.exporting import export_job, export_trial
        from fashionclf.model import weights
        from fashionclf.records.input_pipeline import Records

    # The pictures on which each format is compared with the run
    run = weights.load(FLAGS.run)
    if words:
        examples = export_trial.of_files(picture_files.find(words)[0], FLAGS.pictures)
        calibration = examples[:FLAGS.calibration_pictures]
        source = {"checked_on": words, "calibrated_on": "the same pictures"}
    else:
        records = Records(folder=Path(FLAGS.records), manifest=manifest, framing=run.spec.framing)
        examples = export_trial.of_records(records, FLAGS.split, FLAGS.pictures)
        calibration = export_trial.of_records(records, "train", FLAGS.calibration_pictures)
        source = {"checked_on": f"{FLAGS.records}, split {FLAGS.split}",
                  "records_fingerprint": manifest["fingerprint"],
                  "calibrated_on": f"{FLAGS.records}, split train"}

    trial = export_trial.Trial(
        examples=examples, calibration=calibration, source=source, batch_size=FLAGS.batch_size,
        tolerance=FLAGS.tolerance, float16_tolerance=FLAGS.float16_tolerance,
        int8_agreement=FLAGS.int8_agreement)
    with files.staging(Path(FLAGS.output), flag="--output") as folder:
        export_job.write(run, folder, FLAGS.format, trial, licence=FLAGS.licence,
                         mirrored=FLAGS.mirrored)
    print(f"\nwritten: {FLAGS.output}")


def checked(words: list[str]) -> dict | None:
    """The manifest of --records, once all is checked that can be without TensorFlow."""
    if bool(words) == bool(FLAGS.records):
        raise ValueError("an export is checked on real pictures: give either --records=DIR, or "
                         "picture files and folders after the flags")
    for name in FLAGS.format:
        if exported.NEEDS[name]:
            extras.require(*exported.NEEDS[name], purpose=f"--format={name}")
    files.refuse_existing(Path(FLAGS.output), flag="--output")
    spec, *_ = specs.read(FLAGS.run)
    picture_files.find(words)
    if not FLAGS.records:
        return None
    manifest = manifests.read(FLAGS.records)
    manifests.check_classes(spec.classes, manifest["classes"], FLAGS.records)
    manifests.check_split(manifest, FLAGS.split, FLAGS.records)
    return manifest


if __name__ == "__main__":
    flags.mark_flags_as_required(["run", "format", "output"])
    cli.run(main, positional="PATH")
