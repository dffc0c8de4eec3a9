"""Measures the recall of search, and its time.

    python -m tools.benchmark.search --records=data/fashion_b0_records \\
        --run=saved_models/fashion_b0

searches the neighbours of each picture of a split among the others, by the features of the run and
by those of another trunk (--weights), and prints recall@k: the share of pictures with a match among
their first k neighbours, of those that have a match at all. Matches are pictures of the same
folder, of the same class, or of the same class in other items. The picture itself and its exact
copies are left out. "chance" takes random directions; intervals resample items.

Then it builds indexes of vectors with the mean and covariance of the run's features and prints the
time of a query, exact and approximate, with the share of the exact ten neighbours that the
approximate search finds. Two shared CPU cores took two minutes for 410 pictures and sizes up to
100,000. A vector takes 5 kB of memory and of disk.
"""
import dataclasses
import tempfile
import time
from typing import TYPE_CHECKING

import numpy as np
from absl import flags

from fashionclf import cli
from tools import markdown

if TYPE_CHECKING:  # --help stays quick
    from fashionclf.model.inference import Predictions
    from fashionclf.model.weights import Run
    from fashionclf.records.input_pipeline import Records

FLAGS = flags.FLAGS

cli.path_flag("records", None, "Folder that build_tfrecords wrote.")
flags.DEFINE_string("split", "test", "Split of the records that the run was not trained on.")
cli.path_flag("run", None, "Folder of a finished training.")
cli.path_flag("weights", "imagenet", "Trunk to compare with, see train.")
flags.DEFINE_list("sizes", ["1000", "10000", "100000"], "Numbers of vectors in the indexes.")
flags.DEFINE_integer("queries", 100, "Queries, timed one by one.", lower_bound=2)
cli.path_flag("work", None, "Folder for the vectors (default: a temporary one).")

K = (1, 5, 10)
DRAWS = 20  # of random directions
RESAMPLES = 1000


def main(_: list[str]) -> None:
    from fashionclf.model import network, weights
    from fashionclf.records.input_pipeline import Records

    run = weights.load(FLAGS.run)
    plain = dataclasses.replace(run, network=network.build(run.spec))
    weights.load_trunk(plain.network, FLAGS.weights)

    records = Records.open(FLAGS.records, run.spec.framing)
    ours, theirs = predicted(run, records, "run"), predicted(plain, records, "trunk")
    print(recall_table(ours, theirs.features, digests(records), run.spec.classes))
    print(time_table(ours.features, list(map(int, FLAGS.sizes))))


def predicted(run: "Run", records: "Records", name: str) -> "Predictions":
    dataset = records.evaluation(FLAGS.split, batch_size=32)
    return run.predictor().predict_dataset(dataset, None, progress=f"features of the {name}")


def digests(records: "Records") -> np.ndarray:
    """Returns a digest of the bytes of each picture, in the order of the records."""
    from fashionclf.system import files

    return np.array([files.digest(record["image"].numpy())
                     for record in records.in_order(FLAGS.split, ("image",))])


def hits(features: np.ndarray, matches: np.ndarray, left_out: np.ndarray) -> np.ndarray:
    """Returns bool [Q, len(K)]: whether a match is among the first k neighbours.

    Args:
        features: float [N, D].
        matches: bool [N, N], by picture and neighbour; a picture without matches gives no row.
        left_out: bool [N, N], neighbours that are not searched for this picture.
    """
    from fashionclf.deployment import search_index

    directions = search_index.unit(features)
    similarities = np.where(left_out, -np.inf, directions @ directions.T)
    matches = matches & ~left_out

    first = np.argsort(-similarities, axis=1, kind="stable")[:, :max(K)]
    found = np.take_along_axis(matches, first, axis=1)[matches.any(axis=1)]
    return np.stack([found[:, :k].any(axis=1) for k in K], axis=1)


def questions(predictions: "Predictions", copies: np.ndarray) -> dict:
    """Returns name -> `matches` and `left_out` of `hits`."""
    folders = np.array([path.rpartition("/")[0] for path in predictions.paths])
    items, labels = np.array(predictions.items), predictions.labels
    same = {name: values[:, None] == values for name, values in
            (("folder", folders), ("item", items), ("class", labels), ("copy", copies))}
    return {"same folder": (same["folder"], same["copy"]),
            "same class": (same["class"], same["copy"]),
            "same class, other items alone": (same["class"], same["copy"] | same["item"])}


def recall_table(ours: "Predictions", theirs: np.ndarray, copies: np.ndarray,
                 classes: list[str]) -> str:
    """Renders four rows per question: the run, the trunk, chance, and the difference."""
    rng, rows = np.random.default_rng(0), []
    for name, (matches, left_out) in questions(ours, copies).items():
        seeking = (matches & ~left_out).any(axis=1)
        if not seeking.any():
            continue

        run, trunk = (hits(features, matches, left_out) for features in (ours.features, theirs))
        chance = np.mean([hits(rng.normal(size=theirs.shape), matches, left_out).mean(axis=0)
                          for _ in range(DRAWS)], axis=0)
        low, high = interval(run.astype(float) - trunk, np.array(ours.items)[seeking])

        difference = map("{:+.3f} to {:+.3f}".format, low, high)
        for title, cells in (("run", run.mean(axis=0)), ("trunk", trunk.mean(axis=0)),
                             ("chance", chance), ("run - trunk, 95 %", difference)):
            rows.append([name, f"{seeking.sum():,}", title, *cells])

    head = (f"{len(copies):,} pictures, {len(set(ours.items))} items, {len(classes)} classes, "
            f"{len(copies) - len(set(copies))} exact copies\n\n")
    return head + markdown.table(
        ["matches", "pictures", "features", *(f"recall@{k}" for k in K)], rows)


def interval(values: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Returns bounds [2, K] of the mean of [N, K], by a percentile bootstrap over items."""
    group = np.unique(items, return_inverse=True)[1]
    sums = np.zeros((group.max() + 1, values.shape[1] + 1))
    np.add.at(sums, group, np.column_stack([values, np.ones(len(values))]))

    drawn = np.random.default_rng(0).integers(len(sums), size=(RESAMPLES, len(sums)))
    totals = sums[drawn].sum(axis=1)
    return np.quantile(totals[:, :-1] / totals[:, -1:], [0.025, 0.975], axis=0)


def time_table(features: np.ndarray, sizes: list[int]) -> str:
    """Renders two rows per number of vectors: exact and approximate search."""
    rows = []
    for size in sizes:
        with tempfile.TemporaryDirectory(dir=FLAGS.work) as folder:
            vectors = generated(features, size, f"{folder}/vectors.npy", seed=1)
            queries = generated(features, FLAGS.queries, f"{folder}/queries.npy", seed=2)
            exact, *cells = timed(vectors, queries, approximate=False)
            rows.append([f"{size:,}", "exact", *cells, 1])

            found, *cells = timed(vectors, queries, approximate=True)
            recall = np.mean([np.isin(*pair).mean() for pair in zip(exact, found)])
            rows.append([f"{size:,}", "approximate", *cells, recall])
    return markdown.table(
        ["vectors", "search", "s to build", "ms per query, median", "recall"], rows)


def generated(features: np.ndarray, count: int, file: str, *, seed: int) -> np.ndarray:
    """Returns float32 [count, D] with the mean and covariance of `features`, in `file`."""
    middle = features.mean(axis=0)
    factor = (features - middle) / np.sqrt(len(features) - 1)
    vectors = np.lib.format.open_memmap(file, "w+", np.float32, (count, len(middle)))

    rng = np.random.default_rng(seed)
    for start in range(0, count, 50_000):
        part = vectors[start:start + 50_000]
        part[:] = middle + rng.standard_normal((len(part), len(factor)), np.float32) @ factor
    return vectors


def timed(vectors: np.ndarray, queries: np.ndarray, *,
          approximate: bool) -> tuple[list[np.ndarray], str, str]:
    """Returns the ten neighbours of each query, seconds to build and milliseconds per query."""
    from fashionclf.deployment import search_index

    began = time.perf_counter()
    index = search_index.Index({}, [], search_index.build(vectors, approximate))
    built = time.perf_counter() - began

    found, spent = [], []
    for query in queries:
        began = time.perf_counter()
        found.append(index.nearest(query[None], 10)[1][0])
        spent.append(time.perf_counter() - began)
    return found, f"{built:.1f}", f"{1000 * np.median(spent):.2f}"


if __name__ == "__main__":
    flags.mark_flags_as_required(["records", "run"])
    cli.run(main)
