"""An evaluation on records with other classes than the run's, by an alignment of the two."""
import dataclasses
import json
from pathlib import Path

import keras
import numpy as np

from fashionclf.evaluation import figures, metrics, mistakes, page
from fashionclf.evaluation import tensorboard as tensorboard_pages
from fashionclf.model import calibration, inference
from fashionclf.model.spec import Spec
from fashionclf.records import input_pipeline
from fashionclf.records import manifest as manifests
from fashionclf.sources import alignment
from fashionclf.sources.alignment import Alignment
from fashionclf.system import tables


def evaluate_aligned_run(model, spec: Spec, aligned: Alignment, records_dir: str | Path,
                         split: str, report_dir: str | Path, *, batch_size: int,
                         run_dir: str | Path | None = None,
                         tensorboard_dir: str | Path | None = None) -> dict:
    """As report.evaluate_run, on the pictures of classes that the run has.

    The probabilities of the run's classes that stand for one of the records are summed, brought
    to a sum of one without those that stand for none, then to the temperature of `spec`.

    Returns:
        What metrics.json holds; "alignment" of it are Alignment.facts.

    Raises:
        FileNotFoundError, ValueError: as report.evaluate_run, but for the classes; or no picture
            is of a class that the run has.
    """
    predictions = predict_split(model, dataclasses.replace(spec, temperature=1.0),
                                records_dir, split, batch_size=batch_size)
    facts = aligned.facts(predictions.labels, predictions.probabilities)
    print(alignment.as_text(facts))
    if not facts["scored"]:
        raise ValueError(f"{records_dir}: none of {facts['pictures']:,} pictures of {split!r} is "
                         "of a class that the run has; choose another --split or --align")

    def load_pictures(paths: list[str]) -> dict:
        return input_pipeline.read_pictures(records_dir, split, paths, box_margin=spec.box_margin)

    name = f"{split}_aligned"
    manifest = manifests.read_manifest(records_dir)
    scores = write(
        report_dir, scored(predictions, aligned, spec.temperature), aligned.reached_classes,
        name=name, load_pictures=load_pictures, tensorboard_dir=tensorboard_dir,
        manifest=manifest, run_dir=run_dir, temperature=spec.temperature, provenance={
            "split": split, "records_fingerprint": manifest["fingerprint"], "alignment": facts})
    print(headline(scores, name))
    return scores


def scored(predictions: inference.Predictions, aligned: Alignment,
           temperature: float) -> inference.Predictions:
    """Those of reached classes, with labels and probabilities numbered as `reached_classes`.

    Args:
        predictions: labels of the records, probabilities [N, R] of the run at temperature 1.
    """
    places = {place: number for number, place in enumerate(aligned.reached.tolist())}
    kept = [i for i, label in enumerate(predictions.labels.tolist()) if label in places]
    return dataclasses.replace(
        predictions, labels=aligned.reached.searchsorted(predictions.labels[kept]),
        probabilities=calibration.at_temperature(
            aligned.summed(predictions.probabilities[kept]), temperature),
        paths=[predictions.paths[i] for i in kept], items=[predictions.items[i] for i in kept])


GALLERY = 24  # mistakes shown
PAIRS = 12  # of confused classes shown


def evaluate_run(model: keras.Model, spec: Spec, records_dir: str | Path, split: str,
                 report_dir: str | Path, *, batch_size: int, run_dir: str | Path | None = None,
                 tensorboard_dir: str | Path | None = None) -> dict:
    """Runs `model` once over a split, writes the report and prints its headline.

    Args:
        run_dir: folder of the training, whose name and flags the page shows.

    Returns:
        What metrics.json holds.

    Raises:
        FileNotFoundError, ValueError: there are no such records, their classes
            are not the model's, the split is empty, or a record is missing.
    """
    manifest = manifests.read_manifest(records_dir)
    manifests.check_classes(spec.classes, manifest["classes"], records_dir)
    predictions = predict_split(model, spec, records_dir, split, batch_size=batch_size,
                                most_features=tensorboard_pages.MOST if tensorboard_dir else 0)

    def load_pictures(paths: list[str]) -> dict[str, np.ndarray]:
        return input_pipeline.read_pictures(records_dir, split, paths, box_margin=spec.box_margin)

    scores = write(report_dir, predictions, spec.classes, name=split, load_pictures=load_pictures,
                   explain=mistakes.explainer(model, spec), manifest=manifest, run_dir=run_dir,
                   tensorboard_dir=tensorboard_dir, temperature=spec.temperature,
                   provenance={"split": split, "records_fingerprint": manifest["fingerprint"]})
    if tensorboard_dir:
        tensorboard_pages.add_split(
            tensorboard_dir, predictions, spec.classes, records_dir=records_dir, split=split,
            box_margin=spec.box_margin)
    print(headline(scores, split))
    return scores


def predict_split(model: keras.Model, spec: Spec, records_dir: str | Path, split: str, *,
                  batch_size: int, most_features: int = 0) -> inference.Predictions:
    """Runs `model` once over a split, whatever its classes; else raises as evaluate_run does.

    Args:
        most_features: examples, the first ones, whose features are given, too.
    """
    expected = manifests.read_manifest(records_dir)["examples"].get(split, 0)
    if not expected:
        raise ValueError(f"{records_dir}: its split {split!r} is empty; choose another --split, "
                         "or build records with a larger share for it")
    dataset = input_pipeline.evaluation(records_dir, split, image_size=spec.image_size,
                                        box_margin=spec.box_margin, batch_size=batch_size)
    predictor = inference.Predictor(model, mirrored=spec.mirrored,
                                    temperature=spec.temperature, fixed=True,
                                    features=most_features > 0)
    return predictor.predict_dataset(dataset, expected, progress=f"reading {split}",
                                     most_features=most_features)


def calibrated(model: keras.Model, spec: Spec, records_dir: str | Path, *,
               batch_size: int) -> Spec:
    """`spec` with the temperature that suits the validation split; says which."""
    found = predict_split(model, dataclasses.replace(spec, temperature=1.0), records_dir,
                          "validation", batch_size=batch_size)
    temperature = calibration.fit_temperature(found.labels, found.probabilities)
    print(f"temperature {temperature:.3f}, fitted on {len(found.labels):,} validation pictures")
    return dataclasses.replace(spec, temperature=temperature)


def headline(scores: dict, name: str) -> str:
    """Accuracy and macro F1 with their intervals, beside the majority baseline."""
    def line(title: str, key: str) -> str:
        low, high = scores[f"{key}_interval"]
        return f"{title:<22}{scores[key]:.3f}  ({low:.3f} to {high:.3f})"
    return "\n".join([
        f"{name}: {scores['n']:,} pictures, {metrics.LEVEL:.0%} intervals in brackets",
        line("  accuracy", "top1"), f"  majority baseline   {scores['majority_baseline']:.3f}",
        line("  top-3", "top3"), line("  top-5", "top5"), line("  macro F1", "macro_f1"),
        f"  calibration error   {scores['ece']:.3f}"
        + (f"  ({scores['ece_at_temperature_1']:.3f} before the temperature)"
           if scores["temperature"] != 1 else "")])


def write(report_dir: str | Path, predictions: inference.Predictions, classes: list[str], *,
          name: str = "test", load_pictures: mistakes.PictureLoader | None = None,
          explain: mistakes.Explainer | None = None, manifest: dict | None = None,
          run_dir: str | Path | None = None, tensorboard_dir: str | Path | None = None,
          step: int = 0, temperature: float = 1.0, provenance: dict | None = None) -> dict:
    """Writes metrics.json, CSV and text tables, pictures, and report.html, which shows them all.

    Args:
        name: what the predictions are of; titles the pictures, prefixes tags.
        load_pictures: gives the pictures of mistakes; without it there are none.
        explain: gives heat maps of these; without it there are none.
        manifest: of the records, for what the page says of the data.
        run_dir: folder of the training, whose name and flags the page shows.
        tensorboard_dir: where the same goes as TensorBoard summaries, at `step`.
        temperature: what the probabilities were brought to; undone for comparison.
        provenance: what else metrics.json should say.

    Returns:
        What metrics.json holds.
    """
    report_dir = Path(report_dir)
    report_dir.mkdir(parents=True, exist_ok=True)
    labels, predicted = predictions.labels, predictions.probabilities.argmax(axis=1)
    plain = calibration.at_temperature(predictions.probabilities, 1 / temperature)
    scores = {**(provenance or {}),
              **metrics.summary(labels, predictions.probabilities, classes, predictions.items),
              "ece": calibration.expected_calibration_error(labels, predictions.probabilities),
              "temperature": temperature,
              "ece_at_temperature_1": calibration.expected_calibration_error(labels, plain)}
    table = metrics.text_table(labels, predicted, classes)
    rows = inference.prediction_rows(predictions, classes)
    (report_dir / "metrics.json").write_text(json.dumps(scores, indent=1) + "\n")
    (report_dir / "classification_report.txt").write_text(table, encoding="utf-8")
    by_class = metrics.per_class(labels, predicted, classes)
    tables.write(by_class, report_dir / "per_class.csv", float_format="%.4f")
    tables.write(rows, report_dir / "predictions.csv", float_format="%.6f")

    matrix = metrics.confusion(labels, predicted, len(classes))
    curves = {"temperature 1": plain}
    if temperature != 1:
        curves[f"temperature {temperature:.2f}"] = predictions.probabilities
    charts = {"confusion_matrix": figures.confusion(matrix, classes, name),
              "reliability": figures.reliability(
                  {title: calibration.reliability(labels, p) for title, p in curves.items()},
                  name)}
    worst, pairs, pictures = mistakes.to_show(
        rows, metrics.confused_pairs(labels, predicted, classes).head(PAIRS), most=GALLERY,
        load_pictures=load_pictures, explain=explain)
    drawn = dict(charts)
    if load_pictures:
        drawn["misclassified"] = figures.gallery(worst, pictures, name)
    for title, figure in drawn.items():
        figure.savefig(report_dir / f"{title}.png")
    page.write(report_dir / "report.html", title=_title(run_dir, name), scores=scores,
               per_class=by_class, pairs=pairs, mistakes=worst, drawings=charts,
               manifest=manifest or {}, flags=_flags(run_dir))
    if tensorboard_dir:
        tensorboard_pages.add_report(
            tensorboard_dir, predictions, classes, name=name, table=table,
            pictures={title: report_dir / f"{title}.png" for title in drawn}, scores=scores,
            step=step)
    return scores


def _title(run_dir: str | Path | None, name: str) -> str:
    return f"{Path(run_dir).resolve().name if run_dir else 'A model'} on {name} pictures"


def _flags(run_dir: str | Path | None) -> str:
    file = run_dir and Path(run_dir) / "flags.cfg"
    return file.read_text() if file and file.is_file() else ""
