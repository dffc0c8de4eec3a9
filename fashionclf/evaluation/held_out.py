"""Keeps what a run needs to know of held-out pictures, see reference.py, from one pass over them.
"""
import dataclasses

import numpy as np

from fashionclf.evaluation import reference
from fashionclf.model.inference import Predictions
from fashionclf.model.weights import Run
from fashionclf.records import manifests
from fashionclf.records.input_pipeline import Records


def training_sample(run: Run, records: Records, *, batch_size: int) -> np.ndarray:
    """Computes the features of some training pictures: float32 [M, D], M <= reference.SAMPLE.

    The order of records is random, so that the first ones are a sample.
    """
    manifests.check_split(records.manifest, "train", records.folder)
    batches = -(-reference.SAMPLE // batch_size)
    training = run.predictor().predict_dataset(
        records.evaluation("train", batch_size=batch_size).take(batches), None)
    return training.features[:reference.SAMPLE]


def keep(run: Run, predictions: Predictions, *, split: str, records_fingerprint: str,
         training_features: np.ndarray, weights_sha256: str) -> None:
    """Writes RUN/reference.npz from held-out predictions, and prints where.

    Args:
        predictions: for the pictures of `split`, as `run` gives them, with features.
        training_features: see `training_sample`.
    """
    kept = reference.of(
        split=split, records_fingerprint=records_fingerprint,
        labels=predictions.labels, probabilities=predictions.probabilities,
        items=predictions.items, features=predictions.features,
        training_features=training_features)
    reference.write(run.folder, kept, model=reference.model_of(run.spec, weights_sha256))
    print(f"{run.folder / reference.FILE}: {kept.held_out()}, by which predict marks rows to check "
          "and outliers")


def without(predictions: Predictions, left_out: np.ndarray) -> Predictions:
    """Returns the predictions of the pictures that bool [N] `left_out` does not name.

    Raises ValueError if none is left.
    """
    if left_out.all():
        raise ValueError("a reference needs pictures that the model was not trained on, and it was "
                         "trained on all of these: name another split or other records")
    kept = np.flatnonzero(~left_out)
    return dataclasses.replace(
        predictions, labels=predictions.labels[kept],
        probabilities=predictions.probabilities[kept],
        features=predictions.features[kept[kept < len(predictions.features)]],
        paths=[predictions.paths[i] for i in kept], items=[predictions.items[i] for i in kept])
