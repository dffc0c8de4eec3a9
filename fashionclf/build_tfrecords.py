"""Writes sharded TFRecords from a DeepFashion tree, a folder per class, or a CSV file.

    python -m fashionclf.build_tfrecords --flagfile=configs/records_deepfashion_top20.cfg

    python -m fashionclf.build_tfrecords --source=folder --source_dir=PICTURES --records=DIR

Every picture is first opened with the decoder that training uses. Pictures that cannot be used are
listed in DIR/quarantine.csv, near-duplicates in DIR/near_duplicates.csv. The work is done on all
cores, on one if there is little (--workers), or on the machines of an Apache Beam runner
(--runner=beam); the records are the same bytes. Two CPU cores open and write about 2,300 pictures
of 300 pixels a second.

tfds.builder_from_directory(DIR) opens the result anywhere; DIR/manifest.json describes it.

--corrections applies what a person decided on a label page (predict --page=labels.html).

--dry_run shows classes and split from the lists alone and needs no pictures. --verify builds
nothing and checks whether DIR is still what was built.
"""
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from fashionclf import build_flags, cli, picture_flags
from fashionclf.records import manifests
from fashionclf.system import extras, files, missing_files

if TYPE_CHECKING:  # --help stays quick
    import pandas

    from fashionclf.sources.categories import Labelled
    from fashionclf.sources.corrections import Corrections
    from fashionclf.sources.readers import Source

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(build_flags)

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

    from fashionclf.sources import categories, corrections, leakage, splits

    source = read_source()
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


def read_source() -> "Source":
    """All rows of --source_dir or --csv_file."""
    from fashionclf.sources import readers, shop_csv

    if FLAGS.source == "deepfashion":
        return readers.read_deepfashion(FLAGS.source_dir)
    if FLAGS.source == "folder":
        return readers.read_folder(FLAGS.source_dir, follow_links=FLAGS.follow_links)
    if FLAGS.source == "unlabelled":
        return readers.read_unlabelled(FLAGS.source_dir, follow_links=FLAGS.follow_links)
    columns = {name: FLAGS[name].value for name in (
        "category_column", "item_column", "bbox_columns", "partition_column")}
    return shop_csv.read(FLAGS.csv_file, picture_flags.csv_form(), images_root=FLAGS.source_dir,
                         **columns)


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
        from fashionclf.records import audit, known_pictures, shards
        from fashionclf.system import beam, tables, workers

    with files.staging(Path(FLAGS.records)) as folder:
        run = (beam.runner(FLAGS.beam_options, folder) if FLAGS.runner == "beam" else
               workers.processes(
                   FLAGS.workers or audit.processes(labelled.table["path"], source.images_root),
                   preload=["fashionclf.records.preload"]))
        table, quarantined = audit.usable(labelled, source.images_root, run=run,
                                          follow_links=FLAGS.follow_links)
        table = audit.with_near_duplicate_groups(table, FLAGS.near_duplicate_bits)
        table, facts = split(table, labelled.classes)
        examples = shards.write(table, folder, images_root=source.images_root,
                                classes=labelled.classes, run=run)
        written = sum(examples.values())
        print("\n" + manifests.account(source.rows_read, written, len(quarantined),
                                       len(labelled.dropped)))

        changed = audit.write_lists(folder, table, quarantined, labelled)
        if decisions:
            tables.write(decisions.table, folder / "corrections.csv")
        figures.class_distribution(facts["counts"]).savefig(folder / "class_distribution.png")

        # Last: a folder of records is finished once the manifest exists.
        manifests.write(
            folder, classes=labelled.classes, examples=examples, **facts,
            rows_read=source.rows_read, written=written, quarantined=len(quarantined),
            **changed, plain=bool(table["plain"].all()),
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
    build_flags.check()
    cli.run(main)
