"""Measures by how much a random split overestimates accuracy, beside a split that keeps groups.

    python -m tools.studies.leakage --flagfile=configs/study_leakage.cfg

builds records with --split=grouped and with --split=stratified, trains --recipe on each for every
seed (of split and training alike), and writes leakage.csv (a row per run) and leakage.md (means
over seeds) into --output. The same command resumes a study that was stopped. Three seeds of 4,097
pictures take about half an hour on two CPU cores.
"""
import json
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from fashionclf import cli
from tools.studies import options, programs, tables

if TYPE_CHECKING:  # --help stays quick
    import pandas as pd

FLAGS = flags.FLAGS

flags.adopt_module_key_flags(options)

SPLITS = ("grouped", "stratified")
OVERLAP = "share of test pictures whose item is in train"


def main(_: list[str]) -> None:
    import pandas as pd

    rows = []
    for seed in range(FLAGS.seeds):
        rows += [measured(split, seed) for split in SPLITS]
        table = summary(pd.DataFrame(rows))
        tables.write(Path(FLAGS.output), "leakage", pd.DataFrame(rows), tables.markdown(table))


def measured(split: str, seed: int) -> dict:
    """Builds and trains, unless that is done; returns the row of this run."""
    records = Path(FLAGS.output) / f"records_{split}_{seed}"
    if not records.exists():
        pattern = [f"--group_pattern={FLAGS.group_pattern}"] if FLAGS.group_pattern else []
        programs.start("fashionclf.build_tfrecords", f"--source_dir={FLAGS.source_dir}",
                       f"--records={records}", f"--split={split}", f"--seed={seed}",
                       f"--test_fraction={FLAGS.test_fraction}",
                       f"--validation_fraction={FLAGS.validation_fraction}", *pattern)

    run = Path(FLAGS.output) / f"run_{split}_{seed}"
    scores = programs.train(records, run, f"--flagfile={FLAGS.recipe}", f"--seed={seed}",
                            f"--weights={FLAGS.weights}")

    overlap = json.loads((records / "manifest.json").read_text(encoding="utf-8"))["overlap"]
    return {"split": split, "seed": seed, "test pictures": scores["n"],
            "accuracy": scores["top1"], "macro F1": scores["macro_f1"],
            "of items in train": overlap[OVERLAP]}


def summary(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Returns means over seeds by split, and by how much the random split overestimates."""
    scores = ["accuracy", "macro F1"]
    table = tables.over_seeds(rows, "split", [*scores, "of items in train"])
    for name in scores:
        table[f"{name} overestimated by"] = table["split"].map(tables.gains(rows, "split", name))
    return table


if __name__ == "__main__":
    flags.mark_flags_as_required(["source_dir", "output"])
    cli.run(main)
