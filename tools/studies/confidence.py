"""Measures what predict promises of pictures that it has not seen, on unseen garments or senders.

    python -m tools.studies.confidence --run=RUN --output=build/confidence \\
        --class_pattern='Sender_\\d+_([^/]+)/' --group_pattern='Sender_(\\d+)_' \\
        --others=OTHER_PICTURES data/clothing_cc0/img

describes the pictures by a run whose trunk has not learned from their classes, and for each seed
draws a grouped split, fits a linear head on the training features and a temperature and a
reference on validation, then measures on test: precision promised and reached, coverage of
prediction sets, outliers (AUROC against drawn pictures and the folders --others), and false and
true alarms of drift. Writes confidence.csv (a row per seed and figure) and confidence.md (means)
into --output.
"""
import re
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from fashionclf import cli, picture_flags
from fashionclf.deployment import descriptions
from tools.studies import tables

if TYPE_CHECKING:  # --help stays quick
    import numpy as np
    import pandas as pd

FLAGS = flags.FLAGS

picture_flags.define()
flags.DEFINE_string("class_pattern", None, "Regular expression with the class in a path.")
flags.DEFINE_string("group_pattern", None, "Regular expression that names the group of a picture "
                    "by its path (default: each picture is a group).")
flags.DEFINE_string("class_column", None, "Column of --csv_file with the class.")
flags.DEFINE_string("only", None, "COLUMN=VALUE: the rows of --csv_file to learn from; those of "
                    "other values are pictures of other things.")
flags.DEFINE_integer("most", 6000, "Pictures to learn from, at random.", lower_bound=100)
flags.DEFINE_integer("fewest", 20, "Pictures of a class; smaller classes are left out.",
                     lower_bound=2)
flags.DEFINE_list("others", [], "Folders of pictures of other things, each named by its kind.")
cli.path_flag("run", None, "Folder of a run, whose features are used.")
cli.define_cache_flag()
flags.DEFINE_float("test_fraction", 0.2, "Share of the pictures in the test split.")
flags.DEFINE_float("validation_fraction", 0.15, "Share in the validation split.")
flags.DEFINE_integer("seeds", 3, "Number of splits.", lower_bound=1)
flags.DEFINE_integer("drawn", 100, "Drawn pictures of each kind.", lower_bound=2)
cli.path_flag("output", None, "Folder of the results.")

L2 = 0.003  # inverse strength of the head's regularisation, on standardised features


def main(words: list[str]) -> None:
    picture_flags.check(words)
    with cli.loading():
        import pandas as pd

        from fashionclf.deployment import engines
        from tools.studies import confidence_figures, other_things

    # The pictures to learn from, and those of other things.
    engine = engines.load(FLAGS.run)
    rows, others = read(picture_flags.named(words))
    drawn = other_things.write(Path(FLAGS.output) / "drawn", FLAGS.drawn)
    others |= {kind: listed(list(map(str, files))) for kind, files in drawn.items()}
    others |= {Path(folder).name: listed([folder]) for folder in FLAGS.others}

    features, usable = described(engine, rows["picture"].tolist())
    rows = rows[usable].reset_index(drop=True)
    other_features = {kind: described(engine, pictures)[0] for kind, pictures in others.items()}

    results = []
    for seed in range(FLAGS.seeds):
        fitted = confidence_figures.fit(features, rows, split(rows, seed), l2=L2)
        results += [{"seed": seed, **row} for row in
                    confidence_figures.measured(fitted, other_features)]
        write(pd.DataFrame(results))


def read(named: picture_flags.Named) -> tuple["pd.DataFrame", dict[str, list]]:
    """Returns `picture, item, category` of the pictures to learn from, and the others by kind."""
    import pandas as pd

    rows = pd.DataFrame({"picture": named.pictures, "path": named.paths})
    if named.table is None:
        rows["category"] = [re.search(FLAGS.class_pattern, path)[1] for path in rows["path"]]
    else:
        rows["category"] = named.table[FLAGS.class_column].to_numpy()
    rows["item"] = (rows["path"] if not FLAGS.group_pattern else
                    [re.search(FLAGS.group_pattern, path)[1] for path in rows["path"]])

    others = {}
    if FLAGS.only:
        column, _, value = FLAGS.only.partition("=")
        kinds = named.table[column].to_numpy()
        left_out = rows[kinds != value].groupby(kinds[kinds != value])["picture"]
        others = {kind: pictures.sample(min(len(pictures), 500), random_state=0).tolist()
                  for kind, pictures in left_out if len(pictures) >= FLAGS.fewest}
        rows = rows[kinds == value]
    rows = rows.sample(min(len(rows), FLAGS.most), random_state=0)
    counts = rows["category"].map(rows["category"].value_counts())
    return rows[counts >= FLAGS.fewest].reset_index(drop=True), others


def listed(paths: list[str]) -> list:
    from fashionclf.pictures import files

    return files.find(paths)[0]


def described(engine, pictures: list) -> tuple["np.ndarray", "np.ndarray"]:
    """Returns features, float32 [U, D], of the usable pictures, and which these are, bool [N]."""
    import numpy as np

    found = descriptions.describe(engine, pictures, cache_dir=FLAGS.cache_dir)
    for picture, error in zip(pictures, found.errors):
        if error:
            print(f"left out: {picture.path}: {error}", flush=True)
    return found.features[found.usable].astype(np.float32), found.usable


def split(rows: "pd.DataFrame", seed: int) -> "np.ndarray":
    """Draws a grouped split: names of splits [N]."""
    from fashionclf.sources import splits

    labelled = rows.assign(label=rows["category"].rank(method="dense").astype(int))
    return splits.split(labelled, method="grouped", test_fraction=FLAGS.test_fraction,
                        validation_fraction=FLAGS.validation_fraction, seed=seed).to_numpy()


def write(results: "pd.DataFrame") -> None:
    """Writes confidence.csv and, of the seeds so far, confidence.md."""
    parts = [tables.markdown(tables.over_seeds(rows.dropna(axis=1, how="all"), "figure",
                                               [name for name in rows.dropna(axis=1, how="all")
                                                if name not in ("seed", "table", "figure")]))
             for _, rows in results.groupby("table", sort=False)]
    tables.write(Path(FLAGS.output), "confidence", results, "\n\n".join(parts))


if __name__ == "__main__":
    flags.mark_flags_as_required(["run", "output"])
    cli.run(main, positional="PATH")
