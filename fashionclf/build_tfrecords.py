"""Writes sharded TFRecords from a DeepFashion tree, a folder per class, or a CSV file.

    python -m fashionclf.build_tfrecords --flagfile=configs/records_deepfashion_top20.cfg

    python -m fashionclf.build_tfrecords --source=folder --source_dir=PICTURES --records=DIR

Every picture is first opened with the decoder that training uses. Pictures that cannot be used are
listed in DIR/quarantine.csv, near-duplicates in DIR/near_duplicates.csv. The work is done on all
cores (--workers) or on the machines of an Apache Beam runner (--runner=beam); the records are the
same bytes. Two CPU cores open and write about 2,300 pictures of 300 pixels a second.

tfds.builder_from_directory(DIR) opens the result anywhere; DIR/manifest.json describes it.

--corrections applies what a person decided on a label page (predict --page=labels.html).

--dry_run shows classes and split from the lists alone and needs no pictures. --verify builds
nothing and checks whether DIR is still what was built.
"""
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from fashionclf import cli, picture_flags
from fashionclf.records import manifests
from fashionclf.system import extras, files, missing_files

if TYPE_CHECKING:  # --help stays quick
    import pandas

    from fashionclf.sources.categories import Labelled
    from fashionclf.sources.corrections import Corrections
    from fashionclf.sources.readers import Source

FLAGS = flags.FLAGS

# Source
flags.DEFINE_enum("source", "deepfashion", ["deepfashion", "folder", "csv", "unlabelled"],
                  "Layout of the pictures: the benchmark's tree, a folder per class, the rows of "
                  "--csv_file, or pictures without classes in any folders, for train --unlabelled.")
cli.path_flag("source_dir", None, "Folder of the pictures (for csv: the folder that the "
              "paths start from).")
picture_flags.define_reading()
flags.DEFINE_string("category_column", "category", "CSV column with the category.")
flags.DEFINE_string("item_column", None, "CSV column with the garment (default: the picture's "
                    "folder where folders look like a garment's, else each picture is its own).")
flags.DEFINE_list("bbox_columns", None, "CSV columns with x1,y1,x2,y2 of the bounding box, in "
                  "pixels, 1-based, inclusive.")
flags.DEFINE_string("partition_column", None, "CSV column with train, val or test.")
# Classes
flags.DEFINE_enum("label_from", "annotation", ["annotation", "name", "keyword"],
                  "Where the category comes from: the source's annotation, the text after the last "
                  "underscore of the item's folder, or the first category word in it.")
cli.paths_flag("corrections", None, "CSV files of decisions, as the label page saves them. They "
               "replace the category of a picture, before --category_map; drop it; or make "
               "pictures one item.")
cli.paths_flag("category_map", None, "CSV files from,to that rename, merge or drop categories "
               "(an empty `to` drops). Several files are applied in order.")
flags.DEFINE_integer("top_k", None, "Keep the k categories with the most pictures.", lower_bound=2)
cli.packaged_flag("classes", None, "Text file with the classes to keep, one a line, in the order "
                  "of the labels.")
flags.DEFINE_integer("max_per_class", None, "Largest number of pictures per class, drawn evenly "
                     "over its items.", lower_bound=1)
# Split
flags.DEFINE_enum("split", None, ["grouped", "stratified", "official"],
                  "grouped: an item, and items that share near-duplicates, stay in one split; "
                  "stratified: pictures are drawn at random within each class; official: the "
                  "source's own partition, and pictures without a part are dropped. Default: "
                  "official with --partition_column and where folders are named train, val, test; "
                  "else grouped.")
flags.DEFINE_float("test_fraction", 0.2, "Share of all pictures for the test split.",
                   lower_bound=0.0, upper_bound=0.9)
flags.DEFINE_float("validation_fraction", 0.1, "Share of all pictures for the validation split.",
                   lower_bound=0.0, upper_bound=0.9)
flags.DEFINE_string("group_pattern", None,
                    "Regular expression searched in each path: pictures with the same match (of "
                    "its group, if it has one) are one item, instead of those in one folder.")
flags.DEFINE_integer(
    "near_duplicate_bits", 32, "Two pictures are near-duplicates if their perceptual hashes of 256 "
    "bits differ in at most this many: copies in another size, quality or colour, or cropped by 1 "
    "or 2 %. Above 0, every picture is compared with every other: ten times the pictures take a "
    "hundred times as long.", lower_bound=0, upper_bound=96)
cli.path_flag("duplicates", None, "CSV with group,path as fashionclf duplicates writes it: with "
              "--split=grouped, items that share a group stay in one split.")
flags.DEFINE_alias("look_alike_bits", "near_duplicate_bits")  # its name in older flag files
flags.DEFINE_integer("seed", 0, "Random seed of --split and --max_per_class.")
# Output
cli.path_flag("records", None, "Folder to create; an existing one is never overwritten.")
flags.DEFINE_boolean("dry_run", False, "Only print classes and split; open and write nothing.")
flags.DEFINE_boolean("verify", False, "Only check finished --records, every shard, record and "
                     "picture, and name what is damaged.")
# Work
flags.DEFINE_enum("runner", "local", ["local", "beam"],
                  "Where pictures are opened and shards written: in processes on this machine, or "
                  "on Apache Beam (needs the extra beam). The records are the same.")
flags.DEFINE_integer("workers", None, "With --runner=local: number of processes (default: one per "
                     "core).", lower_bound=1)
flags.DEFINE_list("beam_options", ["--runner=FnApiRunner", "--direct_num_workers=0",
                                   "--direct_running_mode=multi_processing"],
                  "With --runner=beam: Beam's pipeline options, separated by commas (default: a "
                  "process per core of this machine). Every worker needs this package, and "
                  "--source_dir and --records under the same absolute paths.")

JOINING = {"near_duplicate_group": "near-duplicates", "duplicate_group": "--duplicates"}  # columns


def main(_: list[str]) -> int:
    checked()
    if FLAGS.verify:
        return verify()
    source, labelled, decisions = read()
    if FLAGS.dry_run:
        split(labelled.table, labelled.classes)
    else:
        build(source, labelled, decisions)
    return 0


def checked() -> None:
    """Checks what can be checked without reading a list or a picture."""
    if FLAGS.verify:
        manifests.read(FLAGS.records)
        return
    if not FLAGS.dry_run:
        files.refuse_existing(Path(FLAGS.records))
    cli.require_folder(FLAGS.source_dir, "point --source_dir to the folder that holds "
                       + {"deepfashion": "DeepFashion's img/ and Anno_coarse/",
                          "folder": "a folder per class", "unlabelled": "the pictures",
                          "csv": "the pictures, from which the CSV's paths start"}[FLAGS.source])
    cli.require_file(FLAGS.csv_file, "--csv_file names a CSV with a header")
    cli.require_file(FLAGS.classes, "--classes names a text file, a class a line")
    for file in FLAGS.category_map or ():
        cli.require_file(file, "--category_map names a CSV with from,to")
    for file in FLAGS.corrections or ():
        cli.require_file(file, "--corrections names a CSV that the label page saved")
    cli.require_file(FLAGS.duplicates, "--duplicates names a CSV with group,path")
    if FLAGS.runner == "beam":
        extras.require("beam", ["apache_beam"], purpose="--runner=beam")


def verify() -> int:
    """Prints what is wrong with --records; the exit code is 1 where anything is."""
    with cli.loading():
        from fashionclf.records import verification

    count = 0
    for count, problem in enumerate(verification.problems(FLAGS.records), start=1):
        print(problem)
    print(f"{FLAGS.records}: " + (f"{count:,} problems" if count else "as it was built"))
    return int(count > 0)


def read() -> "tuple[Source, Labelled, Corrections | None]":
    """The rows of the source, those of them that have a class, and a person's decisions.

    Prints what was found.
    """
    import pandas

    from fashionclf.sources import categories, corrections, leakage, readers, shop_csv, splits

    if FLAGS.source == "deepfashion":
        source = readers.read_deepfashion(FLAGS.source_dir)
    elif FLAGS.source == "folder":
        source = readers.read_folder(FLAGS.source_dir, follow_links=FLAGS.follow_links)
    elif FLAGS.source == "unlabelled":
        source = readers.read_unlabelled(FLAGS.source_dir, follow_links=FLAGS.follow_links)
    else:
        columns = {name: FLAGS[name].value for name in (
            "category_column", "item_column", "bbox_columns", "partition_column")}
        source = shop_csv.read(FLAGS.csv_file, picture_flags.csv_form(),
                               images_root=FLAGS.source_dir, **columns)
    print(*source.notes, f"rows read: {source.rows_read:,}", sep="\n")
    choose_split(source)
    paths = source.table["path"]
    decisions = corrections.read(FLAGS.corrections, paths) if FLAGS.corrections else None
    if decisions:
        print("corrections: " + ", ".join(f"{count:,} {name}"
                                          for name, count in decisions.counts.items()))

    labelled = categories.assign(
        source.table, label_from=FLAGS.label_from, category_map=FLAGS.category_map or (),
        top_k=FLAGS.top_k, classes=FLAGS.classes, max_per_class=FLAGS.max_per_class,
        official=FLAGS.split == "official", seed=FLAGS.seed,
        corrected=decisions and decisions.classes)
    if len(labelled.classes) < 2 and FLAGS.source != "unlabelled":
        raise ValueError(f"all rows are of one class, {labelled.classes[0]!r}, and a model needs "
                         "two; check --category_column, --classes and --category_map")
    labelled = dataclasses.replace(labelled, dropped=pandas.concat(
        [labelled.dropped, source.dropped]).fillna({"line": ""}))
    print(categories.counts_text("dropped", labelled.dropped["reason"]))
    for note in labelled.notes:
        print(note)

    # What shows one garment, by the paths and then by a person
    table = labelled.table
    if FLAGS.group_pattern:
        table = table.assign(item=splits.items_by_pattern(table["path"], FLAGS.group_pattern))
    if decisions:
        table = table.assign(item=leakage.joined_items(table["item"], decisions.groups))
    if FLAGS.duplicates:
        table = table.assign(duplicate_group=corrections.read_duplicates(FLAGS.duplicates, paths))
    return source, dataclasses.replace(labelled, table=table), decisions


def choose_split(source: "Source") -> None:
    """Sets --split where it isn't given, and prints why."""
    if FLAGS.split is None:
        parts = FLAGS.source != "deepfashion" and source.table["partition"].notna().any()
        FLAGS.split = "official" if parts else "grouped"
        if parts:
            print("split: official, as the source has parts of its own; --split=grouped or "
                  "--split=stratified draws a new one")


def split(table: "pandas.DataFrame", classes: list[str]) -> "tuple[pandas.DataFrame, dict]":
    """`table` with the column `split`, and what the manifest tells about it; prints it."""
    from fashionclf.sources import leakage, splits

    # Items that share near-duplicates go to the same side.
    items = table["item"]
    if FLAGS.split == "grouped":
        for column, how in JOINING.items():
            if column in table:
                count = items.nunique()
                items = leakage.joined_items(items, table[column].dropna())
                print(f"items: {count:,}, {count - items.nunique():,} joined to others by {how}")

    how = {"test_fraction": FLAGS.test_fraction, "seed": FLAGS.seed,
           "validation_fraction": FLAGS.validation_fraction}
    drawn = splits.split(table.assign(item=items), method=FLAGS.split, **how)
    table = table.assign(split=drawn)

    # For comparison: what a draw of single pictures would have leaked.
    at_random = splits.split(table, method="stratified", **how)
    wanted = splits.asked(FLAGS.split, test_fraction=FLAGS.test_fraction,
                          validation_fraction=FLAGS.validation_fraction)
    facts = leakage.facts(table, at_random, classes, wanted)
    print(f"\nsplit: {FLAGS.split}\n{leakage.as_text(facts)}")
    for note in splits.check(table.assign(item=items), wanted):
        print(note)
    return table, facts


def build(source: "Source", labelled: "Labelled", decisions: "Corrections | None") -> None:
    """Opens the labelled pictures, splits those that can be used, writes --records."""
    if FLAGS.source not in ("folder", "unlabelled"):  # whose pictures were found, not listed
        for note in missing_files.check(labelled.table["path"].tolist(), root=source.images_root,
                                        file=FLAGS.csv_file or FLAGS.source_dir):
            print(note)
    if decisions:
        from fashionclf.sources import corrections

        corrections.refuse_changed(decisions, source.images_root)
    with cli.loading():
        from fashionclf.evaluation import figures
        from fashionclf.pictures import headers
        from fashionclf.records import audit, known_pictures, shards
        from fashionclf.sources import leakage
        from fashionclf.system import beam, tables, workers

    with files.staging(Path(FLAGS.records)) as folder:
        run = (beam.runner(FLAGS.beam_options, folder) if FLAGS.runner == "beam" else
               workers.processes(FLAGS.workers, preload=["fashionclf.records.preload"]))
        table, quarantined = audit.usable(labelled, source.images_root, run=run,
                                          follow_links=FLAGS.follow_links)
        table = audit.with_near_duplicate_groups(table, FLAGS.near_duplicate_bits)
        table, facts = split(table, labelled.classes)
        examples = shards.write(table, folder, images_root=source.images_root,
                                classes=labelled.classes, run=run)
        written = sum(examples.values())
        print("\n" + manifests.account(source.rows_read, written, len(quarantined),
                                       len(labelled.dropped)))

        # What did not go in as it was, picture by picture
        repaired = table[table["repair"].notna()]
        reencoded = table[~table["kind"].isin(headers.FORMATS)]
        tables.write(quarantined[["path", "item", "category", "reason"]], folder / "quarantine.csv")
        tables.write(repaired[["path", "item", "category", "repair"]], folder / "repaired.csv")
        tables.write(reencoded[["path", "item", "category", "kind"]], folder / "reencoded.csv")
        tables.write(labelled.dropped, folder / "dropped.csv")
        tables.write(leakage.near_duplicate_rows(table, labelled.classes),
                     folder / "near_duplicates.csv")
        if decisions:
            tables.write(decisions.table, folder / "corrections.csv")
        figures.class_distribution(facts["counts"]).savefig(folder / "class_distribution.png")

        # Last: a folder of records is finished once the manifest exists.
        manifests.write(
            folder, classes=labelled.classes, examples=examples, **facts,
            rows_read=source.rows_read, written=written, quarantined=len(quarantined),
            repaired=len(repaired), reencoded=len(reencoded), plain=bool(table["plain"].all()),
            dropped=labelled.dropped["reason"].value_counts().to_dict(),
            **asked_for(table, decisions), flags=cli.own_flags(),
            hashes_sha256=known_pictures.write(table, folder))
    print(f"\n{FLAGS.records}: {written:,} records in "
          + ", ".join(f"{name} {count:,}" for name, count in examples.items()))


def asked_for(table: "pandas.DataFrame", decisions: "Corrections | None") -> dict:
    """What the manifest tells about --corrections and --duplicates, if they are given."""
    facts = {"corrections": decisions.counts} if decisions else {}
    if FLAGS.duplicates:
        groups = table["duplicate_group"].value_counts()
        facts["duplicates"] = {"groups": int((groups > 1).sum()),
                               "pictures": int(groups[groups > 1].sum())}
    return facts


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
        "--test_fraction and --validation_fraction add up to 1 or more: nothing is left for train")
    cli.run(main)
