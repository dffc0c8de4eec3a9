"""Compares an export with its run: both predict the same pictures, batch by batch."""
import dataclasses
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from fashionclf.deployment import export_runtimes
from fashionclf.deployment.export_runtimes import Runtime
from fashionclf.model.weights import Run
from fashionclf.pictures import decoding, inspection
from fashionclf.pictures.files import Picture
from fashionclf.pictures.framing import Framing
from fashionclf.records.input_pipeline import Records

SIGNATURES = ("images", "serving_default")  # of a SavedModel; other formats have the first


class Example(NamedTuple):
    """A picture: the file's bytes, the box as for decoding.crop, and the class if it is known."""
    encoded: bytes
    bbox: np.ndarray
    label: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """The results of an export and its run on the same pictures, as in export.json.

    Accuracies are None if labels are unknown. Speeds are from arrays in memory (from undecoded
    files for a SavedModel's "serving_default"), without the first call.
    """
    pictures: int
    largest_difference: float  # of any probability of any picture
    features_difference: float  # largest distance of a picture's features, relative to their length
    agreement: float  # share of pictures for which both predict the same class
    run_accuracy: float | None
    accuracy: float | None
    run_pictures_per_second: float
    pictures_per_second: float


def of_records(records: Records, split: str, max_examples: int) -> list[Example]:
    """Returns the first `max_examples` of a split: a random sample, as the order is by hash."""
    dataset = records.in_order(split, ("image", "bbox", "label"))
    return [Example(record["image"], record["bbox"], int(record["label"]))
            for record in dataset.take(max_examples).as_numpy_iterator()]


def of_files(pictures: list[Picture], max_examples: int) -> list[Example]:
    """Returns `max_examples`, evenly spread; raises ValueError if one can't be used."""
    examples, count = [], min(max_examples, len(pictures))
    for i in np.linspace(0, len(pictures) - 1, count).round().astype(int):
        encoded = pictures[i].bytes_or_reason()
        reason = encoded if isinstance(encoded, str) else inspection.why_unusable(encoded)
        if reason:
            raise ValueError(f"{pictures[i].path}: {reason}; exclude it: an export is checked on "
                             "usable pictures only")
        examples.append(Example(inspection.recordable(encoded), decoding.NO_BOX))
    return examples


def load(examples: Iterable[Example], framing: Framing) -> Iterator[np.ndarray]:
    """Decodes each to float32 [S, S, 3], RGB, 0..255, cropped to its box as in evaluation."""
    for example in examples:
        yield decoding.load(tf.constant(example.encoded), tf.constant(example.bbox),
                            framing).numpy()


def check(run: Run, path: Path, name: str, examples: list[Example], *, batch_size: int,
          tolerance: float, int8_agreement: float) -> dict:
    """Compares an export with its run, prints the differences, and returns them for export.json.

    Args:
        path: file or folder that export_formats.write wrote in the format `name`.
        tolerance: largest allowed difference of a probability, and of the features relative to
            their length, for formats in float32.
        int8_agreement: smallest allowed share of pictures with the run's class, for litert_int8.

    Raises:
        ValueError: an export is too far from its run.
    """
    written = [path] if path.is_file() else path.rglob("*")
    num_bytes = sum(file.stat().st_size for file in written if file.is_file())

    measured = {"path": path.name, "bytes": num_bytes}
    predictor = run.predictor(features=True)
    for signature in SIGNATURES if name == "saved_model" else SIGNATURES[:1]:
        compare = compare_on_pictures if signature == "images" else compare_on_files
        exported = export_runtimes.start(name, path, signature=signature)
        comparison = compare(predictor.outputs, exported, run.spec.framing, examples, batch_size)
        title = f"{name}, {signature}" if name == "saved_model" else name
        print(_line(title, num_bytes, comparison), flush=True)
        if name == "litert_int8" and comparison.agreement < int8_agreement:
            raise ValueError(
                f"{name} predicts the run's class for {comparison.agreement:.4f} of the pictures, "
                f"below --int8_agreement={int8_agreement}: nothing was exported. Try more "
                "--calibration_pictures, or litert")
        if name != "litert_int8":
            for what, difference in (("a probability", comparison.largest_difference),
                                     ("a feature vector", comparison.features_difference)):
                if difference > tolerance:
                    raise ValueError(f"{name}: {what} differs by {difference:.1e} from the run's, "
                                     f"above --tolerance={tolerance}: nothing was exported")
        measured[signature] = dataclasses.asdict(comparison)
    return measured


def _line(title: str, num_bytes: int, comparison: Comparison) -> str:
    accuracy = "" if comparison.accuracy is None else (
        f", accuracy {comparison.accuracy:.4f} (the run's: {comparison.run_accuracy:.4f})")
    ratio = comparison.pictures_per_second / comparison.run_pictures_per_second
    return (f"{title}: {num_bytes / 1e6:.1f} MB; on {comparison.pictures} pictures: largest "
            f"difference of a probability {comparison.largest_difference:.1e}, of features "
            f"{comparison.features_difference:.1e}, same class {comparison.agreement:.4f}"
            f"{accuracy}; {comparison.pictures_per_second:.1f} pictures/s, {ratio:.2f} times the run's")


def compare_on_pictures(predict: Runtime, exported: Runtime, framing: Framing,
                        examples: list[Example], batch_size: int) -> Comparison:
    """Compares the outputs for decoded and resized pictures."""
    batches = (np.stack(list(load(batch, framing))) for batch in _batches(examples, batch_size))
    return _compare(predict, exported, batches, examples)


def compare_on_files(predict: Runtime, exported: Runtime, framing: Framing,
                     examples: list[Example], batch_size: int) -> Comparison:
    """Compares the outputs for files, without boxes, as in predict."""
    def predict_files(encoded: np.ndarray) -> list[np.ndarray]:
        whole = (Example(content, decoding.NO_BOX) for content in encoded)
        return predict(np.stack(list(load(whole, framing))))

    batches = (np.array([example.encoded for example in batch], object)
               for batch in _batches(examples, batch_size))
    return _compare(predict_files, exported, batches, examples)


def _batches(examples: list[Example], size: int) -> Iterator[list[Example]]:
    return (examples[start:start + size] for start in range(0, len(examples), size))


def _compare(predict: Runtime, exported: Runtime, batches: Iterable[np.ndarray],
             examples: list[Example]) -> Comparison:
    # In turns, so that both meet the same load of the machine.
    outputs, seconds = ([], []), np.zeros(2)
    for batch in batches:
        for i, function in enumerate((predict, exported)):
            if not outputs[i]:
                function(batch)  # the first call compiles and allocates
            begun = time.perf_counter()
            outputs[i].append(function(batch))
            seconds[i] += time.perf_counter() - begun

    (ours, our_features), (theirs, their_features) = (
        [np.concatenate(parts) for parts in zip(*answers)] for answers in outputs)
    for name, found, expected in (("probabilities", theirs, ours),
                                  ("features", their_features, our_features)):
        if found.shape != expected.shape or not np.isfinite(found).all():
            raise ValueError(
                f"the export returns {name} {found.shape}, not {expected.shape}, or values that "
                "are not finite: this run can't be exported to that format")

    predicted = ours.argmax(axis=1), theirs.argmax(axis=1)
    labels = np.array([example.label for example in examples])
    accuracies = [None if examples[0].label is None else float((classes == labels).mean())
                  for classes in predicted]
    speeds = (len(ours) / seconds).tolist()
    distances = np.linalg.norm(our_features - their_features, axis=1)
    lengths = np.maximum(np.linalg.norm(our_features, axis=1), 1e-12)  # all can be 0 after a ReLU
    return Comparison(
        pictures=len(ours), largest_difference=float(np.abs(ours - theirs).max()),
        features_difference=float((distances / lengths).max()),
        agreement=float((predicted[0] == predicted[1]).mean()),
        run_accuracy=accuracies[0], accuracy=accuracies[1],
        run_pictures_per_second=speeds[0], pictures_per_second=speeds[1])
