"""Measures what an older model is worth on newer data that has other classes.

    python -m tools.studies.alignment --flagfile=configs/study_alignment.cfg

divides the pictures into an older and a newer part that share no group, builds each with its own
classes (--old_map, --new_map), trains --recipe on the older part and scores that run on the newer
by --align. Then it trains on the newer part, for each seed, from three starts: --weights; the
trunk of the old run; its trunk and the rows of its head that --align carries over. Writes into
--output, after each seed: alignment.csv (a row per run), alignment.md (means over seeds) and
alignment.png (validation accuracy by epoch). The same command resumes a study that was stopped.
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
flags.DEFINE_float("old_fraction", 0.3, "Share of the pictures in the older part; a tenth of them "
                   "is its test split. --test_fraction is of the newer part.",
                   lower_bound=0.05, upper_bound=0.9)
flags.DEFINE_string("old_map", None, "Category map of the older part, see build_tfrecords.")
flags.DEFINE_string("new_map", None, "Category map of the newer part.")
flags.DEFINE_string("align", None, "Alignment of the classes of both parts, see evaluate.")

OLD_TEST_FRACTION = 0.1
STARTS = {"cold": "cold", "trunk": "trunk of the old run", "head": "trunk and head of the old run"}


def main(_: list[str]) -> None:
    import pandas as pd

    # The old run, and what it is worth on the newer part without any training.
    output = Path(FLAGS.output)
    old, new = built(output)
    old_run = output / "run_old"
    programs.train(old, old_run, f"--flagfile={FLAGS.recipe}", f"--weights={FLAGS.weights}")
    aligned = programs.scores(programs.evaluate(old_run, new, "test", Path(FLAGS.align)))

    starts = {"cold": [f"--weights={FLAGS.weights}"], "trunk": [f"--weights={old_run}"],
              "head": [f"--weights={old_run}", f"--align={FLAGS.align}"]}
    rows, curves = [], []
    for seed in range(FLAGS.seeds):
        for name, start in starts.items():
            run = output / f"run_{name}_{seed}"
            scores = programs.train(new, run, f"--flagfile={FLAGS.recipe}", f"--seed={seed}",
                                    *start)
            history = programs.history(run)
            rows.append({"start": STARTS[name], "seed": seed} | row(run, scores, history, aligned))
            curves.append(history.assign(start=STARTS[name], seed=seed,
                                         done=range(1, len(history) + 1)))
        write(pd.DataFrame(rows), pd.concat(curves), aligned)


def built(output: Path) -> tuple[Path, Path]:
    """Builds the records of the older and of the newer part."""
    old, new = sources.divide(sources.read(FLAGS.source_dir, FLAGS.group_pattern),
                              FLAGS.old_fraction, seed=0)

    def build(name: str, part: sources.Rows, test_fraction: float, category_map: str | None):
        split = sources.split(part, test_fraction=test_fraction, seed=0,
                              validation_fraction=FLAGS.validation_fraction)
        maps = {"category_map": Path(category_map)} if category_map else {}
        return programs.build(split, output, name, **maps)
    return (build("old", old, OLD_TEST_FRACTION, FLAGS.old_map),
            build("new", new, FLAGS.test_fraction, FLAGS.new_map))


def row(run: Path, scores: dict, history: "pd.DataFrame", aligned: dict) -> dict:
    """Returns the columns of the table for a run on the newer part."""
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
    text = (f"The old run as it is, on the test split of the newer part:\n\n```\n"
            f"{alignment.as_text(facts)}\naccuracy on those scored: {aligned['top1']:.3f} "
            f"({bounds})\n```\n\nTrained on the newer part:\n\n"
            + tables.markdown(table))
    tables.write(output, "alignment", rows, text)
    draw(curves, facts["accuracy over all"]).savefig(output / "alignment.png")


def draw(curves: "pd.DataFrame", old_accuracy: float):
    figure, (axes,) = plots.figure(1)
    for (start, rows), colour in zip(curves.groupby("start", sort=False), plots.COLOURS):
        plots.curve(axes, rows, "done", "val_accuracy", colour=colour, label=start)
    axes.axhline(old_accuracy, color="#999999", linestyle=":",
                 label="old run, by alignment (on test)")

    # A line between the two phases.
    head_epochs = curves.loc[curves["phase"] == "head", "epoch"].max()
    axes.axvline(head_epochs + 0.5, color="#cccccc", linewidth=1)

    axes.set(title="the newer part's validation accuracy", xlabel="epochs: head | fine-tune",
             ylabel="accuracy")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(loc="lower right", fontsize=8)
    return figure


if __name__ == "__main__":
    flags.mark_flags_as_required(["source_dir", "align", "output"])
    cli.run(main)
