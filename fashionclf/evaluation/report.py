"""Evaluates a run and writes its report: scores, tables, charts, as files and in TensorBoard."""
import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd

from fashionclf.evaluation import (by_garment, figures, held_out, lineage, metrics, mistakes, page,
                                   selective, tensorboard_pages)
from fashionclf.model import calibration, inference
from fashionclf.model import spec as specs
from fashionclf.model.inference import Predictions
from fashionclf.model.weights import Run
from fashionclf.pictures.picture_hashes import PictureHashes
from fashionclf.records import known_pictures, manifests
from fashionclf.records.input_pipeline import Records
from fashionclf.sources import alignment
from fashionclf.sources.alignment import Alignment
from fashionclf.system import files, tables

GALLERY = 24  # errors shown
PAIRS = 12  # confused pairs shown


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The predictions of a model for a split, and the context that a report shows with them.

    Attributes:
        predictions: of N examples; labels and probabilities are numbered as `classes`.
        name: of the split; titles the charts, prefixes TensorBoard's tags.
        temperature: of the probabilities; undone for comparison.
        provenance: further entries of metrics.json, e.g. the fingerprint of the records, and
            `warnings` and `remarks`, sentences that stand above the scores.
        group_pattern: what names a garment, see by_garment.scores.
        seen: which examples were in the training, see picture_hashes.seen; None if unknown.
        manifest: of the records, for the page's section on the data; may be empty.
        run_dir: folder of the training, whose name and flags the page shows.
        load_pictures, explain: load the pictures of errors and compute their heat maps; None to
            show none.
    """
    predictions: Predictions
    classes: list[str]
    name: str
    temperature: float = 1.0
    provenance: dict = dataclasses.field(default_factory=dict)
    group_pattern: str | None = None
    seen: np.ndarray | None = None
    manifest: dict = dataclasses.field(default_factory=dict)
    run_dir: Path | None = None
    load_pictures: mistakes.PictureLoader | None = None
    explain: mistakes.Explainer | None = None

    @property
    def plain_probabilities(self) -> np.ndarray:
        """Those at temperature 1, float [N, C]."""
        return calibration.at_temperature(self.predictions.probabilities, 1 / self.temperature)


def predict_split(run: Run, records: Records, split: str, *, batch_size: int,
                  max_features: int = 0) -> Predictions:
    """Runs the network once over a split, whatever its classes.

    Keeps the features of the first `max_features` examples. Raises ValueError if the split is
    empty, or a record is missing.
    """
    manifests.check_split(records.manifest, split, records.folder)
    predictor = run.ready_for(records.examples[split]).predictor()
    return predictor.predict_dataset(
        records.evaluation(split, batch_size=batch_size), records.examples[split],
        progress=f"reading {split}", max_features=max_features)


def _predict_aligned(run: Run, records: Records, split: str, classes: Alignment, *,
                     batch_size: int) -> tuple[Predictions, dict, np.ndarray]:
    """Predicts the pictures of reached classes, numbered as `reached_classes`; prints the facts.

    Returns those as well, and the positions of the pictures in the split.
    """
    predictions = predict_split(run.at_temperature(1.0), records, split, batch_size=batch_size)
    facts = classes.facts(predictions.labels, predictions.probabilities)
    print(alignment.as_text(facts))
    if not facts["scored"]:
        raise ValueError(f"{records.folder}: none of {facts['pictures']:,} pictures of "
                         f"{split!r} is of a class that the run has; choose another --split "
                         "or --align")

    kept = np.flatnonzero(np.isin(predictions.labels, classes.reached))
    probabilities = classes.summed(predictions.probabilities[kept])
    return Predictions(
        labels=classes.reached.searchsorted(predictions.labels[kept]),
        probabilities=calibration.at_temperature(probabilities, run.spec.temperature),
        paths=[predictions.paths[i] for i in kept],
        items=[predictions.items[i] for i in kept]), facts, kept


def calibrated(run: Run, predictions: Predictions) -> Run:
    """Returns `run` with the temperature that fits the validation split best, and prints it.

    Args:
        predictions: of that split, at temperature 1.
    """
    temperature = calibration.fit_temperature(predictions.labels, predictions.probabilities)
    print(f"temperature {temperature:.3f}, fitted on {len(predictions.labels):,} validation "
          "pictures")
    return run.at_temperature(temperature)


def evaluate(run: Run, records: Records, split: str, report_dir: str | Path, *, batch_size: int,
             classes: Alignment | None = None, group_pattern: str | None = None,
             keep_reference: bool = False, predictions: Predictions | None = None) -> dict:
    """Evaluates a run on a split, writes the report, prints its headline, returns metrics.json.

    `group_pattern` says what a garment is, for the scores per garment, see by_garment.scores. With
    `keep_reference`, what the pictures that the model was not trained on show is kept in the run,
    see held_out.py; not with `classes`. `predictions` are those of the split, see predict_split,
    if they are known already; without `classes` only.

    With `classes`, which map the run's classes to others of the records, only the pictures of
    classes that the run has are scored. The probabilities of the run's classes that map to one of
    the records are summed, scaled to a sum of one without those that map to none, then brought to
    the run's temperature.

    Raises:
        ValueError: the split is empty, a record is missing, no picture is of a class that the run
            has, or, without `classes`, the records have others than the run.
    """
    if classes:
        predictions, facts, scored = _predict_aligned(run, records, split, classes,
                                                      batch_size=batch_size)
        names, name, provenance = classes.reached_classes, f"{split}_aligned", {"alignment": facts}
    else:
        manifests.check_classes(run.spec.classes, records.classes, records.folder)
        predictions = predictions or predict_split(run, records, split, batch_size=batch_size,
                                                   max_features=tensorboard_pages.MAX_POINTS)
        names, name, provenance, scored = run.spec.classes, split, {}, slice(None)

    hashes = PictureHashes(*(values[scored] for values in known_pictures.read(records, split)))
    hits = predictions.probabilities.argmax(axis=1) == predictions.labels
    told, seen = lineage.told(run, records, split, hashes, hits)
    evaluation = Evaluation(
        predictions=predictions, classes=names, name=name, temperature=run.spec.temperature,
        manifest=records.manifest, run_dir=run.folder,
        load_pictures=lambda paths: records.pictures(split, paths),
        explain=None if classes else mistakes.explainer(run), seen=seen,
        group_pattern=group_pattern,
        provenance={"split": split, "records_fingerprint": records.manifest["fingerprint"],
                    **told, **provenance})
    tensorboard_dir = run.folder / tensorboard_pages.FOLDER
    scores = write(report_dir, evaluation, tensorboard_dir=tensorboard_dir)
    if predictions.features is not None:
        tensorboard_pages.add_projector(tensorboard_dir, predictions, records, split)
    print(metrics.headline(scores, name), by_garment.sentence(scores["by_garment"]), sep="\n")
    if keep_reference:
        held_out.keep(
            run, held_out.without(predictions, seen > 0), split=split,
            records_fingerprint=records.manifest["fingerprint"],
            training_features=held_out.training_sample(run, records, batch_size=batch_size),
            weights_sha256=specs.read(run.folder)[1])
    return scores


def write(report_dir: str | Path, evaluation: Evaluation, *,
          tensorboard_dir: str | Path | None = None, step: int = 0) -> dict:
    """Writes tables, charts and report.html, which shows them all; returns metrics.json.

    Args:
        tensorboard_dir: folder for the same as TensorBoard summaries, at `step`.
    """
    report_dir = Path(report_dir)
    report_dir.mkdir(parents=True, exist_ok=True)
    predictions, classes, name = evaluation.predictions, evaluation.classes, evaluation.name
    labels, predicted = predictions.labels, predictions.probabilities.argmax(axis=1)

    scores, rows, by_class, text_table = _tables(report_dir, evaluation)

    # Charts, and the errors to show
    matrix = metrics.confusion(labels, predicted, len(classes))
    charts = {"confusion_matrix": figures.confusion(matrix, classes, name),
              **_probability_charts(evaluation)}
    pairs = metrics.confused_pairs(labels, predicted, classes).head(PAIRS)
    errors, pairs, pictures = mistakes.to_show(
        rows, pairs, max_errors=GALLERY, load_pictures=evaluation.load_pictures,
        explain=evaluation.explain)
    saved = dict(charts)
    if evaluation.load_pictures:
        saved["misclassified"] = figures.gallery(errors, pictures, name)
    for title, figure in saved.items():
        figure.savefig(report_dir / f"{title}.png")

    # The page, and the same for TensorBoard
    run_dir = evaluation.run_dir
    flag_file = run_dir and run_dir / "flags.cfg"
    page.write(report_dir / "report.html", scores=scores, per_class=by_class, pairs=pairs,
               title=f"{run_dir.resolve().name if run_dir else 'A model'} on {name} pictures",
               mistakes=errors, matrix=matrix, charts=charts,
               manifest=evaluation.manifest,
               flags=flag_file.read_text() if flag_file and flag_file.is_file() else "")
    if tensorboard_dir:
        images = {title: report_dir / f"{title}.png" for title in saved}
        tensorboard_pages.add_report(tensorboard_dir, predictions, classes, name=name,
                                     pictures=images, table=text_table, scores=scores, step=step)
    return scores


def _tables(report_dir: Path, evaluation: Evaluation
            ) -> tuple[dict, pd.DataFrame, pd.DataFrame, str]:
    """Writes and returns metrics.json, the rows of all predictions, those by class, a text."""
    predictions, classes = evaluation.predictions, evaluation.classes
    labels, predicted = predictions.labels, predictions.probabilities.argmax(axis=1)
    by_class = metrics.per_class(labels, predicted, classes, predictions.items)
    text_table = metrics.text_table(labels, predicted, classes)
    rows = inference.prediction_rows(predictions, classes)
    if evaluation.seen is not None:
        words = np.array(["", "near-duplicate", "copy"], object)  # as picture_hashes numbers them
        rows["seen_in_training"] = words[evaluation.seen]

    answered = metrics.by_coverage(labels, predictions.probabilities, predictions.items)
    scores = {
        "warnings": [], "remarks": [], **evaluation.provenance,
        **metrics.summary(labels, predictions.probabilities, classes, predictions.items),
        "by_garment": by_garment.scores(predictions, classes, evaluation.group_pattern),
        "ece": calibration.expected_calibration_error(labels, predictions.probabilities),
        "temperature": evaluation.temperature,
        "ece_at_temperature_1": calibration.expected_calibration_error(
            labels, evaluation.plain_probabilities),
        "by_coverage": [dataclasses.asdict(point) for point in answered],
        "by_coverage_summary": selective.sentence(answered)}
    files.write_json(report_dir / "metrics.json", scores)
    files.write_text(report_dir / "classification_report.txt", text_table)
    tables.write(by_class, report_dir / "per_class.csv", float_format="%.4f")
    tables.write(rows, report_dir / "predictions.csv", float_format="%.6f")
    return scores, rows, by_class, text_table


def _probability_charts(evaluation: Evaluation) -> dict:
    """What the probabilities promise: reliability, and accuracy by coverage."""
    predictions, name = evaluation.predictions, evaluation.name
    labels, probabilities = predictions.labels, predictions.probabilities
    curves = {"temperature 1": calibration.reliability(labels, evaluation.plain_probabilities)}
    if evaluation.temperature != 1:
        curves[f"temperature {evaluation.temperature:.2f}"] = calibration.reliability(
            labels, probabilities)
    answered = metrics.by_coverage(labels, probabilities, predictions.items,
                                   coverages=selective.PERCENTS)
    return {"reliability": figures.reliability(curves, name),
            "coverage": figures.coverage(answered, name)}
