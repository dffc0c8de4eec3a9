"""Averages the weights of trainings that differ in their seed only, and evaluates the result.

    python -m tools.average_runs --runs=saved_models/a,saved_models/b --records=DIR \\
        --run=saved_models/mean

Trainings that start from one trunk end in one basin: the mean of their weights is often better
than each of them, at the price of one (Wortsman et al., 2022, "Model soups"). All of them are
shown on validation; the mean alone is looked at on test. Two CPU cores: under a minute for 600
pictures.
"""
import shutil
from pathlib import Path

import numpy as np
from absl import flags

from fashionclf import cli

FLAGS = flags.FLAGS

flags.DEFINE_list("runs", None, "Folders of finished trainings of one kind of model.")
flags.DEFINE_string("records", None, "The records that they were trained on.")
flags.DEFINE_string("run", None, "Folder to create for the mean.")
flags.DEFINE_boolean("calibrate", False, "Fit a temperature on validation, see train.")
flags.DEFINE_integer("batch_size", 32, "Pictures that go through the network together.",
                     lower_bound=1)


def main(_: list[str]) -> None:
    from fashionclf import classifier, records, report, verification

    runs, output = [Path(run) for run in FLAGS.runs], Path(FLAGS.run)
    if output.exists():
        raise FileExistsError(f"{output} exists and is never overwritten: choose another --run")
    manifest = records.read_manifest(FLAGS.records)
    verification.check_shards(FLAGS.records, manifest)
    for run in runs:
        check_records(run, manifest)
    loaded = [classifier.load(run) for run in runs]
    model, spec = mean(loaded, FLAGS.runs)
    for name, (shown, _) in zip([*FLAGS.runs, "the mean"], [*loaded, (model, spec)]):
        print(validation(name, shown, spec), flush=True)
    if FLAGS.calibrate:
        spec = report.calibrated(model, spec, FLAGS.records, batch_size=FLAGS.batch_size)
    output.mkdir(parents=True)
    for name in ("records_manifest.json", "flags.cfg"):
        shutil.copy(runs[0] / name, output / name)
    for run in runs:
        shutil.copy(run / "history.csv", output / f"history_{run.name}.csv")
    report.evaluate_run(model, spec, FLAGS.records, "test", output / "report",
                        batch_size=FLAGS.batch_size, tensorboard_dir=output / "tensorboard")
    classifier.save(model, spec, output, records_fingerprint=manifest["fingerprint"],
                    mean_of=[run.name for run in runs])


def check_records(run: Path, manifest: dict) -> None:
    """Raises ValueError where `run` was trained on others: its validation would be no measure."""
    from fashionclf import records

    difference = records.difference(records.parse_manifest(run / "records_manifest.json"), manifest)
    if difference:
        raise ValueError(f"{run} was trained on other records than {FLAGS.records}: {difference}")


def mean(loaded: list[tuple], names: list[str]):
    """A model with the mean of the weights, and the one description of all.

    Args:
        loaded: pairs as classifier.load gives them.

    Raises:
        ValueError: they are not of one kind; names the first that differs.
    """
    from fashionclf import classifier

    spec = loaded[0][1]
    for name, (_, other) in zip(names, loaded):
        if other != spec:
            raise ValueError(f"{name} is {other}, not {spec} as {names[0]}: only models of one "
                             "kind have a mean")
    model = classifier.build(spec)
    columns = zip(*(one.get_weights() for one, _ in loaded), strict=True)
    model.set_weights([np.mean(column, axis=0) for column in columns])
    return model, spec


def validation(name: str, model, spec) -> str:
    """Accuracy, macro F1 and loss of `model` on the validation split, in a line."""
    from fashionclf import metrics, report

    found = report.predict_split(model, spec, FLAGS.records, "validation",
                                 batch_size=FLAGS.batch_size)
    scores = metrics.summary(found.labels, found.probabilities, spec.classes, found.items)
    of_label = found.probabilities[np.arange(len(found.labels)), found.labels]
    return (f"{name}: validation accuracy {scores['top1']:.3f}, macro F1 {scores['macro_f1']:.3f}, "
            f"loss {-np.log(np.maximum(of_label, 1e-12)).mean():.3f}")


if __name__ == "__main__":
    flags.mark_flags_as_required(["runs", "records", "run"])
    cli.run(main)
