"""Trained runs as judges of labels: which of the pictures they have seen, and what follows."""
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fashionclf.curation.labelled_pictures import LabelledPictures
from fashionclf.deployment.engines import Engine
from fashionclf.model import spec as specs
from fashionclf.pictures import picture_hashes
from fashionclf.records import manifests

if TYPE_CHECKING:  # loads TensorFlow
    from fashionclf.evaluation.lineage import Lineage


def contamination(engine: Engine, pictures: LabelledPictures) -> list[str]:
    """Says, in a line or none, whether the features know the labels that are checked by them."""
    lineage, provenance = _lineage(engine.folder)
    if str(engine.folder) in lineage.unhashed:
        return [f"note: unknown whether {engine.folder} was trained on these pictures: it carries "
                "no hashes of its training pictures"]

    # The features of a head alone are those of its start, which carried no hashes.
    if provenance.get("kept", {}).get("phase") == "head" and (
            provenance.get("trunk_from") in lineage.unhashed):
        return []
    count = np.count_nonzero(picture_hashes.seen(pictures.hashes, lineage.train))
    return [f"warning: {engine.folder} was trained on {count:,} of these {len(pictures.table):,} "
            "pictures: wrong labels that it has learned rank lower. To be sure, give --run a model "
            "that has not seen them or has trained its head alone on them (--fine_tune_epochs=0), "
            "or give --runs of a cross-validation"] if count else []


def by_unseen(engines: Sequence[Engine], pictures: LabelledPictures,
              garments: np.ndarray) -> np.ndarray:
    """Averages the probabilities of each picture over the runs that have not seen its garment.

    Args:
        garments: int [N], numbered.

    Returns:
        float [N, C], by the classes of `pictures`; NaN where every run has seen the garment.

    Raises:
        ValueError: a run has other classes or carries no hashes of its training pictures, or
            every run has seen every garment.
    """
    total, number = np.zeros((len(garments), len(pictures.classes))), np.zeros((len(garments), 1))
    for engine, described in zip(engines, pictures.described, strict=True):
        ours, theirs = sorted(engine.spec.classes), sorted(pictures.classes)
        if ours != theirs:
            raise ValueError(
                f"--runs={engine.folder}: its classes differ from those of the labels, the "
                f"records: {manifests.class_difference(ours, theirs)}. Give runs trained on these "
                "classes")
        lineage, _ = _lineage(engine.folder)
        if str(engine.folder) in lineage.unhashed:
            raise ValueError(f"--runs: {engine.folder} carries no hashes of its training pictures, "
                             "so that nobody knows which of these it has seen: train it again")

        seen = picture_hashes.seen(pictures.hashes, lineage.train) != picture_hashes.UNSEEN
        unseen = ~np.isin(garments, garments[seen])[:, None]
        columns = [engine.spec.classes.index(name) for name in pictures.classes]
        total += np.where(unseen, described.probabilities[:, columns], 0)
        number += unseen
    if not number.any():
        raise ValueError("--runs: each was trained on every garment of these pictures, so that "
                         "none can judge a label: give runs of a cross-validation, or leave "
                         "--runs out")
    return np.divide(total, number, out=np.full_like(total, np.nan), where=number > 0)


def _lineage(folder: Path) -> "tuple[Lineage, dict]":
    from fashionclf.evaluation.lineage import Lineage

    *_, provenance = specs.read(folder)
    return Lineage.of_run(folder, provenance), provenance
