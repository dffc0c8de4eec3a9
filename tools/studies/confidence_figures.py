"""The figures of tools.studies.confidence for one split."""
import dataclasses
from collections.abc import Iterator

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fashionclf.evaluation import drift, outliers, prediction_sets, reference, selective
from fashionclf.evaluation.reference import Reference
from fashionclf.model import calibration

TARGETS = (0.85, 0.9, 0.95, 0.98)
BATCHES, BATCH = 50, (50, 200)  # of whole groups; pictures at least


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fitted:
    """A linear head of one split: its reference, and what it gives for the test pictures."""
    head: object
    temperature: float
    kept: Reference
    test: Reference  # the same of test pictures

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Maps float [N, D] to probabilities [N, C]."""
        return calibration.at_temperature(self.head.predict_proba(features), self.temperature)


def fit(features: np.ndarray, rows: pd.DataFrame, split: np.ndarray, *, l2: float) -> Fitted:
    """Fits head, temperature and reference; pictures of classes without training are left out."""
    known = set(rows["category"][split == "train"])
    usable = rows["category"].isin(known).to_numpy()
    train, validation, test = (np.flatnonzero((split == name) & usable)
                               for name in ("train", "validation", "test"))
    head = make_pipeline(StandardScaler(), LogisticRegression(C=l2, max_iter=100))
    head.fit(features[train], rows["category"].iloc[train])

    labels = np.searchsorted(head.classes_, rows["category"].where(usable, head.classes_[0]))
    plain = head.predict_proba(features[validation])
    temperature = calibration.fit_temperature(labels[validation], plain)
    sample = np.random.default_rng(0).permutation(train)[:reference.SAMPLE]

    def of(places: np.ndarray, name: str) -> Reference:
        return reference.of(
            split=name, records_fingerprint="", labels=labels[places],
            probabilities=calibration.at_temperature(
                head.predict_proba(features[places]), temperature),
            items=rows["item"].iloc[places].tolist(), features=features[places],
            training_features=features[sample])
    return Fitted(head=head, temperature=temperature, kept=of(validation, "validation"),
                  test=of(test, "test"))


def measured(fitted: Fitted, others: dict[str, np.ndarray]) -> Iterator[dict]:
    """Yields rows of `table`, `figure` and numbers."""
    yield from _promises(fitted.kept, fitted.test)
    yield from _coverages(fitted.test)
    yield _sets(fitted.kept, fitted.test)
    yield from _outliers(fitted, others)
    yield from _drift(fitted, others)


def _promises(kept: Reference, test: Reference) -> Iterator[dict]:
    points = selective.points(kept.confidences, kept.hits, kept.garments,
                              level=selective.ONE_SIDED)
    best = selective.best(points)
    for target in TARGETS:
        chosen = selective.reaching(target, points)
        row = {"table": "promises", "figure": f"at least {target}",
               "splits that promise it": float(chosen is not None), "highest promise": best.low}
        if chosen:
            answered = test.confidences >= chosen.threshold
            row |= {"threshold": chosen.threshold, "coverage": answered.mean(),
                    "precision reached": test.hits[answered].mean()}
            row["kept"] = float(row["precision reached"] >= target)
        yield row


def _coverages(test: Reference) -> Iterator[dict]:
    points = selective.points(test.confidences, test.hits, test.garments,
                              coverages=selective.COVERAGES)
    for wanted, point in zip(selective.COVERAGES, points):
        yield {"table": "coverage", "figure": f"{wanted:.0%} answered",
               "accuracy": point.precision, "probability, from": point.threshold}


def _sets(kept: Reference, test: Reference) -> dict:
    scores = 1 - kept.probabilities[np.arange(len(kept.labels)), kept.labels]
    kept_sets = prediction_sets.included(test.probabilities,
                                         prediction_sets.quantile(scores, kept.garments))
    right = kept_sets[np.arange(len(test.labels)), test.labels]
    by_group = pd.Series(right).groupby(test.garments).mean()
    return {"table": "sets", "figure": "sets at 0.95", "coverage, pictures": right.mean(),
            "coverage, mean of groups": by_group.mean(),
            "groups below 0.8": (by_group < 0.8).mean(),
            "classes in a set": kept_sets.sum(1).mean(),
            "sets of one class": (kept_sets.sum(1) == 1).mean()}


def _outliers(fitted: Fitted, others: dict[str, np.ndarray]) -> Iterator[dict]:
    kept, test = fitted.kept, fitted.test
    farthest = outliers.threshold(kept.distances, kept.garments)
    yield {"table": "outliers", "figure": "test pictures (false alarms)",
           "marked": (test.distances > farthest).mean()}
    for kind, features in others.items():
        far = outliers.distances(features, kept.known)
        unsure = 1 - fitted.probabilities(features).max(axis=1)
        yield {"table": "outliers", "figure": kind, "AUROC": _auroc(test.distances, far),
               "AUROC of 1 - probability": _auroc(1 - test.confidences, unsure),
               "marked": (far > farthest).mean()}


def _drift(fitted: Fitted, others: dict[str, np.ndarray]) -> Iterator[dict]:
    """Yields shares of alarms, for batches of whole test groups and for other things."""
    kept, test, rng = fitted.kept, fitted.test, np.random.default_rng(0)
    pictures_of = [np.flatnonzero(test.garments == g) for g in np.unique(test.garments)]
    for size in BATCH:
        alarms = [_alarms(kept, test.distances[drawn], test.predicted[drawn]) for drawn in
                  (drift.draw(pictures_of, size, rng) for _ in range(BATCHES))]
        yield {"table": "drift", "figure": f"{size} test pictures (false alarms)",
               **dict(zip(("other pictures", "other classes"), np.mean(alarms, axis=0)))}
    for kind, features in others.items():
        if len(features) >= drift.FEWEST:
            found = _alarms(kept, outliers.distances(features, kept.known),
                            fitted.probabilities(features).argmax(axis=1))
            yield {"table": "drift", "figure": kind,
                   **dict(zip(("other pictures", "other classes"), map(float, found)))}


def _alarms(kept: Reference, distances: np.ndarray, predicted: np.ndarray) -> tuple[bool, bool]:
    found = drift.measure(
        distances, predicted, held_out=kept.distances, held_out_predicted=kept.predicted,
        garments=kept.garments, num_classes=kept.probabilities.shape[1])
    return found.other_pictures, found.other_classes


def _auroc(usual: np.ndarray, other: np.ndarray) -> float:
    return roc_auc_score(np.repeat([0, 1], [len(usual), len(other)]),
                         np.concatenate([usual, other]))
