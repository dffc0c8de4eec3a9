"""Measures recipes on the public split of the photographs, beside published figures.

    python -m tools.studies.published --flagfile=configs/study_published.cfg

trains each recipe (tools/recipes.py) for each seed on the public training part, tests it on the
public test part, and evaluates it on the public validation part, of which nearly every sender is
also in training. Writes into --output, after each run: published.csv (a row per run), published.md
(means over seeds, and per sender of the test), published_mistakes.csv and, per recipe,
published_mistakes_RECIPE.png: the test pictures that most seeds get wrong, to be looked at. The
same command resumes a study that was stopped.

--split_file has a row path,part,class for each picture: the path in --source_dir, train,
validation or test, and the class of alexeygrigorev/clothing-dataset-small (CC0). That repository
has a folder per part, in it a folder per class; the file names are those of the column `file` in
the pictures.csv of tools.lay_out_clothing, which gives the paths.
"""
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from fashionclf import cli
from tools.studies import programs, tables

if TYPE_CHECKING:  # --help stays quick
    import pandas as pd

    from tools.recipes import Recipe

FLAGS = flags.FLAGS

# Data
cli.path_flag("source_dir", None, "Folder of the photographs, from which the paths start.")
cli.path_flag("split_file", None, "CSV with path,part,class.")
flags.DEFINE_string("group_pattern", r"Sender_(\d+)_", "Regular expression that names the sender "
                    "of a picture by its path.")
flags.DEFINE_float("validation_fraction", 0.0, "Share of the training part that chooses the best "
                   "epoch, by sender; 0 keeps the last epoch.", lower_bound=0.0, upper_bound=0.5)
# Training
cli.packaged_flag("recipes", "configs/recipes_frontier.txt", "Recipes, see tools/recipes.py.")
flags.DEFINE_list("only", [], "Names of the recipes to measure (default: all).")
cli.path_flag("weights", "imagenet", "Initial weights of the trunk, see train.")
flags.DEFINE_integer("seeds", 3, "Number of random seeds, counted from 0.", lower_bound=1)
# Output
cli.path_flag("output", None, "Folder for records, runs and results; the cache in it may be "
              "removed at any time.")

LEAKY = "accuracy on the public validation part"
# On the 372 test pictures, trained on all 3,068 public training pictures: accuracy, macro F1.
PUBLISHED = {"ResNet-50, as published": (0.884, 0.857),
             "MobileNetV3-small, as published": (0.852, 0.821)}


def main(_: list[str]) -> None:
    from tools import recipes
    from tools.studies import public_split

    output, pictures = Path(FLAGS.output), public_split.read(
        Path(FLAGS.source_dir), Path(FLAGS.split_file), FLAGS.group_pattern)
    chosen = recipes.read(Path(FLAGS.recipes), FLAGS.only or None)
    records = programs.build(public_split.to_train(pictures, FLAGS.validation_fraction), output,
                             "public")
    leaky = programs.build(public_split.with_validation_as_test(pictures), output,
                           "public_validation")

    rows, wrong = [], {recipe.name: [] for recipe in chosen}
    for seed in range(FLAGS.seeds):
        for recipe in chosen:
            row, predictions = trained(recipe, records, leaky, seed=seed)
            rows.append(row)
            wrong[recipe.name].append(predictions)
            write(rows, wrong, public_split.shared(pictures))


def trained(recipe: "Recipe", records: Path, leaky: Path, *,
            seed: int) -> "tuple[dict, pd.DataFrame]":
    """Trains and evaluates, unless that is done.

    Returns:
        The row of this run, and its predictions on test: path, true, predicted, probability.
    """
    from tools import recipes

    run = Path(FLAGS.output) / f"run_{recipe.name}_{seed}"
    scores = programs.follow(recipe, recipes.Places(
        records=records, run=run, weights=FLAGS.weights, cache=Path(FLAGS.output) / "cache",
        seed=seed))
    validation = programs.scores(programs.evaluate(run, leaky, "test"))

    predictions = programs.predictions(run / "report", "path", "probability")
    right = predictions["true"] == predictions["predicted"]
    sender = predictions["path"].str.extract(FLAGS.group_pattern)[0]
    by_sender = right.groupby(sender, sort=True).agg(["mean", "size"])
    return {"recipe": recipe.name, "seed": seed, "test pictures": scores["n"],
            "accuracy": scores["top1"], "macro F1": scores["macro_f1"], LEAKY: validation["top1"],
            **{f"sender {name} ({row['size']:.0f})": row["mean"]
               for name, row in by_sender.iterrows()}}, predictions


def write(rows: list[dict], predictions: "dict[str, list[pd.DataFrame]]", shared: str) -> None:
    """Writes published.csv and .md, and the mistakes, of the runs so far."""
    import pandas as pd

    from fashionclf.system import tables as safe_tables
    from tools.studies import mistakes

    output, measured = Path(FLAGS.output), pd.DataFrame(rows)
    table = tables.over_seeds(measured, "recipe", list(measured.columns[3:]))
    published = pd.DataFrame([{"recipe": name, "accuracy": accuracy, "macro F1": macro_f1}
                              for name, (accuracy, macro_f1) in PUBLISHED.items()])
    table = pd.concat([table.astype(object), published.astype(object)]).fillna("")
    tables.write(output, "published", measured, f"{tables.markdown(table)}\n\n{shared}")

    found = pd.concat([mistakes.of_most_seeds(runs).assign(recipe=name)
                       for name, runs in predictions.items() if runs], ignore_index=True)
    safe_tables.write(found, output / "published_mistakes.csv")
    for name, wrong in found.groupby("recipe"):
        mistakes.sheet(wrong, Path(FLAGS.source_dir), name).savefig(
            output / f"published_mistakes_{name}.png")


if __name__ == "__main__":
    flags.mark_flags_as_required(["source_dir", "split_file", "output"])
    cli.run(main)
