"""Finds labels that are probably wrong: of records, of a shop's CSV, or of a folder per class.

    fashionclf check_labels --records=data/mine --output=doubtful.csv
    fashionclf check_labels --csv_file=shop.csv --category_column=category \\
        --output=doubtful.csv --page=doubtful.html
    fashionclf check_labels --output=doubtful.csv PICTURES

Each picture's class is predicted by a linear model on the features of --run, fitted to pictures of
other garments (five folds, by garment and near-duplicates), or by those of --runs that haven't
seen its garment. Confident learning then finds the doubtful labels. A row per picture goes to
--output, the most probable errors first:

    path,class,suggested,probability,probability_of_class,doubtful,evidence,item,digest,error

`probability` is that of the suggested class; `evidence` counts the classes of the ten most similar
pictures of other garments. The summary estimates the share of wrong labels of
each class. Garments of one sender or photo session look alike: name them as one
(--group_pattern, --item_column). If --run was trained on these pictures, it may have learned their
errors, and a warning says so. Two CPU cores describe about 65 pictures a second, once: features are
kept in --cache_dir. The rest takes seconds for thousands of pictures.
"""
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from fashionclf import cli, picture_flags
from fashionclf.deployment import prediction_table
from fashionclf.model import spec as specs
from fashionclf.records import manifests
from fashionclf.system import files

if TYPE_CHECKING:  # --help stays quick
    from fashionclf.curation.doubtful_labels import CheckedLabels
    from fashionclf.curation.labelled_pictures import LabelledPictures
    from fashionclf.sources.categories import Labelled

FLAGS = flags.FLAGS

# Labels, if they are not those of a folder per class
cli.path_flag("records", None, "Folder that build_tfrecords wrote.")
flags.DEFINE_list("splits", ["train", "validation", "test"], "Splits of --records to check; those "
                  "that are empty are left out.")
picture_flags.define_reading()
cli.path_flag("source_dir", None, "Folder that the CSV's paths start from and must stay inside "
              "(default: the CSV's own folder).")
flags.DEFINE_string("category_column", "category", "CSV column with the category.")
flags.DEFINE_string("item_column", None, "CSV column with the garment (default: the picture's "
                    "folder where folders look like a garment's, else each picture is its own).")
flags.DEFINE_string("group_pattern", None, "Regular expression searched in each path: pictures "
                    "with the same match (of its group, if it has one) are one garment.")
cli.paths_flag("category_map", None, "CSV files from,to that rename, merge or drop categories, as "
               "for build_tfrecords.")
flags.DEFINE_integer("top_k", None, "Check the k categories with the most pictures.", lower_bound=2)
cli.packaged_flag("classes", None, "Text file with the classes to check, one a line.")
# Model
cli.define_model_flags(batch_size=False)
cli.paths_flag("runs", None, "Runs trained on parts of these pictures, separated by commas: each "
               "picture is predicted by those that have not seen its garment, instead of by folds.")
cli.define_cache_flag()
# Output
cli.path_flag("output", None, "Table to write, CSV, JSON Lines, Parquet or an Excel workbook by "
              "its suffix.")
flags.DEFINE_boolean("overwrite", False, "Replace an existing --output.")
cli.define_excel_flag()
cli.path_flag("page", None, "HTML page to write, on which a person decides about the doubtful "
              "labels.")
flags.DEFINE_integer("top", 300, "Most pictures on the page.", lower_bound=1, upper_bound=10_000)


def main(words: list[str]) -> int:
    form = check_flags(words)
    with cli.loading():
        from fashionclf.curation import doubtful_labels, labelled_pictures, trained_runs
        from fashionclf.deployment import engines
        from fashionclf.evaluation import lineage  # noqa: F401, loads TensorFlow
        from fashionclf.records.input_pipeline import Records

        models = [engines.load(run, FLAGS.engine) for run in FLAGS.runs or [FLAGS.run]]
    if FLAGS.records:
        records = Records.open(FLAGS.records, models[0].spec.framing)
        splits = [split for split in FLAGS.splits if records.examples.get(split)]
        pictures = labelled_pictures.of_records(records, splits, models, cache_dir=FLAGS.cache_dir)
    else:
        labelled, root = read(words)
        pictures = labelled_pictures.of_files(labelled, root, models, cache_dir=FLAGS.cache_dir,
                                              follow_links=FLAGS.follow_links)

    garments, notes = pictures.garments(), []
    labels, features = pictures.table["label"].to_numpy(), pictures.described[0].features
    if FLAGS.runs:
        probabilities = trained_runs.by_unseen(models, pictures, garments)
        why = ["each of --runs was trained on pictures of its garment"] * len(labels)
    else:
        notes = trained_runs.contamination(models[0], pictures)
        probabilities = doubtful_labels.by_other_folds(features, labels, garments,
                                                       len(pictures.classes))
        why = doubtful_labels.why_too_few(labels, garments, len(pictures.classes))
    checked = doubtful_labels.CheckedLabels(
        classes=pictures.classes, labels=labels, garments=garments, probabilities=probabilities,
        features=features)
    report(pictures, checked, why, notes, form)
    return 1 if len(pictures.unusable) else 0


def check_flags(words: list[str]) -> str | None:
    """Checks what can be checked without reading a list; returns the format of --output."""
    if sum(map(bool, (words, FLAGS.csv_file, FLAGS.records))) != 1 or len(words) > 1:
        raise ValueError("name the labels by --records, by --csv_file, or by a folder that has a "
                         "folder per class, after the flags: one of the three")
    if FLAGS.source_dir and not FLAGS.csv_file:
        raise ValueError("--source_dir goes with --csv_file alone")
    if FLAGS.runs and FLAGS["run"].present:
        raise ValueError("--run describes pictures for folds, --runs take their place: give one of "
                         "them")
    if FLAGS.records:
        manifest = manifests.read(FLAGS.records)
        for name in ("item_column", "group_pattern", "category_map", "top_k", "classes"):
            if FLAGS[name].present:
                raise ValueError(f"--{name} is for labels of files, and --records have theirs: "
                                 "leave it out, or build other records")
        if not any(manifest["examples"].get(split) for split in FLAGS.splits):
            raise ValueError(f"{FLAGS.records}: --splits={','.join(FLAGS.splits)} have no records")

    cli.require_file(FLAGS.csv_file, "--csv_file names a CSV with a header")
    cli.require_folder(FLAGS.source_dir, "--source_dir names the folder that the CSV's paths "
                       "start from")
    for run in FLAGS.runs or [FLAGS.run]:
        specs.read(run)
    for flag in ("output", "page"):
        cli.require_place(flag, FLAGS[flag].value)
        cli.require_other(flag, "csv_file")
        if FLAGS[flag].value and Path(FLAGS[flag].value).exists() and not FLAGS.overwrite:
            raise FileExistsError(f"--{flag}={FLAGS[flag].value} exists: name another file, or "
                                  "replace it with --overwrite")
    cli.require_other("output", "page")
    if words:
        cli.require_folder(words[0], "name one that has a folder per class")
    if FLAGS.page and not FLAGS.page.lower().endswith((".html", ".htm")):
        raise ValueError(f"--page={FLAGS.page}: a page is an .html file: name one")
    return FLAGS.output and prediction_table.format_of(FLAGS.output, None, bom=FLAGS.excel)


def read(words: list[str]) -> "tuple[Labelled, Path]":
    """The rows of the CSV or the folder that have a class, and where paths start; prints notes."""
    import pandas

    from fashionclf.sources import categories, readers, shop_csv, splits
    from fashionclf.system import missing_files

    if FLAGS.csv_file:
        source = shop_csv.read(
            FLAGS.csv_file, picture_flags.csv_form(), category_column=FLAGS.category_column,
            item_column=FLAGS.item_column,
            images_root=FLAGS.source_dir or Path(FLAGS.csv_file).absolute().parent)
    else:
        source = readers.read_folder(words[0], follow_links=FLAGS.follow_links)
    labelled = categories.assign(
        source.table, label_from="annotation", category_map=FLAGS.category_map or (),
        top_k=FLAGS.top_k, classes=FLAGS.classes)
    dropped = pandas.concat([labelled.dropped["reason"], source.dropped["reason"]])
    notes = [*source.notes, *labelled.notes, categories.counts_text("left out", dropped)]
    if FLAGS.csv_file:
        notes += missing_files.check(labelled.table["path"].tolist(), root=source.images_root,
                                     file=FLAGS.csv_file)
    print(*notes, sep="\n", file=sys.stderr)

    table = labelled.table
    if FLAGS.group_pattern:
        table = table.assign(item=splits.items_by_pattern(table["path"], FLAGS.group_pattern))
    return dataclasses.replace(labelled, table=table), source.images_root


def report(pictures: "LabelledPictures", checked: "CheckedLabels", why: list[str],
           notes: list[str], form: str | None) -> None:
    """Writes --output and --page, and prints the summary."""
    from fashionclf.curation import label_report

    summary = label_report.summary(checked, len(pictures.unusable))
    if FLAGS.output:
        with files.replaced(FLAGS.output) as partial:
            prediction_table.write(label_report.table(pictures, checked, why),
                                   label_report.COLUMNS, partial, form, bom=FLAGS.excel)
    if FLAGS.page:
        from fashionclf.curation import page

        cards = list(label_report.cards(pictures, checked, FLAGS.top))
        page.write(FLAGS.page, cards, title="Doubtful labels", classes=pictures.classes,
                   summary=" ".join([summary, f"{len(cards):,} are shown.", *notes]))
    print(*notes, summary, "", label_report.noise_text(checked), sep="\n")


if __name__ == "__main__":
    cli.run(main, positional="FOLDER")
