"""Judges predictions by what a run knows of held-out pictures: to check, outlier, set of classes.

What is told at the end of a prediction is told here too.
"""
import dataclasses
import math

import numpy as np

from fashionclf.deployment import prediction_table
from fashionclf.evaluation import drift, outliers, prediction_sets, reference, selective
from fashionclf.evaluation.reference import Reference

MIN_PRECISION = 0.9  # where the user gives none


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judge:
    """The thresholds of a prediction.

    Attributes:
        min_probability: lower ones are for a person to check; 0 marks none.
        told: how it came about, in words; None where the user set it.
        max_distance: farther pictures are outliers; None where the run has no reference.
        set_quantile: see prediction_sets; None where a set can't be given.
    """
    min_probability: float = 0.0
    told: str | None = None
    reference: Reference | None = dataclasses.field(default=None, repr=False)
    max_distance: float | None = None
    set_quantile: float | None = None

    def distance(self, features: np.ndarray | None) -> float | None:
        """Returns that of float [D] features; None without a reference, or without features."""
        if self.reference is None or features is None:
            return None
        return float(outliers.distances(features[np.newaxis], self.reference.known)[0])

    def cells(self, probabilities: np.ndarray | str, distance: float | None,
              classes: list[str]) -> tuple[bool, bool | None, str | None]:
        """Returns whether to check a picture, whether it is an outlier, and its set of classes.

        Args:
            probabilities: float [C], or the reason for none.
        """
        if isinstance(probabilities, str):
            return self.min_probability > 0, None, None

        outlier = None if distance is None else distance > self.max_distance
        unsure = round(float(probabilities.max()), 6) < self.min_probability  # as the row shows it
        labels = self.set_quantile and prediction_sets.SEPARATOR.join(
            prediction_sets.names(probabilities, classes, self.set_quantile))
        return unsure or bool(outlier and self.min_probability), outlier, labels


def judge(run_dir: str, *, min_precision: float | None, min_probability: float | None) -> Judge:
    """Returns the judge of a run; at most one of the two is given.

    Args:
        min_precision: of the pictures that need no check, this share is right, by what held-out
            ones show; MIN_PRECISION, or the nearest that they show, where neither is given.
        min_probability: overrules it.

    Raises:
        ValueError: the run has no reference, or it does not show `min_precision`; or the file is
            damaged.
    """
    kept = reference.read(run_dir)
    if kept is None:
        if min_precision is not None:
            raise ValueError(f"--min_precision: {run_dir} has no {reference.FILE}, which says how "
                             f"often the model is right at which probability; "
                             f"{reference.CURE}")
        return Judge(min_probability=min_probability or 0.0)

    told = None
    if min_probability is None:
        min_probability, told = _threshold(kept, min_precision)
    farthest = outliers.threshold(kept.distances, kept.garments[:len(kept.distances)])
    scores = 1 - kept.probabilities[np.arange(len(kept.labels)), kept.labels]
    quantile = prediction_sets.quantile(scores, kept.garments)
    return Judge(min_probability=min_probability, told=told, reference=kept, max_distance=farthest,
                 set_quantile=quantile if math.isfinite(quantile) else None)


def _threshold(kept: Reference, min_precision: float | None) -> tuple[float, str]:
    """Returns the probability from which no check is needed, and what it promises in words."""
    measured = selective.points(kept.confidences, kept.hits, kept.garments,
                                level=selective.ONE_SIDED)
    chosen, best = (selective.reaching(min_precision or MIN_PRECISION, measured),
                    selective.best(measured))
    if chosen is None and min_precision is not None:
        shown = f"{best.low:.3f}" if best else "nothing, as they are of too few garments"
        raise ValueError(
            f"--min_precision={min_precision}: the {kept.held_out()} that the run keeps show at "
            f"most {shown}. Give a lower one, or evaluate more garments with --keep_reference")
    if best is None:
        return 0.0, f"no row is marked to check: the {kept.held_out()} are of too few garments"

    point = chosen or best
    return point.threshold, (
        f"threshold {point.threshold:.4g}: of the {kept.held_out()}, {point.coverage:.0%} have a "
        f"class of this probability or more, and {100 * point.precision:.0f} of 100 of these are "
        f"right (at least {math.floor(100 * point.low)}, by the lower 95 % bound)")


@dataclasses.dataclass
class Tally:
    """Counts the predictions of a call, for the words at its end."""
    judge: Judge
    classes: list[str]
    checks: int = 0
    outliers: int = 0
    distances: list[float] = dataclasses.field(default_factory=list)
    predicted: list[int] = dataclasses.field(default_factory=list)

    def row(self, path: str, probabilities: np.ndarray | str,
            features: np.ndarray | None) -> list:
        """Judges a picture, counts it, and returns its cells, see prediction_table.row."""
        distance = self.judge.distance(features)
        check, outlier, labels = self.judge.cells(probabilities, distance, self.classes)
        self.checks += check
        self.outliers += bool(outlier)
        if distance is not None:
            self.distances.append(distance)
            self.predicted.append(int(probabilities.argmax()))
        return prediction_table.row(path, probabilities, self.classes, check=check,
                                    outlier=outlier, labels=labels)

    def lines(self) -> list[str]:
        """Returns what to tell of the pictures that were predicted."""
        told = []
        if self.judge.told and len(self.predicted) > 1:  # one picture's row says it all
            told.append(f"{self.checks:,} rows to check; {self.judge.told}")
        if self.outliers:
            told.append(f"{self.outliers:,} of {len(self.distances):,} pictures look like nothing "
                        f"the model was trained on (column outlier); "
                        f"{outliers.FALSE_ALARMS:.0%} do by chance")
        return told + self._drift()

    def _drift(self) -> list[str]:
        kept = self.judge.reference
        found = kept and drift.measure(
            np.array(self.distances), np.array(self.predicted, int), held_out=kept.distances,
            held_out_predicted=kept.predicted[:len(kept.distances)],
            garments=kept.garments[:len(kept.distances)], num_classes=len(self.classes))
        if not found:
            return []

        told = []
        if found.other_pictures:
            told.append(
                f"drift: these {found.pictures:,} pictures are of another kind than the "
                f"{kept.held_out()}: in {100 * found.farther:.1f} of 100 pairs they lie farther "
                "from the training pictures than a held-out one, by chance in up to "
                f"{100 * found.farther_by_chance:.1f}. Precision, sets and the report's scores "
                "may not hold for them: label a sample of them and evaluate")
        if found.other_classes:
            told.append(
                f"drift: {self.classes[found.moved_class]} is the class of {found.share:.0%} of "
                f"these {found.pictures:,} pictures, and of {found.usual_share:.0%} of the "
                "held-out ones, more of a difference than chance explains: precision may differ "
                "from what these showed")
        return told
