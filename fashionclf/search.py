"""Finds the pictures of a catalogue that look like another.

    python -m fashionclf.search build --run=saved_models/fashion_b0 --index=data/index PICTURES
    python -m fashionclf.search query --run=saved_models/fashion_b0 --index=data/index \\
        --k=8 --sheet=alike.png NEW.jpg > alike.csv

"build" describes each picture by the features that the run's last layer sees, and
writes a folder. It takes files and folders, rows of --csv_file, or --records. Features
that predict has saved need not be computed again:

    python -m fashionclf.predict --run=RUN --csv_file=shop.csv --output=found.csv \\
        --embeddings=found.npy
    python -m fashionclf.search build --run=RUN --csv_file=shop.csv --embeddings=found.npy \\
        --class_column=category --item_column=sku --index=data/index

"query" gives a row for each of the --k nearest pictures, by cosine similarity
(1: the same direction), and draws them with --sheet. The query picture itself is left
out where its file is in the index (not in one of records, which name no files). Needs
pip install 'fashionclf[search]'. Two CPU cores describe 80 pictures a second, half as
many with a mirrored model.
"""
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from fashionclf import cli

if TYPE_CHECKING:  # --help stays quick
    from fashionclf.deployment.visual_search import Described, Describer

FLAGS = flags.FLAGS

flags.DEFINE_string("index", None, "Folder of the index: build creates it, query reads it.")
flags.DEFINE_string("run", None, "Folder of a finished training; for query the one of build.")
flags.DEFINE_integer("batch_size", 32, "Pictures that go through the network together.",
                     lower_bound=1)
# build: pictures, if not named after the flags
flags.DEFINE_string("csv_file", None, "build: CSV file with a header and a row per picture.")
flags.DEFINE_string("path_column", "path", "build: CSV column: the picture's path.")
flags.DEFINE_string("source_dir", None, "build: folder that the CSV's paths start from and must "
                    "not lead out of (default: the CSV's own folder; / for absolute paths).")
flags.DEFINE_string("class_column", None, "build: CSV column: the class, if one is known.")
flags.DEFINE_string("item_column", None, "build: CSV column: the garment, if it is known.")
flags.DEFINE_string("embeddings", None, "build: .npy file that predict --embeddings wrote for the "
                    "rows of --csv_file; some rows are computed again to compare.")
flags.DEFINE_string("records", None, "build: folder that build_tfrecords wrote.")
flags.DEFINE_list("splits", ["train", "test"], "build: parts of the records.")
flags.DEFINE_enum("method", "auto", ["auto", "exact", "approximate"],
                  "build: compare with every picture, or with those in the nearest of the lists "
                  "into which pictures are sorted; auto: exact up to 100,000 pictures.")
# query
flags.DEFINE_integer("k", 10, "query: neighbours of each picture.", lower_bound=1)
flags.DEFINE_string("output", "-", "query: CSV file to write, replaced if it is there; - for "
                    "standard output.")
flags.DEFINE_string("sheet", None, "query: PNG file to draw the pictures and their neighbours on.")

SHEET_LINES = 20  # pictures that are drawn with their neighbours


def main(words: list[str]) -> int:
    verbs = {"build": build, "query": query}
    if not words or words[0] not in verbs:
        raise ValueError("the first word says what to do: build or query (see --help)")
    return verbs[words[0]](words[1:])


def build(words: list[str]) -> int:
    if sum(map(bool, (words, FLAGS.csv_file, FLAGS.records))) != 1:
        raise ValueError("build takes files and folders after the flags, or --csv_file, or "
                         "--records: name one of the three")
    if FLAGS.embeddings and not FLAGS.csv_file:
        raise ValueError("--embeddings go with the --csv_file that predict took")
    if FLAGS.source_dir and not FLAGS.csv_file:
        raise ValueError("--source_dir goes with --csv_file alone")
    from fashionclf.deployment import search_index, visual_search
    from fashionclf.system import files, tables

    search_index.refuse_existing(Path(FLAGS.index))
    describer = visual_search.Describer(FLAGS.run, batch_size=FLAGS.batch_size)
    found, root = described(words, describer)
    if not found.rows:
        raise ValueError(f"none of {len(found.unusable):,} pictures can be used, the first "
                         f"because: {found.unusable[0]['reason']}")
    facts = {"model_sha256": files.sha256(Path(FLAGS.run) / "model.json"), "root": root,
             "records": FLAGS.records and os.path.abspath(FLAGS.records),
             "box_margin": describer.spec.box_margin, "unusable": found.unusable}
    approximate = None if FLAGS.method == "auto" else FLAGS.method == "approximate"
    facts = search_index.write(FLAGS.index, found.features, found.rows, facts=facts,
                               approximate=approximate)
    print(f"{FLAGS.index}: {len(found.rows):,} pictures, {facts['search']} search")
    for row in found.unusable:
        print(f"left out: {tables.readable(row['path'])}: {row['reason']}", file=sys.stderr)
    return 1 if found.unusable else 0


def described(words: list[str], describer: "Describer") -> "tuple[Described, str | None]":
    """The pictures to index, and the folder that their paths start from."""
    from fashionclf.pictures import files as picture_files

    if FLAGS.records:
        return describer.records(FLAGS.records, FLAGS.splits), None
    if words:
        pictures, _ = picture_files.find(words)
        return describer.files(pictures, [{"path": x.path} for x in pictures]), os.getcwd()
    pictures, table = picture_files.from_csv(
        FLAGS.csv_file, path_column=FLAGS.path_column, source_dir=FLAGS.source_dir)
    columns = {"path": FLAGS.path_column, "class": FLAGS.class_column, "item": FLAGS.item_column}
    columns = {name: column for name, column in columns.items() if column}
    for column in columns.values():
        if column not in table:
            raise ValueError(f"{FLAGS.csv_file}: has no column {column!r}, only "
                             f"{', '.join(table)}; see --class_column and --item_column")
    known = table[list(columns.values())].set_axis(list(columns), axis=1).to_dict("records")
    root = os.path.abspath(FLAGS.source_dir or Path(FLAGS.csv_file).parent)
    if FLAGS.embeddings:
        return describer.saved(FLAGS.embeddings, pictures, known), root
    return describer.files(pictures, known), root


def query(words: list[str]) -> int:
    if not words:
        raise ValueError("no picture named: add files or folders after the flags")
    for name, file in (("output", FLAGS.output), ("sheet", FLAGS.sheet)):
        if file and not Path(file).absolute().parent.is_dir():
            raise FileNotFoundError(f"--{name}={file}: name a file in a folder that exists")
    from fashionclf.deployment import search_index, visual_search
    from fashionclf.pictures import files as picture_files
    from fashionclf.system import files, tables

    index = search_index.read(FLAGS.index)
    describer = visual_search.Describer(FLAGS.run, batch_size=FLAGS.batch_size)
    if files.sha256(Path(FLAGS.run) / "model.json") != index.facts["model_sha256"]:
        raise ValueError(f"{FLAGS.index} was built with another model than {FLAGS.run}: features "
                         "of two models can't be compared; give that run, or build again")
    pictures, _ = picture_files.find(words)
    queries = describer.files(pictures, [{"path": picture.path} for picture in pictures])
    found = visual_search.answers(index, queries, FLAGS.k)
    tables.write(found[visual_search.COLUMNS],
                 sys.stdout if FLAGS.output == "-" else FLAGS.output, float_format="%.6f")
    if FLAGS.sheet:
        if len(queries.rows) > SHEET_LINES:
            print(f"{FLAGS.sheet} shows the first {SHEET_LINES} of {len(queries.rows)} pictures",
                  file=sys.stderr)
        visual_search.sheet(index, queries.rows[:SHEET_LINES], found).savefig(FLAGS.sheet)
    if queries.unusable:
        print(f"error: {len(queries.unusable)} of {len(pictures)} pictures could not be used; "
              "the column error says why", file=sys.stderr)
    return 1 if queries.unusable else 0


if __name__ == "__main__":
    flags.mark_flags_as_required(["run", "index"])
    cli.run(main, positional="build PATH... or query PATH...")
