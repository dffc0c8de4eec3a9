"""Writes a trained run in the formats of other runtimes, each checked against the run.

    python -m fashionclf.export --run=saved_models/mine --format=saved_model,onnx,litert \\
        --records=data/mine --output=exports/mine

--output then holds saved_model/, model.onnx, model.tflite, labels.txt (a class a line, in the
order of the probabilities) and export.json (sizes of the input, what was measured, sha256).
saved_model takes the bytes of JPEG, PNG and WEBP files (signature "serving_default") or pictures
("images"); the others take float32 pictures [B, S, S, 3], RGB, 0..255, resized. All give
probabilities. An export that differs too much from its run is an error and leaves nothing.

Without records, name pictures after the flags: files, or folders to search through. Two CPU
cores take about a minute a format for 410 pictures.
"""
from pathlib import Path

from absl import flags

from fashionclf import cli

FLAGS = flags.FLAGS
FORMATS = ["saved_model", "onnx", "litert", "litert_int8"]

flags.DEFINE_string("run", None, "Folder of a finished training.")
flags.DEFINE_list("format", None, f"What to write, of {', '.join(FORMATS)}; commas between "
                  "several.")
flags.DEFINE_string("output", None, "Folder to create; an existing one is never overwritten.")
flags.DEFINE_string("records", None, "Folder that build_tfrecords wrote, with the run's classes: "
                    "the check takes its pictures and labels.")
flags.DEFINE_enum("split", "test", ["train", "validation", "test"], "Part of the records that "
                  "the check takes; litert_int8 is calibrated on train.")
flags.DEFINE_integer("pictures", 500, "Most pictures that the check takes.", lower_bound=1)
flags.DEFINE_integer("calibration_pictures", 128, "Most pictures that litert_int8 is calibrated "
                     "on.", lower_bound=1)
flags.DEFINE_float("tolerance", 1e-4, "Largest difference of a probability between the run and an "
                   "export in float32.", lower_bound=0.0)
flags.DEFINE_float("int8_agreement", 0.95, "Least share of pictures of which litert_int8 names the "
                   "run's class.", lower_bound=0.0, upper_bound=1.0)
flags.DEFINE_integer("batch_size", 32, "Pictures that go through the network together.",
                     lower_bound=1)
flags.register_validator("format", lambda names: names is None or names and set(names) <= set(
    FORMATS), message=f"takes one or more of {', '.join(FORMATS)}")


def main(words: list[str]) -> None:
    if bool(words) == bool(FLAGS.records):
        raise ValueError("an export is checked on real pictures: give either --records=DIR, or "
                         "picture files and folders after the flags")
    from fashionclf.deployment import export_formats
    from fashionclf.model import weights
    from fashionclf.system import files

    for name in FLAGS.format:
        export_formats.check_installed(name)
    output = Path(FLAGS.output)
    files.refuse_existing(output, flag="--output")
    model, spec = weights.load(FLAGS.run)
    examples, calibration, source = pictures(words, spec)
    with files.staging(output, flag="--output") as folder:
        export(model, spec, folder, examples, calibration, source)
    print(f"\nwritten: {output}")


def pictures(words: list[str], spec) -> tuple[list, list, dict]:
    """Examples for the check and for calibration, and for export.json where they are from."""
    from fashionclf.deployment import export_check
    from fashionclf.records import manifest as manifests

    if words:
        examples = export_check.of_files(words, FLAGS.pictures)
        return (examples, examples[:FLAGS.calibration_pictures],
                {"checked_on": words, "calibrated_on": "the same pictures"})
    manifest = manifests.read_manifest(FLAGS.records)
    manifests.check_classes(spec.classes, manifest["classes"], FLAGS.records)
    if not manifest["examples"].get(FLAGS.split):
        raise ValueError(f"{FLAGS.records}: its split {FLAGS.split!r} is empty; choose another "
                         "--split")
    return (export_check.of_records(FLAGS.records, FLAGS.split, FLAGS.pictures),
            export_check.of_records(FLAGS.records, "train", FLAGS.calibration_pictures),
            {"checked_on": f"{FLAGS.records}, split {FLAGS.split}",
             "records_fingerprint": manifest["fingerprint"],
             "calibrated_on": f"{FLAGS.records}, split train"})


def export(model, spec, folder: Path, examples: list, calibration: list, source: dict) -> None:
    """Writes and checks each format, then export.json."""
    import json

    from fashionclf.deployment import export_check, export_formats
    from fashionclf.model import inference
    from fashionclf.system import files

    (folder / export_formats.LABELS).write_text("".join(f"{name}\n" for name in spec.classes),
                                                encoding="utf-8")
    predictor = inference.Predictor(model, mirrored=spec.mirrored, temperature=spec.temperature,
                                    fixed=True)
    whole = export_formats.with_probabilities(model, spec)
    checks = {}
    for name in dict.fromkeys(FLAGS.format):
        path = export_formats.write(
            name, whole, spec, folder, calibrate_on=lambda: (
                one[None] for one in export_check.load(calibration, spec)))
        checks[name] = {"path": path.name, "bytes": size(path),
                        **check(name, path, predictor, spec, examples)}
    about = {"run": FLAGS.run, "image_size": spec.image_size, "box_margin": spec.box_margin,
             "mirrored": spec.mirrored, "temperature": spec.temperature,
             "weights_sha256": files.sha256(Path(FLAGS.run) / "model.weights.h5"),
             **source, "formats": checks,
             "sha256": {file.relative_to(folder).as_posix(): files.sha256(file)
                        for file in sorted(folder.rglob("*")) if file.is_file()}}
    (folder / "export.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


def size(path: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    found = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in found if file.is_file())


def check(name: str, path: Path, predictor, spec, examples: list) -> dict:
    """Compares, prints, and gives what was measured; raises ValueError where it differs."""
    import dataclasses

    from fashionclf.deployment import export_check

    signatures = {"images": export_check.compare_on_pictures}
    if name == "saved_model":
        signatures["serving_default"] = export_check.compare_on_files
    measured = {}
    for signature, compare in signatures.items():
        exported = export_check.start(name, path, signature=signature)
        found = compare(predictor, exported, spec, examples, FLAGS.batch_size)
        print(line(f"{name}, {signature}" if name == "saved_model" else name, size(path), found),
              flush=True)
        refuse_difference(name, found)
        measured[signature] = dataclasses.asdict(found)
    return measured


def line(title: str, num_bytes: int, found) -> str:
    """What a check prints."""
    accuracy = "" if found.accuracy is None else (
        f", accuracy {found.accuracy:.4f} (the run's: {found.run_accuracy:.4f})")
    return (f"{title}: {num_bytes / 1e6:.1f} MB; on {found.pictures} pictures: largest "
            f"difference of a probability {found.largest_difference:.1e}, same class "
            f"{found.agreement:.4f}{accuracy}; {found.pictures_per_second:.1f} pictures/s, "
            f"{found.pictures_per_second / found.run_pictures_per_second:.2f} times the run's")


def refuse_difference(name: str, found) -> None:
    """Raises ValueError where an export is too far from its run."""
    if name == "litert_int8":
        if found.agreement < FLAGS.int8_agreement:
            raise ValueError(
                f"{name} names the run's class of {found.agreement:.4f} of the pictures, below "
                f"--int8_agreement={FLAGS.int8_agreement}: nothing was exported. Try more "
                "--calibration_pictures, or litert")
    elif found.largest_difference > FLAGS.tolerance:
        raise ValueError(
            f"{name} gives a probability that is {found.largest_difference:.1e} off the run's, "
            f"above --tolerance={FLAGS.tolerance}: nothing was exported")


if __name__ == "__main__":
    flags.mark_flags_as_required(["run", "format", "output"])
    cli.run(main, positional="PATH")
