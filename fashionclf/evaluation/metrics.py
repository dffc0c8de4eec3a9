"""Scores from labels and probabilities: accuracy, F1, scores by class, with their intervals."""
import numpy as np
import pandas as pd
from scipy.stats import binomtest
from sklearn.metrics import classification_report, confusion_matrix, f1_score, recall_score

TOP_K = (1, 3, 5)
LEVEL = 0.95  # of all intervals
CHUNK = 64  # resamples at a time: their weights are [CHUNK, items]


def summary(labels: np.ndarray, probabilities: np.ndarray, classes: list[str],
            items: list[str] | None = None, *, resamples: int = 1000, seed: int = 0) -> dict:
    """Returns the scores of one pass over a split, ready for JSON.

    Args:
        labels: int [N], 0-based; probabilities: float [N, C]; classes: C names.
        items: N group keys. Pictures of one item are similar, so that the sample is one of
            items: intervals resample items.
        resamples, seed: draws of the bootstrap, and their seed.

    Returns:
        n; top1, top3, top5 (share whose label is among the k most probable classes: 1.0 where
        C <= k); macro_f1 (unweighted mean over the classes that occur among labels or
        predictions, as in scikit-learn), weighted_f1; balanced_accuracy (mean recall over the
        classes that occur among labels); majority_baseline (accuracy of always predicting the
        most frequent of these labels). For top1, top3, top5 and macro_f1 also `<name>_interval`,
        [low, high], and interval_method. The bootstrap interval of a score without any error has
        width 0.

    Raises ValueError if shapes, labels or probabilities break these rules.
    """
    labels, probabilities = _checked(labels, probabilities, classes)
    predicted = probabilities.argmax(axis=1)
    matrix = confusion(labels, predicted, len(classes))
    label_counts = matrix.sum(axis=1)

    hits = _ranks(labels, probabilities)[:, None] < TOP_K
    scores = {
        "n": len(labels),
        **{f"top{k}": float(share) for k, share in zip(TOP_K, hits.mean(axis=0))},
        "macro_f1": float(_macro_f1(np.diag(matrix), label_counts, matrix.sum(axis=0))),
        "weighted_f1": float(f1_score(labels, predicted, average="weighted")),
        # balanced_accuracy_score is the same, but warns of classes that are predicted alone.
        "balanced_accuracy": float(
            recall_score(labels, predicted, labels=np.unique(labels), average="macro")),
        "majority_baseline": float(label_counts.max() / len(labels)),
    }
    return {**scores, **_intervals(labels, predicted, hits, items, resamples, seed)}


def headline(scores: dict, name: str) -> str:
    """Formats the main scores of metrics.json with their intervals; `name` is the split's."""
    def line(title: str, key: str) -> str:
        low, high = scores[f"{key}_interval"]
        return f"{title:<22}{scores[key]:.3f}  ({low:.3f} to {high:.3f})"

    uncalibrated = (f"  ({scores['ece_at_temperature_1']:.3f} at temperature 1)"
                    if scores["temperature"] != 1 else "")
    return "\n".join([
        f"{name}: {scores['n']:,} pictures, {LEVEL:.0%} intervals in brackets",
        line("  accuracy", "top1"), f"  majority baseline   {scores['majority_baseline']:.3f}",
        line("  top-3", "top3"), line("  top-5", "top5"), line("  macro F1", "macro_f1"),
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


def _macro_f1(correct: np.ndarray, labelled: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Averages F1 over the classes labelled or predicted at all: counts [..., C] -> [...]."""
    occurring = labelled + predicted > 0
    f1 = 2 * correct / np.maximum(labelled + predicted, 1)
    return f1.sum(axis=-1) / occurring.sum(axis=-1)


def _intervals(labels, predicted, hits, items, resamples, seed) -> dict:
    groups = np.arange(len(labels)) if items is None else pd.factorize(np.asarray(items))[0]
    bounds = _bootstrap(labels, predicted, hits, groups, resamples, seed)
    method = (f"percentile bootstrap over {groups.max() + 1} items, {resamples} resamples, "
              f"seed {seed}")

    if items is None:
        bounds[:-1] = np.transpose(wilson(hits.sum(axis=0), np.full(len(TOP_K), len(labels))))
        method = (f"top-k: Wilson; macro F1: percentile bootstrap over pictures, {resamples} "
                  f"resamples, seed {seed}; both assume independent pictures")

    names = [*(f"top{k}_interval" for k in TOP_K), "macro_f1_interval"]
    return {**dict(zip(names, bounds.tolist())), "interval_level": LEVEL, "interval_method": method}


def _bootstrap(labels, predicted, hits, groups, resamples, seed) -> np.ndarray:
    """float [len(TOP_K) + 1, 2]: bounds of top-k and macro F1, groups drawn with replacement."""
    # All scores come from counts that are sums over groups.
    num_groups, num_classes = groups.max() + 1, max(labels.max(), predicted.max()) + 1
    one_hot = np.eye(num_classes)
    counts = np.concatenate([hits, np.ones((len(labels), 1)),
                             one_hot[labels] * (labels == predicted)[:, None],
                             one_hot[labels], one_hot[predicted]], axis=1)
    by_group = np.zeros((num_groups, counts.shape[1]))
    np.add.at(by_group, groups, counts)

    # A resample weighs each group by how often it was drawn.
    rng = np.random.default_rng(seed)
    resampled = []
    for start in range(0, resamples, CHUNK):
        draws = [rng.integers(num_groups, size=num_groups)
                 for _ in range(min(CHUNK, resamples - start))]
        weights = np.stack([np.bincount(draw, minlength=num_groups) for draw in draws])
        resampled.append(weights.astype(float) @ by_group)

    top_k, correct, label_counts, predicted_counts = np.split(
        np.concatenate(resampled), np.cumsum([len(TOP_K) + 1, num_classes, num_classes]), axis=1)
    scores = np.column_stack([top_k[:, :-1] / top_k[:, -1:],
                              _macro_f1(correct, label_counts, predicted_counts)])
    tail = (1 - LEVEL) / 2
    return np.quantile(scores, [tail, 1 - tail], axis=0).T


def wilson(hits: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Bounds a share, `hits` of `n` independent trials (Wilson, 1927): float [2, ...], low, high.

    They are 0 and 1 where n is 0.
    """
    intervals = [binomtest(count, trials).proportion_ci(LEVEL, method="wilson") if trials
                 else (0.0, 1.0) for count, trials in zip(hits.tolist(), n.tolist())]
    return np.transpose(intervals)


def per_class(labels: np.ndarray, predicted: np.ndarray, classes: list[str]) -> pd.DataFrame:
    """Scores each class, in the order of `classes`, from int [N] labels and predicted classes.

    Returns:
        class, n (its pictures), precision, recall, f1 (NaN where undefined: the class was never
        predicted, has no picture, or neither), recall_low, recall_high (Wilson, pictures taken
        as independent), most_confused_with (the most frequent wrong prediction for its pictures;
        "" for none).
    """
    matrix = confusion(labels, predicted, len(classes))
    correct, n, predicted_counts = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    errors = matrix - np.diag(correct)
    low, high = wilson(correct, n)

    with np.errstate(invalid="ignore"):
        return pd.DataFrame({
            "class": classes, "n": n, "precision": correct / predicted_counts,
            "recall": correct / n, "f1": 2 * correct / (n + predicted_counts),
            "recall_low": low, "recall_high": high, "most_confused_with": np.where(
                errors.any(axis=1), np.array(classes, object)[errors.argmax(axis=1)], "")})


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
