"""Studies what an older model is worth on newer data that has other classes.

    python -m tools.studies.alignment --flagfile=configs/study_alignment.cfg

divides the pictures by --group_pattern into an older and a newer part that share no group, builds
each with classes of its own (--old_map, --new_map), trains --recipe on the older, and scores that
run on the newer by --align. Then trains the recipe on the newer part for each seed, in three ways:
from --weights, from the trunk of the old run, and from its trunk and the rows of its head that
--align carries over. Writes alignment.csv (a row a run), alignment.md (means over seeds) and
alignment.png (validation accuracy epoch by epoch) into --output. Stopped, it goes on where it was
when the same command is run again.
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
flags.DEFINE_string("group_pattern", None, "What stays on one side of all splits, see "
                    "build_tfrecords; default: the items.")
flags.DEFINE_float("old_fraction", 0.3, "Share of the pictures that is the older part.",
                   lower_bound=0.05, upper_bound=0.9)
flags.DEFINE_float("test_fraction", 0.2, "Share of the newer part for the test; of the older it "
                   "is a tenth.", lower_bound=0.01, upper_bound=0.9)
flags.DEFINE_string("old_map", None, "Category map of the older part, see build_tfrecords.")
flags.DEFINE_string("new_map", None, "Category map of the newer part.")
flags.DEFINE_string("align", None, "Alignment of the classes of both, see evaluate.")
# Training
flags.DEFINE_string("recipe", "configs/slides_model2.cfg", "Flag file of train.")
flags.DEFINE_string("weights", "imagenet", "Where the trunk starts, see train.")
flags.DEFINE_integer("seeds", 3, "How many seeds of training, from 0.", lower_bound=1)
# Output
flags.DEFINE_string("output", None, "Folder for records, runs and results.")

TENTH = 0.1  # for validation, and of the older part for the test
COLD, TRUNK, HEAD = "cold", "trunk of the old run", "trunk and head of the old run"


def main(_: list[str]) -> None:
    import pandas as pd

    from tools.studies import programs

    output = Path(FLAGS.output)
    old, new = built(output)
    old_run = output / "run_old"
    programs.train(old, old_run, f"--flagfile={FLAGS.recipe}", f"--weights={FLAGS.weights}")
    aligned = programs.scores(programs.evaluate(old_run, new, "test", Path(FLAGS.align)))
    starts = {COLD: [f"--weights={FLAGS.weights}"], TRUNK: [f"--weights={old_run}"],
              HEAD: [f"--weights={old_run}", f"--align={FLAGS.align}"]}
    rows, curves = [], []
    for seed in range(FLAGS.seeds):
        for number, (start, chosen) in enumerate(starts.items()):
            run = output / f"run_{('cold', 'trunk', 'head')[number]}_{seed}"
            found = programs.train(new, run, f"--flagfile={FLAGS.recipe}", f"--seed={seed}",
                                   *chosen)
            history = pd.read_csv(run / "history.csv")
            rows.append(row(start, seed, run, found, history, aligned))
            curves.append(history.assign(start=start, seed=seed, done=range(1, len(history) + 1)))
        write(pd.DataFrame(rows), pd.concat(curves), aligned)


def built(output: Path) -> tuple[Path, Path]:
    """The records of the older and the newer part."""
    from tools.studies import programs, sources

    parts = sources.divide(sources.read(FLAGS.source_dir, FLAGS.group_pattern),
                           FLAGS.old_fraction, seed=0)
    old, new = (programs.build(
        sources.split(part, test_fraction=test, validation_fraction=TENTH, seed=0),
        output, name, **({"category_map": Path(file)} if file else {}))
        for part, test, name, file in zip(parts, (TENTH, FLAGS.test_fraction), ("old", "new"),
                                          (FLAGS.old_map, FLAGS.new_map)))
    return old, new


def row(start: str, seed: int, run: Path, found: dict, history: "pd.DataFrame",
        aligned: dict) -> dict:
    """What the table has of a run on the newer part."""
    import pandas as pd

    said = pd.read_csv(run / "report" / "predictions.csv", dtype=str, keep_default_na=False)
    known = said[said["true"].isin(aligned["alignment"]["maps"])]
    return {"start": start, "seed": seed, "test pictures": found["n"], "accuracy": found["top1"],
            "macro F1": found["macro_f1"],
            "on classes of the old": float((known["true"] == known["predicted"]).mean()),
            "validation after 1 epoch": history["val_accuracy"].iloc[0],
            "validation at the end": history["val_accuracy"].iloc[-1]}


def write(rows: "pd.DataFrame", curves: "pd.DataFrame", aligned: dict) -> None:
    """alignment.csv, alignment.md and alignment.png of the seeds so far."""
    from fashionclf.sources import alignment
    from tools.studies import tables

    output, facts = Path(FLAGS.output), aligned["alignment"]
    table = tables.over_seeds(rows, "start", [name for name in rows if name not in (
        "start", "seed", "test pictures")])
    table["gain over cold"] = table["start"].map(tables.gains(rows, "start", "accuracy"))
    low, high = aligned["top1_interval"]
    text = (f"The old run as it is, on the test split of the newer part:\n\n```\n"
            f"{alignment.as_text(facts)}\naccuracy on those scored: {aligned['top1']:.3f} "
            f"({low:.3f} to {high:.3f})\n```\n\nTrained on the newer part:\n\n"
            + tables.markdown(table))
    tables.write(output, "alignment", rows, text)
    draw(curves, facts["accuracy over all"]).savefig(output / "alignment.png")


def draw(curves: "pd.DataFrame", old: float):
    from tools.studies import plots

    figure, (axes,) = plots.figure(1)
    for (start, rows), colour in zip(curves.groupby("start", sort=False), plots.COLOURS):
        plots.curve(axes, rows, "done", "val_accuracy", colour=colour, label=start)
    axes.axhline(old, color="#999999", linestyle=":", label="old run, by alignment (on test)")
    axes.axvline((curves["phase"] == "head").groupby([curves["start"], curves["seed"]]).sum().max()
                 + 0.5, color="#cccccc", linewidth=1)
    axes.set(title="the newer part's validation accuracy", xlabel="epochs: head | fine-tune",
             ylabel="accuracy")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(loc="lower right", fontsize=8)
    return figure


if __name__ == "__main__":
    flags.mark_flags_as_required(["source_dir", "align", "output"])
    cli.run(main)
