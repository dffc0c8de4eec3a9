"""Numbers from labels and probabilities: accuracies, F1, what each class gets, how sure that is."""
import numpy as np
import pandas as pd
from sklearn.metrics import classification_report, confusion_matrix, f1_score

TOP_K = (1, 3, 5)
LEVEL = 0.95  # of all intervals
Z = 1.959963984540054  # its quantile of the normal distribution
CHUNK = 64  # resamples at a time: their weights are [CHUNK, items]


def summary(labels: np.ndarray, probabilities: np.ndarray, classes: list[str],
            items: list[str] | None = None, *, resamples: int = 1000, seed: int = 0) -> dict:
    """The headline numbers of one pass over a split, ready for JSON.

    Args:
        labels: int [N], 0-based.
        probabilities: float [N, C].
        classes: C names.
        items: N group keys. Pictures of one item are alike, so what varies by
            chance is which items were drawn: intervals resample items.
        resamples: draws of the bootstrap.
        seed: of these draws.

    Returns:
        n; top1, top3, top5 (share whose label is among the k most probable
        classes: 1.0 where C <= k); macro_f1 (unweighted mean over the classes
        that occur among labels or predictions, as scikit-learn's), weighted_f1;
        balanced_accuracy (mean recall over the classes that occur among labels);
        majority_baseline (accuracy of always saying the commonest of these
        labels). For top1, top3, top5 and macro_f1 also `<name>_interval`, [low,
        high], and interval_method. A bootstrap of a score without any error
        has no width.

    Raises:
        ValueError: shapes, labels or probabilities are not as said above.
    """
    labels, probabilities = _checked(labels, probabilities, classes)
    predicted = probabilities.argmax(axis=1)
    matrix = confusion(labels, predicted, len(classes))
    hits = _ranks(labels, probabilities)[:, None] < TOP_K
    per_label = matrix.sum(axis=1)
    recalls = np.diag(matrix)[per_label > 0] / per_label[per_label > 0]
    scores = {
        "n": len(labels),
        **{f"top{k}": float(share) for k, share in zip(TOP_K, hits.mean(axis=0))},
        "macro_f1": float(_macro_f1(np.diag(matrix), per_label, matrix.sum(axis=0))),
        "weighted_f1": float(f1_score(labels, predicted, average="weighted")),
        "balanced_accuracy": float(recalls.mean()),
        "majority_baseline": float(per_label.max() / len(labels)),
    }
    return {**scores, **_intervals(labels, predicted, hits, items, resamples, seed)}


def _checked(labels, probabilities, classes) -> tuple[np.ndarray, np.ndarray]:
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    if probabilities.shape != (len(labels), len(classes)) or not len(labels):
        raise ValueError(f"{len(labels)} labels and {len(classes)} classes need probabilities "
                         f"[{len(labels)}, {len(classes)}], at least one row; got "
                         f"{list(probabilities.shape)}")
    if labels.min() < 0 or labels.max() >= len(classes):
        raise ValueError(f"labels go from {labels.min()} to {labels.max()}; {len(classes)} "
                         f"classes are numbered 0 to {len(classes) - 1}")
    if not np.isfinite(probabilities).all():
        row = int(np.argmin(np.isfinite(probabilities).all(axis=1)))
        raise ValueError(f"row {row} of the probabilities is not finite: the weights are damaged "
                         "or the training diverged")
    return labels, probabilities


def confusion(labels: np.ndarray, predicted: np.ndarray, num_classes: int) -> np.ndarray:
    """int [C, C]: pictures by label (row) and predicted class (column)."""
    return confusion_matrix(labels, predicted, labels=range(num_classes))


def _ranks(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """int [N]: classes placed before the label; ties go by number, as in argmax."""
    own = probabilities[np.arange(len(labels)), labels][:, None]
    earlier = np.arange(probabilities.shape[1]) < labels[:, None]
    return ((probabilities > own) | ((probabilities == own) & earlier)).sum(axis=1)


def _macro_f1(correct: np.ndarray, labelled: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Counts [..., C] -> [...], the mean of F1 over classes labelled or predicted at all."""
    occurring = labelled + predicted > 0
    f1 = 2 * correct / np.maximum(labelled + predicted, 1)
    return f1.sum(axis=-1) / occurring.sum(axis=-1)


def _intervals(labels, predicted, hits, items, resamples, seed) -> dict:
    names = [f"top{k}_interval" for k in TOP_K]
    groups = np.arange(len(labels)) if items is None else pd.factorize(np.asarray(items))[0]
    bounds = _bootstrap(labels, predicted, hits, groups, resamples, seed)
    method = (f"percentile bootstrap over {groups.max() + 1} items, {resamples} resamples, "
              f"seed {seed}")
    if items is None:
        low, high = wilson(hits.sum(axis=0), np.full(len(TOP_K), len(labels)))
        bounds[:-1] = np.stack([low, high], axis=1)
        method = (f"top-k: Wilson; macro F1: percentile bootstrap over pictures, {resamples} "
                  f"resamples, seed {seed}; both take pictures for independent")
    return {**dict(zip([*names, "macro_f1_interval"], bounds.tolist())),
            "interval_level": LEVEL, "interval_method": method}


def _bootstrap(labels, predicted, hits, groups, resamples, seed) -> np.ndarray:
    """float [len(TOP_K) + 1, 2]: bounds of top-k and macro F1, groups drawn with replacement."""
    num_groups, num_classes = groups.max() + 1, max(labels.max(), predicted.max()) + 1
    one_hot = np.eye(num_classes)
    counts = np.concatenate([hits, np.ones((len(labels), 1)),
                             one_hot[labels] * (labels == predicted)[:, None],
                             one_hot[labels], one_hot[predicted]], axis=1)
    by_group = np.zeros((num_groups, counts.shape[1]))
    np.add.at(by_group, groups, counts)
    rng = np.random.default_rng(seed)
    drawn = []
    for start in range(0, resamples, CHUNK):
        weights = np.stack([np.bincount(rng.integers(num_groups, size=num_groups),
                                        minlength=num_groups)
                            for _ in range(min(CHUNK, resamples - start))])
        drawn.append(weights.astype(float) @ by_group)
    sums, correct, labelled, said = np.split(
        np.concatenate(drawn), np.cumsum([len(TOP_K) + 1, num_classes, num_classes]), axis=1)
    scores = np.column_stack([sums[:, :-1] / sums[:, -1:], _macro_f1(correct, labelled, said)])
    tail = (1 - LEVEL) / 2
    return np.quantile(scores, [tail, 1 - tail], axis=0).T


def wilson(hits: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of a share, for `hits` of `n` independent trials (Wilson, 1927); 0, 1 where n is 0."""
    trials = np.maximum(n, 1)
    share = hits / trials
    middle = (share + Z**2 / (2 * trials)) / (1 + Z**2 / trials)
    half = Z / (1 + Z**2 / trials) * np.sqrt(
        share * (1 - share) / trials + Z**2 / (4 * trials**2))
    # Rounding must not put the share itself outside.
    return (np.where(n > 0, np.clip(middle - half, 0.0, share), 0.0),
            np.where(n > 0, np.clip(middle + half, share, 1.0), 1.0))


def per_class(labels: np.ndarray, predicted: np.ndarray, classes: list[str]) -> pd.DataFrame:
    """One row per class, in the order of `classes`.

    Args:
        labels, predicted: int [N].

    Returns:
        class, n (pictures of it), precision, recall, f1 (NaN where undefined:
        no such prediction, no such picture, neither), recall_low, recall_high
        (Wilson, pictures taken for independent), most_confused_with (what its
        pictures are most often mistaken for; "" for nothing).
    """
    matrix = confusion(labels, predicted, len(classes))
    correct, n, said = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    mistakes = matrix - np.diag(correct)
    low, high = wilson(correct, n)
    with np.errstate(invalid="ignore"):
        return pd.DataFrame({
            "class": classes, "n": n, "precision": correct / said, "recall": correct / n,
            "f1": 2 * correct / (n + said), "recall_low": low, "recall_high": high,
            "most_confused_with": np.where(
                mistakes.any(axis=1), np.array(classes, object)[mistakes.argmax(axis=1)], "")})


def confused_pairs(labels: np.ndarray, predicted: np.ndarray, classes: list[str]) -> pd.DataFrame:
    """The pairs of a class and what it was mistaken for, the commonest first.

    Args:
        labels, predicted: int [N].

    Returns:
        true, predicted (names), n (pictures), share (of the pictures of the true class).
    """
    matrix = confusion(labels, predicted, len(classes))
    true, said = np.nonzero(matrix - np.diag(np.diag(matrix)))
    n, names = matrix[true, said], np.array(classes, object)
    pairs = pd.DataFrame({"true": names[true], "predicted": names[said], "n": n,
                          "share": n / matrix.sum(axis=1)[true]})
    return pairs.sort_values(["n", "share"], ascending=False, kind="stable", ignore_index=True)


def text_table(labels: np.ndarray, predicted: np.ndarray, classes: list[str]) -> str:
    """The table as scikit-learn prints it, of the classes that occur in labels or predictions."""
    occurring = np.union1d(labels, predicted)
    return classification_report(labels, predicted, labels=occurring, digits=3, zero_division=0,
                                 target_names=[classes[i] for i in occurring])
