"""Measures a recipe on a shop's catalogue, split by near-duplicates and by year.

    python -m tools.studies.catalogue --flagfile=configs/study_catalogue.cfg

trains --recipe on the 20 most frequent types of articles. By near-duplicates: a seed draws split
and training. By year, as in a published comparison: even years to train, odd ones to test, the 20
types of that comparison; a seed draws the training alone, and the last epoch is kept. Writes
catalogue.csv (a row per run) and catalogue.md (means over seeds, and the published figures) into
--output. The same command resumes a study that was stopped.
"""
import json
from pathlib import Path

from absl import flags

from fashionclf import cli
from tools.studies import programs, tables

FLAGS = flags.FLAGS

# Data
cli.path_flag("source_dir", None, "Folder of the pictures, from which the paths start.")
cli.path_flag("csv_file", None, "The catalogue's rows, styles.csv.")
flags.DEFINE_string("path_pattern", "images/{id}.jpg", "Path with CSV columns in braces.")
flags.DEFINE_string("category_column", "articleType", "CSV column with the type.")
flags.DEFINE_string("year_column", "year", "CSV column with the year.")
# Training
cli.packaged_flag("recipe", "configs/study_catalogue_recipe.cfg", "Flag file of train for every "
                  "run.")
cli.path_flag("weights", "imagenet", "Initial weights of the trunk, see train.")
flags.DEFINE_integer("seeds", 3, "Number of random seeds, counted from 0.", lower_bound=1)
# Output
cli.path_flag("output", None, "Folder for records, runs and results; the cache in it may be "
              "removed at any time.")

BY_COPIES, BY_YEAR = "near-duplicates", "year: even to train, odd to test"
NEAR = "share of test pictures with a near-duplicate in train"
TYPES = 20
# github.com/uditarora/fashion-product-classification: RESULTS.md, its 20 most frequent types in the
# whole catalogue, a ResNet-50 of which every layer is trained, one task. Not one perfume is of an
# even year.
PUBLISHED_TYPES = [
    "Backpacks", "Belts", "Briefs", "Casual Shoes", "Flip Flops", "Formal Shoes", "Handbags",
    "Heels", "Jeans", "Kurtas", "Perfume and Body Mist", "Sandals", "Shirts", "Socks",
    "Sports Shoes", "Sunglasses", "Tops", "Tshirts", "Wallets", "Watches"]
PUBLISHED = {f"{BY_YEAR}; ResNet-50, whole catalogue, 60 x 80 pixels, as published": 0.8701,
             f"{BY_YEAR}; ResNet-50, whole catalogue, large pictures, as published": 0.8805}


def main(_: list[str]) -> None:
    from tools.studies import years

    cli.require_file(FLAGS.csv_file, "--csv_file names the catalogue's rows")
    output = Path(FLAGS.output)
    output.mkdir(parents=True, exist_ok=True)
    by_year = years.write(
        Path(FLAGS.csv_file), output / "by_year.csv", path_pattern=FLAGS.path_pattern,
        category_column=FLAGS.category_column, year_column=FLAGS.year_column,
        types=PUBLISHED_TYPES)

    rows = []
    for seed in range(FLAGS.seeds):
        copies = build(f"records_copies_{seed}", FLAGS.csv_file, "--split=grouped",
                       f"--seed={seed}")
        year = build("records_year", str(by_year), "--split=official",
                     f"--partition_column={years.PARTITION}")
        rows += [trained(BY_COPIES, copies, f"run_copies_{seed}", seed),
                 trained(BY_YEAR, year, f"run_year_{seed}", seed)]
        write(rows)


def build(name: str, csv_file: str, *flags: str) -> Path:
    """Builds records, unless they exist; returns their folder."""
    records = Path(FLAGS.output) / name
    if not records.exists():
        programs.start("fashionclf.build_tfrecords", "--source=csv", f"--csv_file={csv_file}",
                       f"--source_dir={FLAGS.source_dir}", f"--path_pattern={FLAGS.path_pattern}",
                       f"--category_column={FLAGS.category_column}", "--bad_rows=drop",
                       f"--top_k={TYPES}", f"--records={records}", *flags)
    return records


def trained(split: str, records: Path, name: str, seed: int) -> dict:
    """Trains, unless that is done; returns the row of this run."""
    run = Path(FLAGS.output) / name
    scores = programs.train(records, run, f"--flagfile={FLAGS.recipe}", f"--seed={seed}",
                            f"--weights={FLAGS.weights}",
                            f"--cache_dir={Path(FLAGS.output) / 'cache'}")

    manifest = json.loads((records / "manifest.json").read_text(encoding="utf-8"))
    counts = manifest["counts"]["train"]
    predictions = programs.predictions(run / "report")
    learnt = predictions[predictions["true"].map(counts) > 0]
    return {"split": split, "seed": seed, "training pictures": sum(counts.values()),
            "test pictures": scores["n"], "accuracy": scores["top1"],
            "macro F1": scores["macro_f1"],
            "accuracy on types in train": (learnt["true"] == learnt["predicted"]).mean(),
            "majority baseline": scores["majority_baseline"],
            "near-duplicate in train": manifest["overlap"][NEAR]}


def write(rows: list[dict]) -> None:
    """Writes catalogue.csv and catalogue.md of the runs so far."""
    import pandas as pd

    measured = pd.DataFrame(rows)
    table = tables.over_seeds(measured, "split", list(measured.columns[4:]))
    for column in ("test pictures", "training pictures"):
        counts = measured.groupby("split", sort=False)[column].mean()
        table.insert(2, column, [f"{count:,.0f}" for count in counts])
    published = pd.DataFrame([{"split": name, "accuracy": accuracy}
                              for name, accuracy in PUBLISHED.items()])
    table = pd.concat([table.astype(object), published.astype(object)]).fillna("")
    tables.write(Path(FLAGS.output), "catalogue", measured, tables.markdown(table))


if __name__ == "__main__":
    flags.mark_flags_as_required(["source_dir", "csv_file", "output"])
    cli.run(main)
