"""The flags of build_tfrecords, and which of them go together."""
from absl import flags

from fashionclf import cli, picture_flags

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
                     "core; one for at most 10,000 pictures and 100 MB, because starting more "
                     "would take longer).", lower_bound=1)
flags.DEFINE_list("beam_options", ["--runner=FnApiRunner", "--direct_num_workers=0",
                                   "--direct_running_mode=multi_processing"],
                  "With --runner=beam: Beam's pipeline options, separated by commas (default: a "
                  "process per core of this machine). Every worker needs this package, and "
                  "--source_dir and --records under the same absolute paths.")


def check() -> None:
    """Refuses flags that are wrong, or wrong together, before the program starts."""
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
