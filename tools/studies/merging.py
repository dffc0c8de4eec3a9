"""Studies what it gives to merge the classes that are confused, and to train on what they become.

    python -m tools.studies.merging --flagfile=configs/study_merging.cfg

splits the pictures once by --group_pattern, trains --recipe on their classes for each seed, has
tools.studies.suggest_merges choose --merges by the pooled predictions on validation, builds the
same pictures in the same split with the merged classes, and trains the recipe on these. Writes
merging.csv (a row a seed), merging.md (means) and merging.png into --output, and there
suggested/, of suggest_merges: accuracy on test of the classes as they are; of the same
predictions, merged; of the same probabilities, summed; of the training on merged classes. Stopped,
it goes on where it was when the same command is run again.
"""
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from fashionclf import cli

if TYPE_CHECKING:  # --help stays quick
    import pandas as pd

FLAGS = flags.FLAGS

# Data
flags.DEFINE_string("source_dir", None, "DeepFashion-shaped tree, see build_tfrecords.")
flags.DEFINE_string("group_pattern", None, "What stays on one side of the split, see "
                    "build_tfrecords; default: the items.")
flags.DEFINE_float("test_fraction", 0.2, "Share of the pictures for the test.",
                   lower_bound=0.01, upper_bound=0.9)
flags.DEFINE_float("validation_fraction", 0.2, "Share for validation, by which merges are chosen.",
                   lower_bound=0.01, upper_bound=0.9)
# Training
flags.DEFINE_string("recipe", "configs/slides_model2.cfg", "Flag file of train.")
flags.DEFINE_string("weights", "imagenet", "Where the trunk starts, see train.")
flags.DEFINE_integer("merges", 3, "How many merges at most.", lower_bound=1)
flags.DEFINE_integer("seeds", 3, "How many seeds of training, from 0.", lower_bound=1)
# Output
flags.DEFINE_string("output", None, "Folder for records, runs and results.")

AS_THEY_ARE = "classes as they are"
WAYS = (AS_THEY_ARE, "the same predictions, merged", "the same probabilities, summed",
        "trained on merged classes")


def main(_: list[str]) -> None:
    import pandas as pd

    from tools.studies import programs, sources

    output = Path(FLAGS.output)
    rows = sources.split(
        sources.read(FLAGS.source_dir, FLAGS.group_pattern), test_fraction=FLAGS.test_fraction,
        validation_fraction=FLAGS.validation_fraction, seed=0)
    records = programs.build(rows, output, "as_they_are")
    runs = {seed: output / f"run_{seed}" for seed in range(FLAGS.seeds)}
    before = {seed: trained(records, run, seed) for seed, run in runs.items()}
    suggested = suggest(records, list(runs.values()))
    merged = programs.build(rows, output, "merged", category_map=suggested / "category_map.csv",
                            classes=suggested / "classes.txt")
    found = []
    for seed, run in runs.items():
        found += compared(run, before[seed], merged, suggested / "align.csv", seed)
        write(pd.DataFrame(found))


def trained(records: Path, run: Path, seed: int) -> dict:
    from tools.studies import programs

    return programs.train(records, run, f"--flagfile={FLAGS.recipe}", f"--seed={seed}",
                          f"--weights={FLAGS.weights}")


def suggest(records: Path, runs: list[Path]) -> Path:
    """The folder of suggest_merges, from the validation split of all runs."""
    from tools.studies import programs

    reports = [programs.evaluate(run, records, "validation") for run in runs]
    suggested = Path(FLAGS.output) / "suggested"
    programs.start("tools.studies.suggest_merges", f"--report={','.join(map(str, reports))}",
                   f"--merges={FLAGS.merges}", f"--output={suggested}")
    return suggested


def compared(run: Path, before: dict, merged: Path, align: Path, seed: int) -> list[dict]:
    """A row each of WAYS, on the test split."""
    import pandas as pd

    from tools.studies import merges, programs

    into = pd.read_csv(align, dtype=str, keep_default_na=False)
    said = pd.read_csv(run / "report" / "predictions.csv", dtype=str, keep_default_na=False)
    of_names = merges.merged_accuracy(said["true"], said["predicted"],
                                      dict(into.itertuples(index=False)))
    summed = programs.scores(programs.evaluate(run, merged, "test", align))
    after = trained(merged, run.with_name(f"{run.name}_merged"), seed)
    nan = float("nan")
    scores = [(before["top1"], before["macro_f1"], before["majority_baseline"]),
              (of_names, nan, after["majority_baseline"]),
              *((x["top1"], x["macro_f1"], x["majority_baseline"]) for x in (summed, after))]
    return [{"way": way, "seed": seed, "test pictures": after["n"], "accuracy": accuracy,
             "macro F1": macro_f1, "majority baseline": baseline}
            for way, (accuracy, macro_f1, baseline) in zip(WAYS, scores)]


def write(rows: "pd.DataFrame") -> None:
    """merging.csv, merging.md and merging.png of the seeds so far."""
    from tools.studies import plots, tables

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
