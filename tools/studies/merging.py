"""Measures the gain from merging confused classes, before and after retraining.

    python -m tools.studies.merging --flagfile=configs/study_merging.cfg

splits the pictures once, trains --recipe on their classes for each seed, lets
tools.studies.suggest_merges choose --merges by the pooled predictions on validation, builds the
same split with the merged classes and trains the recipe on these. Compares four accuracies on
test: the classes as they are; the same predictions, merged; the same probabilities, summed; and
the training on merged classes. Writes merging.csv (a row per seed and way), merging.md (means) and
merging.png into --output, and what suggest_merges writes into its folder suggested/. The same
command resumes a study that was stopped.
"""
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from fashionclf import cli
from tools.studies import options, plots, programs, sources, tables

if TYPE_CHECKING:  # --help stays quick
    import pandas as pd

FLAGS = flags.FLAGS

flags.adopt_module_key_flags(options)
flags.DEFINE_integer("merges", 3, "Largest number of merges, chosen by the validation split.",
                     lower_bound=1)

AS_THEY_ARE = "classes as they are"
WAYS = (AS_THEY_ARE, "the same predictions, merged", "the same probabilities, summed",
        "trained on merged classes")


def main(_: list[str]) -> None:
    import pandas as pd

    # Training on the classes as they are.
    output = Path(FLAGS.output)
    split = sources.split(
        sources.read(FLAGS.source_dir, FLAGS.group_pattern), test_fraction=FLAGS.test_fraction,
        validation_fraction=FLAGS.validation_fraction, seed=0)
    records = programs.build(split, output, "as_they_are")
    runs = [output / f"run_{seed}" for seed in range(FLAGS.seeds)]
    before = [trained(records, run, seed) for seed, run in enumerate(runs)]

    # The same pictures with the classes that the runs suggest to merge.
    suggested = suggest(records, runs)
    merged = programs.build(split, output, "merged", category_map=suggested / "category_map.csv",
                            classes=suggested / "classes.txt")

    rows = []
    for seed, run in enumerate(runs):
        rows += compared(run, before[seed], merged, suggested / "align.csv", seed)
        write(pd.DataFrame(rows))


def trained(records: Path, run: Path, seed: int) -> dict:
    return programs.train(records, run, f"--flagfile={FLAGS.recipe}", f"--seed={seed}",
                          f"--weights={FLAGS.weights}")


def suggest(records: Path, runs: list[Path]) -> Path:
    """Runs suggest_merges on the validation splits of all runs; returns its folder."""
    reports = [programs.evaluate(run, records, "validation") for run in runs]
    suggested = Path(FLAGS.output) / "suggested"
    programs.start("tools.studies.suggest_merges", f"--report={','.join(map(str, reports))}",
                   f"--merges={FLAGS.merges}", f"--output={suggested}")
    return suggested


def compared(run: Path, before: dict, merged: Path, align: Path, seed: int) -> list[dict]:
    """Trains on the merged classes; returns a row per way, of the test split."""
    import pandas as pd

    from tools.studies import merges

    # The old predictions, each side renamed to its merged class.
    into = pd.read_csv(align, dtype=str, keep_default_na=False)
    predictions = programs.predictions(run / "report")
    of_names = merges.merged_accuracy(predictions["true"], predictions["predicted"],
                                      dict(into.itertuples(index=False)))

    summed = programs.scores(programs.evaluate(run, merged, "test", align=align))
    after = trained(merged, run.with_name(f"{run.name}_merged"), seed)

    only_accuracy = {"top1": of_names, "macro_f1": float("nan"),
                     "majority_baseline": after["majority_baseline"]}
    return [{"way": way, "seed": seed, "test pictures": after["n"], "accuracy": scores["top1"],
             "macro F1": scores["macro_f1"], "majority baseline": scores["majority_baseline"]}
            for way, scores in zip(WAYS, (before, only_accuracy, summed, after))]


def write(rows: "pd.DataFrame") -> None:
    """Writes merging.csv, merging.md and merging.png of the seeds so far."""
    output = Path(FLAGS.output)
    table = tables.over_seeds(rows, "way", ["accuracy", "macro F1", "majority baseline"])
    table["gain in accuracy"] = table["way"].map(tables.gains(rows, "way", "accuracy"))
    alone = rows[rows["way"] != AS_THEY_ARE]
    table["beside merging alone"] = table["way"].map(tables.gains(alone, "way", "accuracy"))

    suggested = (output / "suggested" / "merges.md").read_text(encoding="utf-8")
    tables.write(output, "merging", rows,
                 f"On validation:\n\n{suggested}\nOn test:\n\n{tables.markdown(table)}")

    figure, (axes,) = plots.figure(1)
    plots.points(axes, rows, "way", ["accuracy", "majority baseline"])
    axes.set(title="before and after merging, on test", xlim=(0, 1))
    figure.savefig(output / "merging.png")


if __name__ == "__main__":
    flags.mark_flags_as_required(["source_dir", "output"])
    cli.run(main)
