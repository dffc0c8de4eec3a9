"""Scores from labels and probabilities: accuracy, F1, scores by class, with their intervals."""
from collections.abc import Iterable

import numpy as np
import pandas as pd
from sklearn.metrics import classification_report, confusion_matrix, f1_score, recall_score

from fashionclf.evaluation import intervals, selective
from fashionclf.model import calibration

TOP_K = (1, 3, 5)
NAMED = 8  # classes of few garments in a note


def summary(labels: np.ndarray, probabilities: np.ndarray, classes: list[str],
            items: list[str] | None = None) -> dict:
    """Returns the scores of one pass over a split, ready for JSON.

    Args:
        labels: int [N], 0-based; probabilities: float [N, C]; classes: C names.
        items: N keys of garments, whose pictures are alike (see evaluation/intervals.py); None if
            each picture is one of its own.

    Returns:
        n; top1, top3, top5 (share whose label is among the k most probable classes: 1.0 where
        C <= k); macro_f1 (unweighted mean over the classes that occur among labels or
        predictions, as in scikit-learn), weighted_f1; balanced_accuracy (mean recall over the
        classes that occur among labels); majority_baseline (accuracy of always predicting the
        most frequent of these labels); log_loss, see calibration.py; garments, their number. For
        top1, top3, top5 and macro_f1 also `<name>_interval`, [low, high] around the score, or None
        where interval_notes, score -> words, says why. The note of macro_f1 names the classes of
        few garments.

    Raises ValueError if shapes, labels or probabilities break these rules.
    """
    labels, probabilities = _checked(labels, probabilities, classes)
    predicted = probabilities.argmax(axis=1)
    label_counts = np.bincount(labels)

    hits = _ranks(labels, probabilities)[:, None] < TOP_K
    scores = {
        "n": len(labels),
        **{f"top{k}": float(share) for k, share in zip(TOP_K, hits.mean(axis=0))},
        "macro_f1": float(f1_score(labels, predicted, average="macro")),
        "weighted_f1": float(f1_score(labels, predicted, average="weighted")),
        # balanced_accuracy_score is the same, but warns of classes that are predicted alone.
        "balanced_accuracy": float(
            recall_score(labels, predicted, labels=np.unique(labels), average="macro")),
        "majority_baseline": float(label_counts.max() / len(labels)),
        "log_loss": calibration.log_loss(labels, probabilities),
    }
    return {**scores, **_intervals(labels, predicted, hits, items, classes)}


def headline(scores: dict, name: str) -> str:
    """Formats the main scores of metrics.json with their intervals; `name` is the split's."""
    def line(title: str, key: str) -> str:
        interval, note = scores[f"{key}_interval"], scores["interval_notes"].get(key)
        if not interval:
            return f"{title:<22}{scores[key]:.3f}  ({note})"
        bounds = f"{title:<22}{scores[key]:.3f}  ({interval[0]:.3f} to {interval[1]:.3f})"
        return f"{bounds}\n    {note}" if note else bounds

    uncalibrated = (f"  ({scores['ece_at_temperature_1']:.3f} at temperature 1)"
                    if scores["temperature"] != 1 else "")
    told = [f"warning: {text}" for text in scores["warnings"]]
    told += [f"note: {text}" for text in scores["remarks"]]
    return "\n".join([
        *told, f"{name}: {scores['n']:,} pictures, {intervals.LEVEL:.0%} intervals in brackets",
        line("  accuracy", "top1"), f"  majority baseline   {scores['majority_baseline']:.3f}",
        line("  top-3", "top3"), line("  top-5", "top5"), line("  macro F1", "macro_f1"),
        f"  log loss            {scores['log_loss']:.3f}",
        f"  calibration error   {scores['ece']:.3f}{uncalibrated}"])


def _checked(labels, probabilities, classes) -> tuple[np.ndarray, np.ndarray]:
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    if probabilities.shape != (len(labels), len(classes)) or not len(labels):
        raise ValueError(f"{len(labels)} labels and {len(classes)} classes need probabilities "
                         f"[{len(labels)}, {len(classes)}], at least one row; got "
                         f"{list(probabilities.shape)}")

    if labels.min() < 0 or labels.max() >= len(classes):
        raise ValueError(f"labels range from {labels.min()} to {labels.max()}; {len(classes)} "
                         f"classes are numbered 0 to {len(classes) - 1}")

    finite_rows = np.isfinite(probabilities).all(axis=1)
    if not finite_rows.all():
        raise ValueError(f"row {finite_rows.argmin()} of the probabilities is not finite: the "
                         "weights are damaged or the training diverged")
    return labels, probabilities


def confusion(labels: np.ndarray, predicted: np.ndarray, num_classes: int) -> np.ndarray:
    """Counts pictures by label (row) and predicted class (column): int [C, C]."""
    return confusion_matrix(labels, predicted, labels=range(num_classes))


def _ranks(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Ranks each label by probability, from 0: int [N]; ties go by number, as in argmax.

    top_k_accuracy_score puts the last of a tie first, and gives no hits to resample.
    """
    by_probability = np.argsort(-probabilities, axis=1, kind="stable")
    return (by_probability == labels[:, None]).argmax(axis=1)


def _intervals(labels, predicted, hits, items, classes) -> dict:
    garments = _numbered(labels, items)
    bounds = {f"top{k}": intervals.of_share(column, garments) for k, column in zip(TOP_K, hits.T)}
    bounds["macro_f1"] = intervals.of_macro_f1(labels, predicted, garments)

    # What these pictures can't tell, in words
    count, fewest = garments.max() + 1, intervals.FEWEST
    by_class = intervals.garments_by_class(labels, garments, len(classes))
    few = {classes[i]: int(by_class[i]) for i in np.unique(labels) if by_class[i] < fewest}
    notes = {name: f"no interval: {count} garments, fewer than {fewest}"
             for name, bound in bounds.items() if not bound}
    if few and not notes:
        named = ", ".join(f"{name} {number}" for name, number in list(few.items())[:NAMED])
        named += ", ..." if len(few) > NAMED else ""
        notes["macro_f1"] = (f"{len(few)} of {np.count_nonzero(by_class)} classes have fewer than "
                             f"{fewest} garments, which say little about their F1: {named}")

    method = f"Wilson, at the effective sample size of {count:,} garments"
    return {**{f"{name}_interval": bound and list(bound) for name, bound in bounds.items()},
            "interval_level": intervals.LEVEL, "interval_notes": notes, "garments": int(count),
            "interval_method": method if items is not None else
            f"Wilson, {count:,} pictures taken as independent"}


def _numbered(labels: np.ndarray, items: list[str] | None) -> np.ndarray:
    """Numbers the garment of each picture from 0: int [N]; each its own without `items`."""
    return np.arange(len(labels)) if items is None else pd.factorize(np.asarray(items))[0]


def per_class(labels: np.ndarray, predicted: np.ndarray, classes: list[str],
              items: list[str] | None = None) -> pd.DataFrame:
    """Scores each class, in the order of `classes`, from int [N] labels and predicted classes.

    Returns:
        class, n, garments (of its pictures, see summary), precision, recall, f1 (NaN where
        undefined: the class was never predicted, has no picture, or neither), recall_low,
        recall_high (see intervals.of_share; NaN where recall_note says why), most_confused_with
        (the most frequent wrong prediction for its pictures; "" for none).
    """
    matrix = confusion(labels, predicted, len(classes))
    correct, n, predicted_counts = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    errors = matrix - np.diag(correct)

    garments = _numbered(labels, items)
    by_class = intervals.garments_by_class(labels, garments, len(classes))
    bounds = np.full((len(classes), 2), np.nan)
    for label in np.flatnonzero(by_class >= intervals.FEWEST):
        own = labels == label
        bounds[label] = intervals.of_share(predicted[own] == label, pd.factorize(garments[own])[0])

    with np.errstate(invalid="ignore"):
        return pd.DataFrame({
            "class": classes, "n": n, "garments": by_class,
            "precision": correct / predicted_counts, "recall": correct / n,
            "f1": 2 * correct / (n + predicted_counts), "recall_low": bounds[:, 0],
            "recall_high": bounds[:, 1], "recall_note": np.where(
                by_class < intervals.FEWEST, f"fewer than {intervals.FEWEST} garments", ""),
            "most_confused_with": np.where(
                errors.any(axis=1), np.array(classes, object)[errors.argmax(axis=1)], "")})


def by_coverage(labels: np.ndarray, probabilities: np.ndarray, items: list[str] | None = None, *,
                coverages: Iterable[float] = selective.COVERAGES) -> list[selective.Point]:
    """Measures how often the model is right where it is most confident, see selective.points."""
    return selective.points(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels,
                            _numbered(labels, items), coverages=coverages)


def confused_pairs(labels: np.ndarray, predicted: np.ndarray, classes: list[str]) -> pd.DataFrame:
    """Lists the pairs of a true and a wrongly predicted class, the most frequent first.

    Returns:
        true, predicted (names), n (pictures), share (of the pictures of the true class).
    """
    matrix = confusion(labels, predicted, len(classes))
    rows, columns = np.nonzero(matrix - np.diag(np.diag(matrix)))
    n, names = matrix[rows, columns], np.array(classes, object)
    pairs = pd.DataFrame({"true": names[rows], "predicted": names[columns], "n": n,
                          "share": n / matrix.sum(axis=1)[rows]})
    return pairs.sort_values(["n", "share"], ascending=False, kind="stable", ignore_index=True)


def text_table(labels: np.ndarray, predicted: np.ndarray, classes: list[str]) -> str:
    """Returns scikit-learn's table of the classes that occur among labels or predictions."""
    occurring = np.union1d(labels, predicted)
    return classification_report(labels, predicted, labels=occurring, digits=3, zero_division=0,
                                 target_names=[classes[i] for i in occurring])
