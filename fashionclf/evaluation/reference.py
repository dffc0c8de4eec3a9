"""reference.npz: what a run keeps of held-out pictures, by which its predictions are judged.

Needs no TensorFlow, so that predict, which reads it, starts at once.
"""
import dataclasses
import functools
import json
import zipfile
import zlib
from pathlib import Path

import numpy as np

from fashionclf.evaluation import outliers
from fashionclf.model import spec as specs
from fashionclf.system import files

FILE = "reference.npz"  # in the folder of a run
MOST = 10_000  # held-out pictures
SAMPLE = 1000  # training pictures
CURE = ("'fashionclf evaluate --run=RUN --records=DIR --keep_reference' writes it, from pictures "
        "that the model was not trained on")
_ARRAYS = {"labels": np.int16, "probabilities": np.float32, "garments": np.int32,
           "distances": np.float32, "sample": np.int8}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Reference:
    """N held-out pictures, of the first F also the features, and M pictures of the training.

    Attributes:
        split: the name of their split; records_fingerprint: of their records.
        labels: int [N]; probabilities: float32 [N, C], as predict gives them.
        garments: int [N], numbered from 0.
        distances: float32 [F], to the training pictures, see outliers.distances.
        sample: int8 [M, D], directions of features of training pictures.
    """
    split: str
    records_fingerprint: str
    labels: np.ndarray
    probabilities: np.ndarray
    garments: np.ndarray
    distances: np.ndarray
    sample: np.ndarray

    @functools.cached_property
    def known(self) -> np.ndarray:
        """Returns the `sample` at unit length: float32 [M, D]."""
        return outliers.unit(self.sample)

    @property
    def confidences(self) -> np.ndarray:
        """Returns the probabilities of the predicted classes: float32 [N]."""
        return self.probabilities.max(axis=1)

    @property
    def predicted(self) -> np.ndarray:
        """Returns the predicted classes: int [N]."""
        return self.probabilities.argmax(axis=1)

    @property
    def hits(self) -> np.ndarray:
        """Returns whether the predicted classes are right: bool [N]."""
        return self.predicted == self.labels

    def held_out(self) -> str:
        """Describes the held-out pictures for people."""
        return (f"{len(self.labels):,} {self.split} pictures of "
                f"{len(np.unique(self.garments)):,} garments")


def of(*, split: str, records_fingerprint: str, labels: np.ndarray, probabilities: np.ndarray,
       items: list[str], features: np.ndarray, training_features: np.ndarray) -> Reference:
    """Returns the reference of N held-out pictures.

    Args:
        items: N keys of garments; features: float [F, D], of the first ones;
            training_features: float [M, D].
    """
    labels, probabilities, items = labels[:MOST], probabilities[:MOST], items[:MOST]
    sample = outliers.directions(training_features)
    return Reference(
        split=split, records_fingerprint=records_fingerprint, labels=labels,
        probabilities=probabilities, garments=np.unique(items, return_inverse=True)[1],
        distances=outliers.distances(features[:MOST], outliers.unit(sample)), sample=sample)


def write(run_dir: Path, reference: Reference, *, model: dict) -> None:
    """Writes the file of a run.

    Args:
        model: see `model_of`.
    """
    facts = {"model": model, "split": reference.split,
             "records_fingerprint": reference.records_fingerprint}
    arrays = {name: getattr(reference, name).astype(dtype) for name, dtype in _ARRAYS.items()}
    with files.replaced(Path(run_dir) / FILE) as partial:
        np.savez_compressed(partial, facts=np.array(json.dumps(facts)), **arrays)


def model_of(spec: specs.Spec, weights_sha256: str) -> dict:
    """Returns what the probabilities of a model depend on, by which its reference is known."""
    return {"weights_sha256": weights_sha256, **spec.as_json()}


def read(run_dir: str | Path) -> Reference | None:
    """Reads the reference of a finished run; None if it has none.

    Raises ValueError if the file is damaged, or of another model.
    """
    file = Path(run_dir) / FILE
    if not file.is_file():
        return None
    spec, weights_sha256, _ = specs.read(run_dir)
    try:
        with np.load(file, allow_pickle=False) as content:  # a ZIP, each array with its CRC
            facts = json.loads(content["facts"].item())
            arrays = {name: content[name] for name in _ARRAYS}
        model = facts.pop("model")
        reference = Reference(**facts, **arrays)
    except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile,
            zlib.error) as error:
        raise ValueError(f"{file} is damaged ({error!r:.100}): restore it, or remove it; "
                         f"{CURE}") from error

    wanted = model_of(spec, weights_sha256)
    differing = [name for name in wanted if model.get(name) != wanted[name]]
    if differing:
        raise ValueError(f"{file} is of another model: {', '.join(differing)} differ. Remove it; "
                         f"{CURE}")
    return reference
