"""Measures how much a split at random flatters accuracy against one that keeps groups together.

    python -m tools.studies.leakage --source_dir=data/clothing_cc0 --work=data/leakage \\
        --group_pattern='Sender_(\\d+)_' --weights=data/efficientnetb0_standin.weights.h5

builds records by --split=stratified and by --split=grouped, trains the same recipe on each (head,
then the top two blocks, 160 pixels), for each of --seeds seeds of split and training alike, and
prints a Markdown table. Killed, it goes on where it was when the same command is run again. Three
seeds of 4,097 pictures take about half an hour on two CPU cores.
"""
import json
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from fashionclf import cli

if TYPE_CHECKING:  # --help stays quick
    import pandas as pd

FLAGS = flags.FLAGS

flags.DEFINE_string("source_dir", None, "DeepFashion-shaped tree, see build_tfrecords.")
flags.DEFINE_string("group_pattern", None, "What is kept together by --split=grouped, see "
                    "build_tfrecords; default: the items.")
flags.DEFINE_string("weights", "imagenet", "Where the trunk starts, see train.")
flags.DEFINE_string("work", None, "Folder for records and runs.")
flags.DEFINE_integer("seeds", 3, "How many seeds.", lower_bound=2)

SPLITS = ("stratified", "grouped")
RECIPE = ["--image_size=160", "--head_epochs=3", "--head_learning_rate=3e-3",
          "--fine_tune_epochs=3", "--warmup_steps=50", "--label_smoothing=0.1",
          "--checkpoint_every_steps=50"]


def main(_: list[str]) -> None:
    import pandas as pd

    rows = [measured(split, seed) for seed in range(FLAGS.seeds) for split in SPLITS]
    print(table(pd.DataFrame(rows)))


def measured(split: str, seed: int) -> dict:
    """Builds and trains where that isn't done yet; gives the numbers of the test split."""
    from tools.studies.programs import scores, start

    records = Path(FLAGS.work) / f"records_{split}_{seed}"
    run = Path(FLAGS.work) / f"run_{split}_{seed}"
    if not records.exists():
        pattern = [f"--group_pattern={FLAGS.group_pattern}"] * bool(FLAGS.group_pattern)
        start("fashionclf.build_tfrecords", f"--source_dir={FLAGS.source_dir}",
              f"--split={split}", f"--seed={seed}", f"--records={records}", *pattern)
    start("fashionclf.train", f"--records={records}", f"--run={run}", f"--seed={seed}",
          f"--weights={FLAGS.weights}", *RECIPE)
    found = scores(run / "report")
    overlap = json.loads((records / "manifest.json").read_text())["overlap"]
    return {"split": split, "seed": seed, "accuracy": found["top1"],
            "macro F1": found["macro_f1"], "test pictures": found["n"],
            "of items in train": overlap["share of test pictures whose item is in train"]}


def table(rows: "pd.DataFrame") -> str:
    """A line a seed and split, then by how much the first of SPLITS is above the second."""
    from tools.studies import tables

    lines = [tables.markdown(rows)]
    for name in ("accuracy", "macro F1"):
        by_seed = rows.pivot(index="seed", columns="split", values=name)
        gain = by_seed[SPLITS[0]] - by_seed[SPLITS[1]]
        lines.append(f"\n{name}: {SPLITS[0]} {by_seed[SPLITS[0]].mean():.3f}, {SPLITS[1]} "
                     f"{by_seed[SPLITS[1]].mean():.3f}; flattered by {gain.mean():.3f} "
                     f"(standard error {gain.sem():.3f} over {len(gain)} seeds)")
    return "\n".join(lines)


if __name__ == "__main__":
    flags.mark_flags_as_required(["source_dir", "work"])
    cli.run(main)
