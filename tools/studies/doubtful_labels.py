"""Measures how well check_labels ranks wrong labels, beside cleanlab, and what corrections give.

    python -m tools.studies.doubtful_labels --flagfile=configs/study_doubtful_labels.cfg

plants wrong labels in --errors of the pictures, for every seed: of any other class (uniform), or of
one that the model finds probable (confusable). Pictures are predicted by the other folds, as
check_labels does, and ranked by each score on the same probabilities. With --known, a CSV
path,class of another release, pictures whose class differs are wrong labels that nobody planted.
Then a linear model is trained on three quarters of the garments, whose labels are clean, partly
wrong (confusable), or corrected in several ways, and tested on the rest. Writes
doubtful_labels.csv and .md, corrected_labels.csv and .md into --output. Needs cleanlab (extra dev).
Features come from --cache_dir, where check_labels keeps them; the rest takes a minute for 4,000
pictures.
"""
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from fashionclf import cli, picture_flags
from tools.studies import tables

if TYPE_CHECKING:  # --help stays quick
    import numpy as np
    import pandas as pd

FLAGS = flags.FLAGS

# Data
picture_flags.define_reading()
cli.path_flag("source_dir", None, "Folder that the CSV's paths start from, or without --csv_file "
              "a folder in DeepFashion's layout.")
flags.DEFINE_string("category_column", "category", "CSV column with the category.")
flags.DEFINE_string("group_pattern", None, "Regular expression that names the group of a picture "
                    "by its path (default: the item).")
flags.DEFINE_integer("top_k", None, "Keep the k categories with the most pictures.", lower_bound=2)
cli.path_flag("known", None, "CSV file path,class of another release of these pictures.")
# Model
cli.define_model_flags(batch_size=False)
cli.define_cache_flag()
# Study
flags.DEFINE_float("errors", 0.05, "Share of the pictures whose label is replaced.",
                   lower_bound=0.001, upper_bound=0.5)
flags.DEFINE_integer("seeds", 3, "Number of random seeds, counted from 0.", lower_bound=1)
flags.DEFINE_boolean("retrain", True, "Also train on corrected labels.")
cli.path_flag("output", None, "Folder for the results.")

LOOKED_AT = (0.01, 0.05)  # shares of the pictures, from the first of the ranking
TESTED = 0.25  # of the garments, in the test of a model trained on corrected labels


def main(_: list[str]) -> None:
    import numpy as np
    import pandas as pd

    from fashionclf.curation import out_of_fold

    pictures, garments = read()
    table, classes = pictures.table, pictures.classes
    features = out_of_fold.reduced(pictures.described[0].features)
    labels = table["label"].to_numpy()
    print(f"{len(table):,} pictures, {len(classes)} classes, {garments.max() + 1:,} garments",
          flush=True)

    fold = out_of_fold.folds(labels, garments)
    clean = out_of_fold.probabilities(features, labels, fold, len(classes))
    confused = np.zeros((len(classes),) * 2)
    np.add.at(confused, labels, clean)
    print(f"out-of-fold accuracy: {(clean.argmax(axis=1) == labels).mean():.3f}", flush=True)

    rows, retrained = [], []
    Path(FLAGS.output).mkdir(parents=True, exist_ok=True)
    if FLAGS.known:
        wrong, compared = known_errors(table, classes)
        rows += measured("known", 0, labels[compared], clean[compared], wrong[compared])
    for seed in range(FLAGS.seeds):
        for kind in ("uniform", "confusable"):
            rng = np.random.default_rng([seed, len(kind)])
            noisy = plant(labels, confused if kind == "confusable" else 1 - np.eye(len(classes)),
                          rng)
            found = out_of_fold.probabilities(features, noisy, fold, len(classes))
            rows += measured(kind, seed, noisy, found, noisy != labels)
        write_scores(pd.DataFrame(rows))
        if FLAGS.retrain:
            retrained += corrected(features, labels, noisy, garments, seed)
            write_corrected(pd.DataFrame(retrained))


def read() -> tuple:
    """The labelled pictures with their features, and the number of each one's garment."""
    with cli.loading():
        from fashionclf.curation import labelled_pictures
        from fashionclf.deployment import engines
        from fashionclf.records import audit  # noqa: F401, loads TensorFlow
        from fashionclf.sources import categories, readers, shop_csv, splits

    source = (shop_csv.read(FLAGS.csv_file, picture_flags.csv_form(), images_root=FLAGS.source_dir,
                            category_column=FLAGS.category_column)
              if FLAGS.csv_file else readers.read_deepfashion(FLAGS.source_dir))
    labelled = categories.assign(source.table, label_from="annotation", top_k=FLAGS.top_k)
    if FLAGS.group_pattern:
        items = splits.items_by_pattern(labelled.table["path"], FLAGS.group_pattern)
        labelled.table["item"] = items
    pictures = labelled_pictures.of_files(
        labelled, source.images_root, [engines.load(FLAGS.run, FLAGS.engine)],
        cache_dir=FLAGS.cache_dir)
    return pictures, pictures.garments()


def known_errors(table: "pd.DataFrame", classes: list[str]) -> "tuple[np.ndarray, np.ndarray]":
    """Which pictures have another class in --known, and which are in it: bool [N] each."""
    import pandas as pd

    from fashionclf.sources import spellings

    other = pd.read_csv(FLAGS.known).set_index("path")["class"].map(spellings.rough)
    theirs = table["path"].map(other)
    ours = table["label"].map(lambda label: spellings.rough(classes[label]))
    return (theirs.notna() & (theirs != ours)).to_numpy(), theirs.notna().to_numpy()


def plant(labels: "np.ndarray", weights: "np.ndarray", rng: "np.random.Generator") -> "np.ndarray":
    """Replaces --errors of `labels`, by classes drawn with the `weights` [C, C] of the true one."""
    import numpy as np

    noisy, shares = labels.copy(), weights * (1 - np.eye(len(weights)))
    able = np.flatnonzero(shares[labels].any(axis=1))
    for i in rng.choice(able, round(FLAGS.errors * len(labels)), replace=False):
        share = shares[labels[i]]
        noisy[i] = rng.choice(len(share), p=share / share.sum())
    return noisy


def scores(labels: "np.ndarray", probabilities: "np.ndarray",
           rng: "np.random.Generator") -> "Iterator[tuple[str, np.ndarray]]":
    """Each ranking's name and its score of each label, the lowest first."""
    from cleanlab import filter, rank

    from fashionclf.curation import confident_learning

    yield "random", rng.random(len(labels))
    for method in ("normalized_margin", "self_confidence"):
        quality = rank.get_label_quality_scores(labels, probabilities, method=method)
        yield f"cleanlab, {method}", quality
    issues = filter.find_label_issues(labels, probabilities, n_jobs=1)
    yield "cleanlab, its issues first", quality - 2 * issues
    yield "check_labels", confident_learning.relative_confidence(labels, probabilities)


def measured(kind: str, seed: int, labels: "np.ndarray", probabilities: "np.ndarray",
             wrong: "np.ndarray") -> list[dict]:
    """A row for each ranking: recall and precision within the first pictures."""
    import numpy as np

    rows = []
    for name, score in scores(labels, probabilities, np.random.default_rng(seed)):
        order, row = np.argsort(score, kind="stable"), {"errors": kind, "seed": seed, "score": name}
        for share in LOOKED_AT:
            first = wrong[order[:round(share * len(order))]]
            row[f"recall at {100 * share:g} %"] = first.sum() / wrong.sum()
            row[f"precision at {100 * share:g} %"] = first.mean()
        rows.append(row)
    return rows


def corrected(features: "np.ndarray", labels: "np.ndarray", noisy: "np.ndarray",
              garments: "np.ndarray", seed: int) -> list[dict]:
    """A row for each way of treating wrong labels in training: accuracy on a clean test."""
    import numpy as np

    from fashionclf.curation import confident_learning, out_of_fold

    count = labels.max() + 1
    tested = np.isin(garments, np.random.default_rng(seed).permutation(garments.max() + 1)[
        :round(TESTED * (garments.max() + 1))])
    taught, x = ~tested, features[~tested]
    given, true = noisy[taught], labels[taught]

    fold = out_of_fold.folds(given, garments[taught])
    found = np.nan_to_num(out_of_fold.probabilities(x, given, fold, count))
    doubtful = confident_learning.doubts(given, found).doubtful
    order = np.argsort(confident_learning.relative_confidence(given, found), kind="stable")
    looked = np.zeros(len(given), bool)
    looked[order[:round(max(LOOKED_AT) * len(order))]] = True

    ways = {
        "clean": (true, slice(None)), "with errors": (given, slice(None)),
        "doubtful dropped": (given, ~doubtful),
        "doubtful relabelled": (np.where(doubtful, found.argmax(axis=1), given), slice(None)),
        "5 % looked at and corrected": (np.where(looked, true, given), slice(None))}
    rows = []
    for way, (used, kept) in ways.items():
        model = out_of_fold.fitted(x[kept], used[kept])
        rows.append({"training labels": way, "seed": seed, "wrong": (used != true)[kept].mean(),
                     "accuracy": model.score(features[tested], labels[tested])})
    return rows


def write_scores(rows: "pd.DataFrame") -> None:
    """Writes doubtful_labels.csv and doubtful_labels.md."""
    import pandas as pd

    shown = [name for name in rows if name.startswith(("recall", "precision"))]
    parts = []
    for kind, of_kind in rows.groupby("errors", sort=False):
        part = tables.over_seeds(of_kind, "score", shown)
        part.insert(0, "errors", kind)
        parts.append(part)
    tables.write(Path(FLAGS.output), "doubtful_labels", rows, tables.markdown(pd.concat(parts)))


def write_corrected(rows: "pd.DataFrame") -> None:
    """Writes corrected_labels.csv and corrected_labels.md."""
    table = tables.over_seeds(rows, "training labels", ["wrong", "accuracy"])
    table["gain over clean"] = table["training labels"].map(
        tables.gains(rows, "training labels", "accuracy"))
    tables.write(Path(FLAGS.output), "corrected_labels", rows, tables.markdown(table))


if __name__ == "__main__":
    flags.mark_flags_as_required(["source_dir", "output"])
    cli.run(main)
