"""The end of a training: one look at the test split, and the files of a finished run."""
import dataclasses
import functools
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from fashionclf.evaluation import held_out, reference, report, tensorboard_pages
from fashionclf.model import calibration, network, weight_files, weights
from fashionclf.model.weights import Run
from fashionclf.records import manifests
from fashionclf.records.input_pipeline import Records
from fashionclf.training import tensorboard_log
from fashionclf.training.history import History


def finish(run: Run, records: Records, *, counts: np.ndarray, logit_adjustment: float,
           calibrate: bool, batch_size: int, hyperparameters: dict) -> None:
    """Loads the best epoch by validation, tests it once and saves the model and its reference.

    Without a test split, the report is of the validation split.

    Args:
        run: the training; the best weights are loaded into its network.
        counts: int [C], pictures of each class that were trained on.
        logit_adjustment: its strength, see network.adjust_logits.
        calibrate: whether to fit a temperature on the validation split first.
        hyperparameters: name -> value, for TensorBoard's page.
    """
    weight_files.load(run.network, run.folder / "checkpoints" / "best.weights.h5")
    network.adjust_logits(run.network, counts, logit_adjustment)
    history = History(run.folder / "history.csv", records.examples.get("validation", 0))
    run = dataclasses.replace(run, provenance={**run.provenance, "kept": history.kept()})

    run = run.ready_for(sum(records.examples.values()) - records.examples["train"]
                        + reference.SAMPLE)
    predict = functools.partial(report.predict_split, records=records, batch_size=batch_size,
                                max_features=tensorboard_pages.MAX_POINTS)

    # One pass over the validation split, for the temperature and for what predict has to know.
    validation = None
    if records.examples.get("validation"):
        validation = predict(run.at_temperature(1.0), split="validation")
    if calibrate:
        run = report.calibrated(run, validation)
    split = manifests.reported_split(records.manifest, records.folder)
    reported = predict(run, split=split)

    # The report keeps one core busy; the other computes meanwhile what the reference needs.
    with ThreadPoolExecutor(1) as beside:
        known = validation and beside.submit(held_out.training_sample, run, records,
                                             batch_size=batch_size)
        report.evaluate(run, records, split, run.folder / "report", batch_size=batch_size,
                        predictions=reported)
    tensorboard_dir = run.folder / tensorboard_pages.FOLDER
    tensorboard_log.mark_kept(tensorboard_dir, history)
    tensorboard_pages.add_hyperparameters(tensorboard_dir, hyperparameters, run=run.folder)

    # Last: model.json marks a training as finished.
    weights_sha256 = weights.save_weights(run)
    if validation:
        probabilities = calibration.at_temperature(validation.probabilities, run.spec.temperature)
        held_out.keep(run, dataclasses.replace(validation, probabilities=probabilities),
                      split="validation", records_fingerprint=records.manifest["fingerprint"],
                      training_features=known.result(), weights_sha256=weights_sha256)
    weights.save_description(run, weights_sha256)
