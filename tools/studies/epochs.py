"""Studies how long to fine-tune: the same recipe at several numbers of epochs.

    python -m tools.studies.epochs --flagfile=configs/study_epochs.cfg

splits the pictures by --group_pattern, trains --recipe with each number of --epochs, the cosine
of the learning rate drawn out over them, for each seed of split and training alike, with a
temperature fitted on validation. Writes epochs.csv (a row a run), epochs.md (means over seeds) and
epochs.png (accuracy and calibration by epochs) into --output, after each run. Stopped, it goes on
where it was when the same command is run again.
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
flags.DEFINE_float("validation_fraction", 0.1, "Share for validation and the temperature.",
                   lower_bound=0.01, upper_bound=0.9)
# Training
flags.DEFINE_string("recipe", "configs/slides_model2.cfg", "Flag file of train.")
flags.DEFINE_string("weights", "imagenet", "Where the trunk starts, see train.")
flags.DEFINE_multi_integer("epochs", [5, 10, 20, 40], "Epochs of the fine-tune phase; give the "
                           "flag several times.", lower_bound=1)
flags.DEFINE_integer("seeds", 3, "How many seeds, from 0.", lower_bound=1)
# Output
flags.DEFINE_string("output", None, "Folder for records, runs and results.")

SHOWN = ["accuracy", "macro F1", "ECE", "ECE with temperature", "temperature", "training loss"]


def main(_: list[str]) -> None:
    import pandas as pd

    rows = []
    for seed in range(FLAGS.seeds):
        records = built(seed)
        for epochs in FLAGS.epochs:
            rows.append(trained(records, seed, epochs))
            write(pd.DataFrame(rows))


def built(seed: int) -> Path:
    from tools.studies import programs, sources

    rows = sources.split(
        sources.read(FLAGS.source_dir, FLAGS.group_pattern), test_fraction=FLAGS.test_fraction,
        validation_fraction=FLAGS.validation_fraction, seed=seed)
    return programs.build(rows, Path(FLAGS.output), str(seed))


def trained(records: Path, seed: int, epochs: int) -> dict:
    import pandas as pd

    from tools.studies import programs

    run = Path(FLAGS.output) / f"run_{epochs}_epochs_{seed}"
    found = programs.train(records, run, f"--flagfile={FLAGS.recipe}", f"--seed={seed}",
                           f"--weights={FLAGS.weights}", f"--fine_tune_epochs={epochs}",
                           "--calibrate")
    return {"epochs": epochs, "seed": seed, "test pictures": found["n"],
            "accuracy": found["top1"], "macro F1": found["macro_f1"],
            "ECE": found["ece_at_temperature_1"], "ECE with temperature": found["ece"],
            "temperature": found["temperature"],
            "training loss": pd.read_csv(run / "history.csv")["loss"].iloc[-1]}


def write(rows: "pd.DataFrame") -> None:
    """epochs.csv, epochs.md and epochs.png of the runs so far."""
    from tools.studies import tables

    table = tables.over_seeds(rows, "epochs", SHOWN)
    gain = f"gain over {rows['epochs'].iloc[0]} epochs"
    table[gain] = table["epochs"].map(tables.gains(rows, "epochs", "accuracy"))
    tables.write(Path(FLAGS.output), "epochs", rows, tables.markdown(table))
    draw(rows).savefig(Path(FLAGS.output) / "epochs.png")


def draw(rows: "pd.DataFrame"):
    from tools.studies import plots

    figure, (left, right) = plots.figure(2)
    for axes, column, colour, label in (
            (left, "accuracy", plots.COLOURS[0], "accuracy"),
            (left, "macro F1", plots.COLOURS[2], "macro F1"),
            (right, "ECE", plots.COLOURS[1], "as trained"),
            (right, "ECE with temperature", plots.COLOURS[0],
             "with a temperature fitted on validation")):
        plots.curve(axes, rows, "epochs", column, colour=colour, label=label)
    for axes, title in ((left, "accuracy by epochs"), (right, "calibration error by epochs")):
        axes.set_xscale("log", base=2)
        axes.set_xticks(sorted(set(rows["epochs"])), sorted(set(rows["epochs"])))
        axes.set(title=title, xlabel="epochs of the fine-tune phase")
        axes.legend()
    right.set(ylim=(0, None), ylabel="ECE")
    return figure


if __name__ == "__main__":
    flags.mark_flags_as_required(["source_dir", "output"])
    cli.run(main)
