"""Measures what an older run is worth on newer records that have other classes.

    python -m tools.studies.alignment --flagfile=configs/study_alignment_b0.cfg

scores --old_run on the test split of --records, by --align. Then it trains --recipe on the records,
for each seed, from three starts: --weights (cold); the trunk of the old run; its trunk and
the rows of its head that --align carries over. Writes into --output, after each seed:
alignment.csv (a row per run), alignment.md (means over seeds) and alignment.png (validation
accuracy by epoch). The same command resumes a study that was stopped.
"""
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from fashionclf import cli
from tools.studies import plots, programs, tables

if TYPE_CHECKING:  # --help stays quick
    import pandas as pd

FLAGS = flags.FLAGS

# Data
cli.path_flag("old_run", None, "Folder of the older run.")
cli.path_flag("records", None, "Records of the newer pictures, from build_tfrecords.")
cli.path_flag("align", None, "CSV file run_class,records_class, see evaluate.")
# Training
cli.path_flag("recipe", "configs/slides_model2.cfg", "Flag file of train for the runs on the "
              "newer records; its --architecture is that of the older run.")
cli.path_flag("weights", None, "Initial weights of the cold start (default: the recipe's).")
flags.DEFINE_integer("seeds", 3, "Number of random seeds, counted from 0.", lower_bound=1)
# Output
cli.path_flag("output", None, "Folder for runs and results.")

STARTS = {"cold": "cold", "trunk": "trunk of the old run", "head": "trunk and head of the old run"}


def main(_: list[str]) -> None:
    import pandas as pd

    # What the old run is worth without any training
    output, records = Path(FLAGS.output), Path(FLAGS.records)
    aligned = programs.scores(programs.evaluate(
        Path(FLAGS.old_run), records, "test", align=Path(FLAGS.align), within=output))

    cold = [f"--weights={FLAGS.weights}"] if FLAGS.weights else []
    starts = {"cold": cold, "trunk": [f"--weights={FLAGS.old_run}"],
              "head": [f"--weights={FLAGS.old_run}", f"--align={FLAGS.align}"]}
    rows, curves = [], []
    for seed in range(FLAGS.seeds):
        for name, start in starts.items():
            run = output / f"run_{name}_{seed}"
            scores = programs.train(records, run, f"--flagfile={FLAGS.recipe}", f"--seed={seed}",
                                    *start)
            history = programs.history(run)
            rows.append({"start": STARTS[name], "seed": seed} | row(run, scores, history, aligned))
            curves.append(history.assign(start=STARTS[name], seed=seed,
                                         done=range(1, len(history) + 1)))
        write(pd.DataFrame(rows), pd.concat(curves), aligned)


def row(run: Path, scores: dict, history: "pd.DataFrame", aligned: dict) -> dict:
    """Returns the columns of the table for a run on the newer records."""
    predictions = programs.predictions(run / "report")
    known = predictions[predictions["true"].isin(aligned["alignment"]["maps"])]
    return {"test pictures": scores["n"], "accuracy": scores["top1"],
            "macro F1": scores["macro_f1"],
            "on classes of the old": float((known["true"] == known["predicted"]).mean()),
            "validation after 1 epoch": history["val_accuracy"].iloc[0],
            "validation at the end": history["val_accuracy"].iloc[-1]}


def write(rows: "pd.DataFrame", curves: "pd.DataFrame", aligned: dict) -> None:
    """Writes alignment.csv, alignment.md and alignment.png of the seeds so far."""
    from fashionclf.sources import alignment

    output, facts = Path(FLAGS.output), aligned["alignment"]
    table = tables.over_seeds(rows, "start", list(rows.columns[3:]))
    table["gain over cold"] = table["start"].map(tables.gains(rows, "start", "accuracy"))

    interval = aligned["top1_interval"]
    bounds = f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else "too few garments"
    text = (f"The old run as it is, on the test split of the newer records:\n\n```\n"
            f"{alignment.as_text(facts)}\naccuracy on those scored: {aligned['top1']:.3f} "
            f"({bounds})\n```\n\nTrained on the newer records:\n\n"
            + tables.markdown(table))
    tables.write(output, "alignment", rows, text)
    draw(curves, facts["accuracy over all"]).savefig(output / "alignment.png")


def draw(curves: "pd.DataFrame", old_accuracy: float):
    figure, (axes,) = plots.figure(1)
    for (start, rows), colour in zip(curves.groupby("start", sort=False), plots.COLOURS):
        plots.curve(axes, rows, "done", "val_accuracy", colour=colour, label=start)
    axes.axhline(old_accuracy, color="#999999", linestyle=":",
                 label="old run, by alignment (on test)")

    # A line between the two phases
    if curves["phase"].nunique() == 2:
        head_epochs = curves.loc[curves["phase"] == "head", "epoch"].max()
        axes.axvline(head_epochs + 0.5, color="#cccccc", linewidth=1)

    axes.set(title="validation accuracy on the newer records", xlabel="epochs", ylabel="accuracy")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(loc="lower right", fontsize=8)
    return figure


if __name__ == "__main__":
    flags.mark_flags_as_required(["old_run", "records", "align", "output"])
    cli.run(main)
