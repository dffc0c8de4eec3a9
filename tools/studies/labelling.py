"""Measures what to label next: accuracy by the number of labels, chosen in several ways.

    python -m tools.studies.labelling --class_pattern='Sender_\\d+_([^/]+)' \\
        --group_pattern='Sender_(\\d+)' --run=RUN --output=data/study_labelling PICTURES

labels pictures in rounds, fits a linear model on the features of --run after each, and scores it
on pictures of other groups: chosen at random; those that the model is most unsure of (the first
round at random); diverse ones, typical of many kinds; and both together, as predict --next does.
The run must not have learned these labels; with --other_classes, its own uncertainty is tried too.
Writes labelling.csv (a row per fit), labelling.md (means over seeds)
and labelling.png into --output. 4,097 pictures take five minutes on two CPU cores.
"""
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from fashionclf import cli, picture_flags
from tools.studies import plots, tables

if TYPE_CHECKING:  # --help stays quick
    import pandas as pd

    from tools.studies.rounds import Pictures

FLAGS = flags.FLAGS

# Pictures, if not named as PATH, their classes and groups
picture_flags.define()
flags.DEFINE_string("class_pattern", None, "Regular expression whose group is the class, searched "
                    "in the path.")
flags.DEFINE_string("category_column", None, "CSV column with the class.")
flags.DEFINE_string("group_pattern", None, "Regular expression whose group is kept on one side "
                    "of the split, searched in the path.")
flags.DEFINE_string("item_column", None, "CSV column with that group.")
flags.DEFINE_integer("top_classes", 20, "Use the pictures of so many classes, the most frequent "
                     "ones.", lower_bound=2)
# Features
cli.define_model_flags()
cli.path_flag("cache_dir", "data/descriptions", "Folder where features are kept.")
# Study
flags.DEFINE_multi_integer("labels", [50, 100, 200, 400, 800, 1600], "Number of labels after each "
                           "round; give the flag several times.", lower_bound=2)
flags.DEFINE_boolean("other_classes", False, "Also choose by the uncertainty of --run, whose "
                     "classes are others, in each round.")
flags.DEFINE_integer("seeds", 3, "Number of random seeds, counted from 0.", lower_bound=1)
flags.DEFINE_float("test_fraction", 0.3, "Share of the groups that are kept for the test.",
                   lower_bound=0.01, upper_bound=0.9)
cli.path_flag("output", None, "Folder for the results.")


def main(words: list[str]) -> None:
    picture_flags.check(words)
    pictures = described(words)
    import pandas as pd

    from tools.studies import rounds

    Path(FLAGS.output).mkdir(parents=True, exist_ok=True)
    rows = []
    for seed in range(FLAGS.seeds):
        rows += rounds.compare(pictures, sorted(FLAGS.labels), seed=seed,
                               test_fraction=FLAGS.test_fraction)
        write(pd.DataFrame(rows))


def described(words: list[str]) -> "Pictures":
    """The pictures of the most frequent classes that can be used, with their features."""
    import pandas as pd

    from fashionclf.curation import selection
    from fashionclf.deployment import descriptions, engines
    from fashionclf.sources import splits
    from tools.studies.rounds import Pictures

    named = picture_flags.named(words)
    paths = pd.Series(named.paths)
    classes, groups = (
        named.table[column] if column else splits.items_by_pattern(paths, pattern)
        for column, pattern in ((FLAGS.category_column, FLAGS.class_pattern),
                                (FLAGS.item_column, FLAGS.group_pattern)))
    found = descriptions.describe(engines.load(FLAGS.run, FLAGS.engine), named.pictures,
                                  cache_dir=FLAGS.cache_dir, batch_size=FLAGS.batch_size)

    top = classes.value_counts().index[:FLAGS.top_classes]
    used = found.usable & classes.isin(top).to_numpy()
    print(f"{used.sum():,} of {len(used):,} pictures are used: {len(top)} classes, "
          f"{groups[used].nunique():,} groups")
    return Pictures(features=found.features[used].astype("float32"),
                    labels=classes[used].astype("category").cat.codes.to_numpy(),
                    groups=groups[used].to_numpy(),
                    uncertain=selection.uncertainty(found.probabilities[used])
                    if FLAGS.other_classes else None)


def write(rows: "pd.DataFrame") -> None:
    """Writes labelling.csv, labelling.md and labelling.png of the fits so far."""
    text = "\n\n".join(f"{column}\n\n{by_labels(rows, column)}"
                       for column in ("accuracy", "macro F1", "classes seen"))
    tables.write(Path(FLAGS.output), "labelling", rows, text)
    draw(rows).savefig(Path(FLAGS.output) / "labelling.png")


def by_labels(rows: "pd.DataFrame", column: str) -> str:
    """A table with a line per way of choosing and a column per number of labels."""
    import pandas as pd

    partial = rows[rows["way"] != "all"]
    means, errors = (partial.pivot_table(index="way", columns="labels", values=column,
                                         aggfunc=kind, sort=False) for kind in ("mean", "sem"))
    table = tables.with_errors(means, errors.reindex_like(means))
    of_all = rows[rows["way"] == "all"].groupby("way")[[column]]
    table["all"] = tables.with_errors(of_all.mean(), of_all.sem())[column].iloc[0]
    return tables.markdown(pd.DataFrame(table).reset_index())


def draw(rows: "pd.DataFrame"):
    figure, panels = plots.figure(2)
    for axes, column in zip(panels, ("accuracy", "macro F1")):
        for colour, (way, own) in zip(plots.COLOURS, rows[rows["way"] != "all"].groupby(
                "way", sort=False)):
            plots.curve(axes, own, "labels", column, colour=colour, label=way)
        every = rows.loc[rows["way"] == "all"]
        axes.axhline(every[column].mean(), color="#999999", linestyle="--", linewidth=1,
                     label=f"all {every['labels'].mean():,.0f}")

        ticks = sorted(set(rows.loc[rows["way"] != "all", "labels"]))
        axes.set_xscale("log", base=2)
        axes.set_xticks(ticks, ticks)
        axes.set(title=f"{column} on other groups", xlabel="labelled pictures")
        axes.legend(fontsize=8)
    return figure


if __name__ == "__main__":
    flags.mark_flags_as_required(["output"])
    cli.run(main, positional="PATH")
