"""Writes sharded TFRecords from a DeepFashion tree, a folder per class, or a CSV file.

    python -m fashionclf.build_tfrecords --flagfile=configs/records_deepfashion_top20.cfg

    python -m fashionclf.build_tfrecords --source=folder --source_dir=PICTURES --records=DIR

Every picture is opened first with the decoder that trains; what can't be used
is listed in DIR/quarantine.csv. Two CPU cores open about 1,000 pictures of
300 pixels a second and write 2,000. The result opens anywhere with
tfds.builder_from_directory(DIR); DIR/manifest.json says what is in it.
--dry_run shows classes and split from the lists alone: no picture is needed.
--verify builds nothing and tells whether DIR is still what was built.
"""
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from fashionclf import cli

if TYPE_CHECKING:  # --help stays quick
    import pandas

    from fashionclf.catalogue import Catalogue
    from fashionclf.categories import Labelled

FLAGS = flags.FLAGS

# Source
flags.DEFINE_enum("source", "deepfashion", ["deepfashion", "folder", "csv"],
                  "How the pictures are laid out: the benchmark's tree, a folder per class, "
                  "or rows of --csv_file.")
flags.DEFINE_string("source_dir", None, "Folder that holds the pictures (for csv: the folder "
                                        "its paths start from).")
flags.DEFINE_string("csv_file", None, "CSV file with a header and a row per picture.")
flags.DEFINE_string("path_column", "path", "CSV column: the picture's path.")
flags.DEFINE_string("category_column", "category", "CSV column: its category.")
flags.DEFINE_string("item_column", None, "CSV column: the garment it shows (default: "
                                         "the picture's folder).")
flags.DEFINE_list("bbox_columns", None, "CSV columns x1,y1,x2,y2: box in pixels, 1-based, "
                                        "inclusive.")
flags.DEFINE_string("partition_column", None, "CSV column: train, val or test.")
# Classes
flags.DEFINE_enum("label_from", "annotation", ["annotation", "name", "keyword"],
                  "What gives the category: the source's annotation, the text after the last "
                  "underscore of the item's folder, or category words anywhere in it.")
flags.DEFINE_string("category_map", None, "CSV file that renames, merges and drops categories.")
flags.DEFINE_integer("top_k", None, "Keep the k categories with most pictures.", lower_bound=2)
flags.DEFINE_string("classes", None, "Text file: the classes to keep, one a line, in this order.")
flags.DEFINE_integer("max_per_class", None, "Pictures per class at most, drawn evenly over items.",
                     lower_bound=1)
# Split
flags.DEFINE_enum("split", "grouped", ["grouped", "stratified", "official"],
                  "grouped: no item on two sides; stratified: pictures at random within each "
                  "class; official: the source's own partition.")
flags.DEFINE_float("test_fraction", 0.2, "Share of all pictures for test.",
                   lower_bound=0.0, upper_bound=0.9)
flags.DEFINE_float("validation_fraction", 0.1, "Share of all pictures for validation.",
                   lower_bound=0.0, upper_bound=0.9)
flags.DEFINE_string("group_pattern", None,
                    "Regular expression searched in the path: pictures with equal matches (of its "
                    "group, if it has one) are one item, instead of those of one folder.")
flags.DEFINE_integer("seed", 0, "Seed of the draw for --split and --max_per_class.")
# Output
flags.DEFINE_string("records", None, "Folder to create; an existing one is never overwritten.")
flags.DEFINE_boolean("dry_run", False, "Only print classes and split: opens and writes nothing.")
flags.DEFINE_boolean("verify", False, "Only check finished --records: every shard, record and "
                     "picture; names what is damaged.")
flags.DEFINE_integer("workers", None, "Threads that open pictures (default: one per core).",
                     lower_bound=1)


def main(_: list[str]) -> int:
    if FLAGS.verify:
        return verify()
    if not FLAGS.dry_run:
        from fashionclf import records

        records.refuse_existing(Path(FLAGS.records))
    catalogue = read_source()
    labelled = label(catalogue)
    if FLAGS.dry_run:
        describe_split(split_rows(labelled.table), labelled.classes)
    else:
        build(catalogue, labelled)
    return 0


def verify() -> int:
    """Prints what is wrong with --records; the exit code is 1 where anything is."""
    from fashionclf import verification

    found = 0
    for problem in verification.problems(FLAGS.records):
        found += 1
        print(problem)
    print(f"{FLAGS.records}: " + (f"{found:,} problems" if found else "as it was built"))
    return int(found > 0)


def build(catalogue: "Catalogue", labelled: "Labelled") -> None:
    """Opens the labelled pictures, splits those that can be used, writes --records."""
    from fashionclf import csv_files, figures, records

    table, quarantined = open_pictures(labelled, catalogue.images_root)
    table = split_rows(table)
    facts = describe_split(table, labelled.classes, table["digest"])
    with records.staging(Path(FLAGS.records)) as folder:
        examples = records.write(table, folder, images_root=catalogue.images_root,
                                 classes=labelled.classes)
        written = sum(examples.values())
        reconcile(len(catalogue.table), written, len(quarantined), len(labelled.dropped))
        csv_files.write(quarantined[["path", "item", "category", "reason"]],
                        folder / "quarantine.csv")
        csv_files.write(labelled.dropped, folder / "dropped.csv")
        figures.class_distribution(facts["counts"]).savefig(folder / "class_distribution.png")
        records.write_manifest(
            folder, classes=labelled.classes, examples=examples, **facts,
            rows_read=len(catalogue.table), written=written, quarantined=len(quarantined),
            dropped=labelled.dropped["reason"].value_counts().to_dict(),
            flags=cli.own_flags())
    print(f"\n{FLAGS.records}: {written:,} records in "
          + ", ".join(f"{name} {count:,}" for name, count in examples.items()))


def read_source() -> "Catalogue":
    """The catalogue that --source names; prints what was found."""
    from fashionclf import catalogue

    if FLAGS.source == "deepfashion":
        found = catalogue.read_deepfashion(FLAGS.source_dir)
    elif FLAGS.source == "folder":
        found = catalogue.read_folder(FLAGS.source_dir)
    else:
        found = catalogue.read_csv(
            FLAGS.csv_file, images_root=FLAGS.source_dir, path_column=FLAGS.path_column,
            category_column=FLAGS.category_column, item_column=FLAGS.item_column,
            bbox_columns=FLAGS.bbox_columns, partition_column=FLAGS.partition_column)
    for note in found.notes:
        print(note)
    print(f"rows read: {len(found.table):,}")
    return found


def label(catalogue: "Catalogue") -> "Labelled":
    """The labelled table; prints what was dropped and why."""
    from fashionclf import categories, splits

    labelled = categories.assign(
        catalogue.table, label_from=FLAGS.label_from, category_map=FLAGS.category_map,
        top_k=FLAGS.top_k, classes=FLAGS.classes, max_per_class=FLAGS.max_per_class,
        seed=FLAGS.seed)
    print(f"dropped: {len(labelled.dropped):,}")
    for reason, count in labelled.dropped["reason"].value_counts().items():
        print(f"  {count:8,}  {reason}")
    if FLAGS.group_pattern:
        labelled.table["item"] = splits.items_by_pattern(labelled.table["path"],
                                                         FLAGS.group_pattern)
    return labelled


def open_pictures(labelled: "Labelled",
                  images_root: Path) -> tuple["pandas.DataFrame", "pandas.DataFrame"]:
    """The rows whose picture can be used, with `digest`, and the others, with `reason`.

    Raises:
        ValueError: a class has no picture left.
    """
    from fashionclf import audit

    table = labelled.table.join(
        audit.pictures(labelled.table, images_root, workers=FLAGS.workers))
    usable, quarantined = table[table["reason"].isna()], table[table["reason"].notna()]
    print(f"\nquarantined: {len(quarantined):,}")
    for reason, count in quarantined["reason"].value_counts().items():
        print(f"  {count:8,}  {reason}")
    empty = sorted(set(range(len(labelled.classes))) - set(usable["label"]))
    if empty:
        first = table[table["label"] == empty[0]].iloc[0]
        raise ValueError(
            f"no picture of class {labelled.classes[empty[0]]!r} (and {len(empty) - 1} other "
            f"classes) can be used, the first, {images_root / first['path']}, because: "
            f"{first['reason']}. Are the pictures there? --dry_run needs none")
    return usable, quarantined


def split_rows(table: "pandas.DataFrame") -> "pandas.DataFrame":
    """`table` with the column `split`."""
    from fashionclf import splits

    return table.assign(split=splits.split(
        table, method=FLAGS.split, test_fraction=FLAGS.test_fraction,
        validation_fraction=FLAGS.validation_fraction, seed=FLAGS.seed))


def describe_split(table: "pandas.DataFrame", classes: list[str],
                   digests: "pandas.Series | None" = None) -> dict:
    """Prints the split; gives the manifest's counts, overlap and split_deviation."""
    import pandas as pd

    from fashionclf import splits

    counts = (pd.crosstab(table["label"], table["split"])
              .reindex(index=range(len(classes)), columns=splits.SPLITS, fill_value=0)
              .set_axis(classes))
    print(f"\n{counts.assign(total=counts.sum(axis=1)).to_string()}")
    deviation = float(splits.max_deviation(table))
    overlap = splits.overlap(table, digests)
    print(f"\nsplit: {FLAGS.split}, at most {deviation:.1%} of a class off the wanted share")
    for name, value in overlap.items():
        print(f"  overlap {name}: {value}")
    return {"counts": counts.to_dict(), "overlap": overlap, "split_deviation": deviation}


def reconcile(rows_read: int, written: int, quarantined: int, dropped: int) -> None:
    """Prints the sum that accounts for every row; raises RuntimeError where it does not."""
    line = (f"rows read {rows_read:,} = written {written:,} + quarantined {quarantined:,} "
            f"+ dropped {dropped:,}")
    if rows_read != written + quarantined + dropped:
        raise RuntimeError(f"rows were lost or doubled: not {line}")
    print(f"\n{line}")


if __name__ == "__main__":
    flags.register_multi_flags_validator(
        ["source_dir", "verify"], lambda given: given["source_dir"] or given["verify"],
        "name the folder of the pictures with --source_dir=DIR")
    flags.register_multi_flags_validator(
        ["records", "dry_run"], lambda given: given["records"] or given["dry_run"],
        "name the folder to create with --records=DIR, or only look with --dry_run")
    flags.register_multi_flags_validator(
        ["source", "csv_file"], lambda given: (given["source"] == "csv") == bool(given["csv_file"]),
        "--source=csv needs --csv_file=FILE, and no other source takes one")
    flags.register_multi_flags_validator(
        ["test_fraction", "validation_fraction"],
        lambda given: given["test_fraction"] + given["validation_fraction"] < 1,
        "--test_fraction and --validation_fraction leave nothing for train")
    cli.run(main)
