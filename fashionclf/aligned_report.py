"""An evaluation on records with other classes than the run's, by an alignment of the two."""
import dataclasses
from pathlib import Path

from fashionclf import alignment, calibration, classifier, inference, records, report
from fashionclf.alignment import Alignment


def evaluate_run(model, spec: classifier.Spec, aligned: Alignment, records_dir: str | Path,
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
    predictions = report.predict_split(model, dataclasses.replace(spec, temperature=1.0),
                                       records_dir, split, batch_size=batch_size)
    facts = aligned.facts(predictions.labels, predictions.probabilities)
    print(alignment.as_text(facts))
    if not facts["scored"]:
        raise ValueError(f"{records_dir}: none of {facts['pictures']:,} pictures of {split!r} is "
                         "of a class that the run has; choose another --split or --align")

    def load_pictures(paths: list[str]) -> dict:
        return report.read_pictures(records_dir, split, paths, box_margin=spec.box_margin)

    name = f"{split}_aligned"
    manifest = records.read_manifest(records_dir)
    scores = report.write(
        report_dir, scored(predictions, aligned, spec.temperature), aligned.reached_classes,
        name=name, load_pictures=load_pictures, tensorboard_dir=tensorboard_dir,
        manifest=manifest, run_dir=run_dir, temperature=spec.temperature, provenance={
            "split": split, "records_fingerprint": manifest["fingerprint"], "alignment": facts})
    print(report.headline(scores, name))
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
