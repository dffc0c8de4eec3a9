"""Compares an export with its run: both predict the same pictures, batch by batch."""
import dataclasses
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from fashionclf.deployment.exported import INPUT
from fashionclf.exporting import export_runtimes
from fashionclf.exporting.export_runtimes import Runtime
from fashionclf.exporting.export_trial import Example, Trial, load
from fashionclf.model.weights import Run
from fashionclf.pictures import decoding
from fashionclf.pictures.framing import Framing

SIGNATURES = (INPUT, "serving_default")  # of a SavedModel; other formats have the first
COLUMNS = "{:<29}{:>6}{:>12}{:>10}{:>12}{:>10}{:>12}{:>7}{:>6}{:>6}"
HEADER = COLUMNS.format("format", "MB", "difference", "features", "same class", "accuracy",
                        "pictures/s", "x run", "ms", "p90")
LATENCY_PICTURES = 50
INT8_FEATURES = 0.5  # largest difference of features, see Trial
TINY = 1e-12


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """The results of an export and its run on the same pictures, as in export.json.

    Accuracies are None if labels are unknown. Times are from arrays in memory (from undecoded
    files for a SavedModel's "serving_default"), without the first call.
    """
    pictures: int
    largest_difference: float  # of any probability of any picture
    features_difference: float  # largest distance of a picture's features, relative to their length
    agreement: float  # share of pictures for which both predict the same class
    run_accuracy: float | None
    accuracy: float | None
    run_pictures_per_second: float  # in batches of Trial.batch_size
    pictures_per_second: float
    run_latency_ms: dict[str, float]  # of single pictures: "median" and "p90"
    latency_ms: dict[str, float]


def check(run: Run, path: Path, name: str, trial: Trial) -> dict:
    """Compares an export with its run, prints rows below HEADER, and returns them for export.json.

    Args:
        path: file or folder that export_formats.write wrote in the format `name`.

    Raises:
        ValueError: an export is too far from its run.
    """
    written = [path] if path.is_file() else path.rglob("*")
    num_bytes = sum(file.stat().st_size for file in written if file.is_file())

    measured = {"bytes": num_bytes}
    predict = run.predictor().outputs
    for signature in SIGNATURES if name == "saved_model" else SIGNATURES[:1]:
        compare = compare_on_pictures if signature == INPUT else compare_on_files
        exported = export_runtimes.start(name, path, signature=signature)
        comparison = compare(predict, exported, run.spec.framing, trial)
        title = f"{name}, {signature}" if name == "saved_model" else name
        print(_row(title, num_bytes, comparison), flush=True)

        reason = fault(name, comparison, trial)
        if reason:
            raise ValueError(f"{name}: {reason}")
        measured[signature] = dataclasses.asdict(comparison)
    return measured


def fault(name: str, comparison: Comparison, trial: Trial) -> str | None:
    """Returns why an export in the format `name` is too far from its run, or None."""
    if name == "litert_int8":
        if comparison.agreement < trial.int8_agreement:
            return (f"predicts the run's class for {comparison.agreement:.4f} of the pictures, "
                    f"below --int8_agreement={trial.int8_agreement}: nothing was exported. Try "
                    "more --calibration_pictures, or litert")
        if comparison.features_difference > INT8_FEATURES:
            return (f"a picture's features differ by {comparison.features_difference:.1e} from "
                    f"the run's, above {INT8_FEATURES}, the limit of int8: nothing was exported. "
                    "Try litert")
        return None

    flag = "float16_tolerance" if name.endswith("float16") else "tolerance"
    limit = getattr(trial, flag)
    for difference, what in ((comparison.largest_difference, "a probability differs"),
                             (comparison.features_difference, "a picture's features differ")):
        if difference > limit:
            return (f"{what} by {difference:.1e} from the run's, above --{flag}={limit}: nothing "
                    "was exported")
    return None


def _row(title: str, num_bytes: int, comparison: Comparison) -> str:
    ratio = comparison.pictures_per_second / comparison.run_pictures_per_second
    accuracy = "" if comparison.accuracy is None else f"{comparison.accuracy:.4f}"
    return COLUMNS.format(
        title, f"{num_bytes / 1e6:.1f}", f"{comparison.largest_difference:.1e}",
        f"{comparison.features_difference:.1e}", f"{comparison.agreement:.4f}", accuracy,
        f"{comparison.pictures_per_second:.1f}", f"{ratio:.2f}",
        f"{comparison.latency_ms['median']:.0f}", f"{comparison.latency_ms['p90']:.0f}")


def compare_on_pictures(predict: Runtime, exported: Runtime, framing: Framing,
                        trial: Trial) -> Comparison:
    """Compares the outputs for decoded and resized pictures."""
    def loaded(examples: list[Example]) -> np.ndarray:
        return np.stack(list(load(examples, framing)))

    return _compare((predict, exported), loaded, trial)


def compare_on_files(predict: Runtime, exported: Runtime, framing: Framing,
                     trial: Trial) -> Comparison:
    """Compares the outputs for files, without boxes, as in predict."""
    def predict_files(encoded: np.ndarray) -> list[np.ndarray]:
        whole = (Example(content, decoding.NO_BOX) for content in encoded)
        return predict(np.stack(list(load(whole, framing))))

    def contents(examples: list[Example]) -> np.ndarray:
        return np.array([example.encoded for example in examples], object)

    return _compare((predict_files, exported), contents, trial)


def _compare(functions: tuple[Runtime, Runtime], given: Callable[[list[Example]], np.ndarray],
             trial: Trial) -> Comparison:
    """Compares the outputs of the run and of its export for what `given` makes of examples."""
    examples, size = trial.examples, trial.batch_size
    batches = (given(examples[start:start + size]) for start in range(0, len(examples), size))
    answers, seconds = _timed(functions, batches)
    ((ours, our_features), (theirs, their_features)) = answers

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
    distances = np.linalg.norm(our_features - their_features, axis=1)
    lengths = np.maximum(np.linalg.norm(our_features, axis=1), TINY)  # 0 is possible after a ReLU

    speeds = (len(ours) / seconds.sum(axis=1)).tolist()
    singles = (given([example]) for example in examples[:LATENCY_PICTURES])
    latencies = [{"median": float(np.median(times)), "p90": float(np.quantile(times, 0.9))}
                 for times in 1000 * _timed(functions, singles)[1]]
    return Comparison(
        pictures=len(ours), largest_difference=float(np.abs(ours - theirs).max()),
        features_difference=float((distances / lengths).max()),
        agreement=float((predicted[0] == predicted[1]).mean()),
        run_accuracy=accuracies[0], accuracy=accuracies[1],
        run_pictures_per_second=speeds[0], pictures_per_second=speeds[1],
        run_latency_ms=latencies[0], latency_ms=latencies[1])


def _timed(functions: tuple[Runtime, ...], batches: Iterable[np.ndarray]
           ) -> tuple[list[list[np.ndarray]], np.ndarray]:
    """Returns the outputs of each function for all batches, and the seconds for each batch."""
    outputs, seconds = [[] for _ in functions], [[] for _ in functions]
    for batch in batches:
        for i, function in enumerate(functions):  # in turns, so that all meet the same load
            if not outputs[i]:
                function(batch)  # the first call compiles and allocates
            begun = time.perf_counter()
            outputs[i].append(function(batch))
            seconds[i].append(time.perf_counter() - begun)
    return [list(map(np.concatenate, zip(*parts))) for parts in outputs], np.array(seconds)
