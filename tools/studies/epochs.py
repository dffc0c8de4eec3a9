"""Measures how long to fine-tune: one recipe at several numbers of epochs.

    python -m tools.studies.epochs --flagfile=configs/study_epochs.cfg

draws a split for each seed, trains --recipe on it with each number of --epochs (the cosine of the
learning rate spans them) and fits a temperature on validation. Writes into --output, after each
run: epochs.csv (a row per run), epochs.md (means over seeds) and epochs.png (accuracy and
calibration by epochs). The same command resumes a study that was stopped.
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
flags.DEFINE_multi_integer("epochs", [5, 10, 20, 40], "Epochs of the fine-tune phase; give the "
                           "flag several times.", lower_bound=1)

SHOWN = ["accuracy", "macro F1", "ECE", "ECE with temperature", "temperature", "training loss"]


def main(_: list[str]) -> None:
    import pandas as pd

    pictures = sources.read(FLAGS.source_dir, FLAGS.group_pattern)
    rows = []
    for seed in range(FLAGS.seeds):
        split = sources.split(pictures, test_fraction=FLAGS.test_fraction,
                              validation_fraction=FLAGS.validation_fraction, seed=seed)
        records = programs.build(split, Path(FLAGS.output), str(seed))

        for epochs in FLAGS.epochs:
            rows.append(trained(records, seed, epochs))
            write(pd.DataFrame(rows))


def trained(records: Path, seed: int, epochs: int) -> dict:
    """Trains a run and returns its row of the table."""
    run = Path(FLAGS.output) / f"run_{epochs}_epochs_{seed}"
    scores = programs.train(records, run, f"--flagfile={FLAGS.recipe}", f"--seed={seed}",
                            f"--weights={FLAGS.weights}", f"--fine_tune_epochs={epochs}",
                            "--calibrate")
    return {"epochs": epochs, "seed": seed, "test pictures": scores["n"],
            "accuracy": scores["top1"], "macro F1": scores["macro_f1"],
            "ECE": scores["ece_at_temperature_1"], "ECE with temperature": scores["ece"],
            "temperature": scores["temperature"],
            "training loss": programs.history(run)["loss"].iloc[-1]}


def write(rows: "pd.DataFrame") -> None:
    """Writes epochs.csv, epochs.md and epochs.png of the runs so far."""
    output = Path(FLAGS.output)
    table = tables.over_seeds(rows, "epochs", SHOWN)
    gain = f"gain over {rows['epochs'].iloc[0]} epochs"
    table[gain] = table["epochs"].map(tables.gains(rows, "epochs", "accuracy"))

    tables.write(output, "epochs", rows, tables.markdown(table))
    draw(rows).savefig(output / "epochs.png")


def draw(rows: "pd.DataFrame"):
    figure, (left, right) = plots.figure(2)
    blue, red, green, *_ = plots.COLOURS
    for axes, column, colour, label in (
            (left, "accuracy", blue, "accuracy"),
            (left, "macro F1", green, "macro F1"),
            (right, "ECE", red, "as trained"),
            (right, "ECE with temperature", blue, "with a temperature fitted on validation")):
        plots.curve(axes, rows, "epochs", column, colour=colour, label=label)

    ticks = sorted(set(rows["epochs"]))
    for axes, title in ((left, "accuracy by epochs"), (right, "calibration error by epochs")):
        axes.set_xscale("log", base=2)
        axes.set_xticks(ticks, ticks)
        axes.set(title=title, xlabel="epochs of the fine-tune phase")
        axes.legend()

    right.set(ylim=(0, None), ylabel="ECE")
    return figure


if __name__ == "__main__":
    flags.mark_flags_as_required(["source_dir", "output"])
    cli.run(main)
