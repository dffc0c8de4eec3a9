"""Measures what search finds, and how long it takes.

    python -m tools.benchmark.search --records=data/fashion_b0_records \\
        --run=saved_models/fashion_b0 --weights=data/efficientnetb0_standin.weights.h5

asks for the neighbours of each picture of a split among the others, by the features of the run
and by those of the trunk it started from, and prints recall@k: the share of pictures with one
that is sought among their first k neighbours, of those that have one at all. Sought are pictures
of the same folder, of the same class, and of the same class in other items. The picture itself and
its exact copies count for nothing. "chance" is the same with directions drawn at random; intervals
resample items. Then it builds indexes of vectors drawn with the mean and covariance of the run's
features and prints the time of a query, exact and approximate, with the share of the exact ten
that the approximate ones are (recall). Two CPU cores that other work shared took two minutes for
410 pictures and sizes up to 100,000. Memory: 5 kB a vector, and as much on disk.
"""
import tempfile
import time
from typing import TYPE_CHECKING

import numpy as np
from absl import flags

from fashionclf import cli

if TYPE_CHECKING:  # --help stays quick
    import keras

    from fashionclf.model.inference import Predictions
    from fashionclf.model.spec import Spec

FLAGS = flags.FLAGS

flags.DEFINE_string("records", None, "Folder that build_tfrecords wrote.")
flags.DEFINE_string("split", "test", "Part of it: one that the run was not trained on.")
flags.DEFINE_string("run", None, "Folder of a finished training.")
flags.DEFINE_string("weights", "imagenet", "Trunk to compare with: imagenet or a file, see train.")
flags.DEFINE_list("sizes", ["1000", "10000", "100000"], "Numbers of vectors to search.")
flags.DEFINE_integer("queries", 100, "Queries that are timed, one by one.", lower_bound=2)
flags.DEFINE_string("work", None, "Folder for generated vectors, 5 kB each (default: a temporary "
                    "one).")

K = (1, 5, 10)
DRAWS = 20  # of directions at random
RESAMPLES = 1000


def main(_: list[str]) -> None:
    from fashionclf.model import network, weights

    model, spec = weights.load(FLAGS.run)
    plain = network.build(spec)
    weights.load_trunk(plain, FLAGS.weights)
    ours, theirs = described(model, spec, "run"), described(plain, spec, "trunk")
    print(recall_table(ours, theirs.features, digests(), spec.classes))
    print(time_table(ours.features, list(map(int, FLAGS.sizes))))


def described(model: "keras.Model", spec: "Spec", name: str) -> "Predictions":
    from fashionclf.model import inference
    from fashionclf.records import input_pipeline

    dataset = input_pipeline.evaluation(FLAGS.records, FLAGS.split, image_size=spec.image_size,
                                        box_margin=spec.box_margin, batch_size=32)
    predictor = inference.Predictor(model, mirrored=spec.mirrored, fixed=True, features=True)
    return predictor.predict_dataset(dataset, None, progress=f"features of the {name}")


def digests() -> np.ndarray:
    """A name for the bytes of each picture, in the order of the records."""
    from fashionclf.records import input_pipeline
    from fashionclf.system import files

    records = input_pipeline.in_order(FLAGS.records, FLAGS.split, ("image",))
    return np.array([files.digest(record["image"].numpy()) for record in records])


def hits(features: np.ndarray, sought: np.ndarray, left_out: np.ndarray) -> np.ndarray:
    """bool [Q, len(K)]: whether one that is sought is among the first k.

    Args:
        features: float [N, D].
        sought: bool [N, N], by picture and neighbour; pictures that seek nothing give no row.
        left_out: bool [N, N], neighbours that are not there for this picture.
    """
    from fashionclf.deployment import search_index

    directions = search_index.unit(features)
    similarities = np.where(left_out, -np.inf, directions @ directions.T)
    sought = sought & ~left_out
    first = np.argsort(-similarities, axis=1, kind="stable")[:, :max(K)]
    found = np.take_along_axis(sought, first, axis=1)[sought.any(axis=1)]
    return np.stack([found[:, :k].any(axis=1) for k in K], axis=1)


def questions(predictions: "Predictions", copies: np.ndarray) -> dict:
    """What is sought -> `sought` and `left_out` of `hits`."""
    folders = np.array([path.rpartition("/")[0] for path in predictions.paths])
    items, labels = np.array(predictions.items), predictions.labels
    same = {name: values[:, None] == values for name, values in
            (("folder", folders), ("item", items), ("class", labels), ("copy", copies))}
    return {"same folder": (same["folder"], same["copy"]),
            "same class": (same["class"], same["copy"]),
            "same class, other items alone": (same["class"], same["copy"] | same["item"])}


def recall_table(ours: "Predictions", theirs: np.ndarray, copies: np.ndarray,
                 classes: list[str]) -> str:
    rng = np.random.default_rng(0)
    lines = [f"{len(copies):,} pictures, {len(set(ours.items))} items, {len(classes)} classes, "
             f"{len(copies) - len(set(copies))} exact copies\n",
             "| sought | pictures | features | " + " | ".join(f"recall@{k}" for k in K) + " |",
             "|" + "---|" * (3 + len(K))]
    for name, (sought, left_out) in questions(ours, copies).items():
        seeking = (sought & ~left_out).any(axis=1)
        if not seeking.any():
            continue
        found = [hits(features, sought, left_out) for features in (ours.features, theirs)]
        chance = np.mean([hits(rng.normal(size=theirs.shape), sought, left_out).mean(axis=0)
                          for _ in range(DRAWS)], axis=0)
        low, high = interval(found[0].astype(float) - found[1], np.array(ours.items)[seeking])
        rows = {"run": map("{:.3f}".format, found[0].mean(axis=0)),
                "trunk": map("{:.3f}".format, found[1].mean(axis=0)),
                "chance": map("{:.3f}".format, chance),
                "run - trunk, 95 %": map("{:+.3f} to {:+.3f}".format, low, high)}
        lines += [f"| {name} | {seeking.sum():,} | {title} | {' | '.join(cells)} |"
                  for title, cells in rows.items()]
    return "\n".join(lines)


def interval(values: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Bounds [2, K] of the mean of [N, K], by a percentile bootstrap over items."""
    group = np.unique(items, return_inverse=True)[1]
    sums = np.zeros((group.max() + 1, values.shape[1] + 1))
    np.add.at(sums, group, np.column_stack([values, np.ones(len(values))]))
    drawn = np.random.default_rng(0).integers(len(sums), size=(RESAMPLES, len(sums)))
    totals = sums[drawn].sum(axis=1)
    return np.quantile(totals[:, :-1] / totals[:, -1:], [0.025, 0.975], axis=0)


def time_table(features: np.ndarray, sizes: list[int]) -> str:
    lines = ["| vectors | search | s to build | ms a query, median | recall |", "|" + "---|" * 5]
    for size in sizes:
        with tempfile.TemporaryDirectory(dir=FLAGS.work) as folder:
            vectors = generated(features, size, f"{folder}/vectors.npy", seed=1)
            queries = generated(features, FLAGS.queries, f"{folder}/queries.npy", seed=2)
            exact, *cells = timed(vectors, queries, approximate=False)
            lines.append(f"| {size:,} | exact | " + " | ".join(cells) + " | 1 |")
            found, *cells = timed(vectors, queries, approximate=True)
            recall = np.mean([np.isin(one, other).mean() for one, other in zip(exact, found)])
            lines.append(f"| {size:,} | approximate | " + " | ".join(cells) + f" | {recall:.3f} |")
    return "\n".join(lines)


def generated(features: np.ndarray, count: int, file: str, *, seed: int) -> np.ndarray:
    """float32 [count, D] with the mean and covariance of `features`, mapped from `file`."""
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
    """The ten neighbours of each query; seconds to build, milliseconds a query."""
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
