"""Finds the pictures of a catalogue that look most like a given picture.

    python -m fashionclf.search build --run=saved_models/fashion_b0 --index=data/index PICTURES
    python -m fashionclf.search query --run=saved_models/fashion_b0 --index=data/index \\
        --k=8 --sheet=alike.png NEW.jpg > alike.csv

"build" describes each picture by the run's pooled features and writes an index folder. It takes
files and folders, the rows of --csv_file, or --records. Features that predict has saved need not
be computed again:

    python -m fashionclf.predict --run=RUN --csv_file=shop.csv --output=found.csv \\
        --embeddings=found.npy
    python -m fashionclf.search build --run=RUN --csv_file=shop.csv --embeddings=found.npy \\
        --class_column=category --item_column=sku --index=data/index

"query" writes a row for each of the --k nearest pictures by cosine similarity (1: the same
direction), and draws them with --sheet. The query picture itself is left out if its file is in the
index (an index of records names no files). Needs the extra search. Two CPU cores describe 80
pictures a second, half as many with a run trained with --mirrored.
"""
import os
import sys
from pathlib import Path

from absl import flags

from fashionclf import cli, picture_flags
from fashionclf.deployment import earlier_output, prediction_table
from fashionclf.model import spec as specs
from fashionclf.pictures import files as picture_files
from fashionclf.records import manifests
from fashionclf.system import cells, files

FLAGS = flags.FLAGS

cli.path_flag("index", None, "Folder of the index: build creates it, query reads it.")
cli.define_model_flags()
# build: pictures, if not named after the flags
cli.path_flag("files_from", None, "Text file that lists files and folders, one a line (or "
              "separated by NUL, as by find -print0); - for standard input.")
picture_flags.define_reading("build: ")
cli.path_flag("source_dir", None, "build: folder that the CSV's paths start from and must "
              "stay inside (default: the CSV's own folder; / for absolute paths).")
flags.DEFINE_string("class_column", None, "build: CSV column with the class, if known.")
flags.DEFINE_string("item_column", None, "build: CSV column with the garment, if known.")
cli.path_flag("embeddings", None, "build: .npy file that predict --embeddings wrote for the "
              "rows of --csv_file; a few rows are computed again for comparison.")
cli.path_flag("records", None, "build: folder that build_tfrecords wrote.")
flags.DEFINE_list("splits", ["train", "test"], "build: splits of the records.")
flags.DEFINE_enum("method", "auto", ["auto", "exact", "approximate"],
                  "build: search method. exact compares with every picture, approximate with those "
                  "in the nearest clusters; auto is exact up to 100,000 pictures.")
# query
flags.DEFINE_integer("k", 10, "query: number of neighbours for each picture.", lower_bound=1)
cli.path_flag("output", "-", "query: file to write, CSV, JSON Lines, Parquet or an Excel workbook "
              "by its suffix, or - for standard output. One of an earlier call is replaced if the "
              "new one has rows for each of its pictures.")
flags.DEFINE_boolean("overwrite", False, "query: replace an existing --output, whatever it "
                     "contains.")
cli.define_excel_flag("query: ")
cli.path_flag("sheet", None, "query: PNG file to draw the pictures and their neighbours in.")

SHEET_LINES = 20  # pictures that are drawn with their neighbours


def main(words: list[str]) -> int:
    verbs = {"build": (check_build, build), "query": (check_query, query)}
    if not words or words[0] not in verbs:
        raise ValueError("the first word says what to do: build or query (see --help)")
    check, do = verbs[words[0]]
    words = words[1:]
    if FLAGS.files_from:
        if words:
            raise ValueError("name pictures after the flags or by --files_from, not both")
        words = picture_files.listed(FLAGS.files_from)
    check(words)
    return do(words)


def check_build(words: list[str]) -> None:
    """Checks what can be checked without TensorFlow."""
    if sum(map(bool, (words, FLAGS.csv_file, FLAGS.records))) != 1:
        raise ValueError("build takes files and folders after the flags or by --files_from, or "
                         "--csv_file, or --records: name one of them")
    if FLAGS.embeddings and not FLAGS.csv_file:
        raise ValueError("--embeddings go with the --csv_file that predict took")
    if FLAGS.source_dir and not FLAGS.csv_file:
        raise ValueError("--source_dir goes with --csv_file alone")
    if FLAGS.records and FLAGS.engine not in ("auto", "tensorflow"):
        raise ValueError(f"--engine={FLAGS.engine}: TensorFlow reads --records, and describes them "
                         "too: leave --engine out")
    files.refuse_existing(Path(FLAGS.index), flag="--index")
    specs.read(FLAGS.run)
    cli.require_file(FLAGS.csv_file, "--csv_file names a CSV with a header")
    cli.require_folder(FLAGS.source_dir, "--source_dir names the folder that the CSV's paths "
                       "start from")
    cli.require_file(FLAGS.embeddings, "--embeddings names the file that predict wrote")
    picture_files.find(words, follow_links=FLAGS.follow_links)
    if FLAGS.records:
        manifest = manifests.read(FLAGS.records)
        for split in FLAGS.splits:
            manifests.check_split(manifest, split, FLAGS.records)


def build(words: list[str]) -> int:
    """Describes the pictures that the flags name, and writes the index."""
    with cli.loading():
        from fashionclf.deployment import engines, visual_search
        from fashionclf.pictures import catalogue

        run = engines.load(FLAGS.run, "tensorflow" if FLAGS.records else FLAGS.engine)
    describer = visual_search.Describer(run, batch_size=FLAGS.batch_size)
    if FLAGS.records:
        from fashionclf.records.input_pipeline import Records

        records, root = Records.open(FLAGS.records, run.spec.framing), None
        described = describer.records(records, FLAGS.splits)
    elif words:
        root = os.getcwd()
        pictures, _ = picture_files.find(words, follow_links=FLAGS.follow_links)
        described = describer.files(pictures, [{"path": x.path} for x in pictures])
    else:
        root = os.path.abspath(FLAGS.source_dir or Path(FLAGS.csv_file).parent)
        pictures, table, notes = catalogue.read(
            FLAGS.csv_file, picture_flags.csv_form(), source_dir=FLAGS.source_dir,
            follow_links=FLAGS.follow_links)
        print("\n".join(notes), file=sys.stderr)
        known = catalogue.known(FLAGS.csv_file, table, {
            "path": FLAGS.path_column, "class": FLAGS.class_column, "item": FLAGS.item_column})
        described = (describer.saved(FLAGS.embeddings, pictures, known) if FLAGS.embeddings
                     else describer.files(pictures, known))

    facts = visual_search.build(
        FLAGS.index, described, run, root=root, records_dir=FLAGS.records,
        approximate={"auto": None, "exact": False, "approximate": True}[FLAGS.method])
    print(f"{FLAGS.index}: {len(described.rows):,} pictures, {facts['search']} search")
    for row in described.unusable:
        print(f"left out: {cells.readable(row['path'])}: {row['reason']}", file=sys.stderr)
    return 1 if described.unusable else 0


def check_query(words: list[str]) -> None:
    """Checks what can be checked without TensorFlow."""
    if not words:
        raise ValueError("no picture named: add files or folders after the flags")
    cli.require_place("output", FLAGS.output, streams=True)
    cli.require_place("sheet", FLAGS.sheet)
    if FLAGS.sheet and not FLAGS.sheet.lower().endswith(".png"):
        raise ValueError(f"--sheet={FLAGS.sheet}: name a file that ends in .png")
    cli.require_other("output", "files_from")
    cli.require_file(str(Path(FLAGS.index) / "index.json"),
                     "give the --index of a finished 'python -m fashionclf.search build'")
    specs.read(FLAGS.run)

    # Rows of an earlier call are not lost
    form = output_format()
    paths = [picture.path for picture in picture_files.find(
        words, follow_links=FLAGS.follow_links)[0]]
    prediction_table.check_fits(form, FLAGS.output, len(paths) * FLAGS.k)
    if not (FLAGS.overwrite or cli.is_stream(FLAGS.output)):
        earlier_output.check(FLAGS.output, form, "query", paths)


def output_format() -> str:
    """The format of --output; raises ValueError if it can't be written there."""
    return prediction_table.format_of(FLAGS.output, None, stream=cli.is_stream(FLAGS.output),
                                      bom=FLAGS.excel)


def query(words: list[str]) -> int:
    """Writes the nearest pictures of each, and draws them where that is wanted."""
    with cli.loading():
        from fashionclf.deployment import engines, search_index, search_sheet, visual_search

    index = search_index.read(FLAGS.index)
    visual_search.check_run(index, FLAGS.index, FLAGS.run)
    run = engines.load(FLAGS.run, FLAGS.engine)
    pictures, _ = picture_files.find(words, follow_links=FLAGS.follow_links)
    describer = visual_search.Describer(run, batch_size=FLAGS.batch_size)
    queries = describer.files(pictures, [{"path": picture.path} for picture in pictures])

    found = visual_search.answers(index, queries, FLAGS.k)
    rows, form = visual_search.rows(found), output_format()
    if cli.is_stream(FLAGS.output):
        with cli.rows_to(FLAGS.output) as stream:
            prediction_table.write_text(rows, visual_search.COLUMNS, stream, form, bom=FLAGS.excel)
    else:
        with files.replaced(FLAGS.output) as partial:
            prediction_table.write(rows, visual_search.COLUMNS, partial, form, bom=FLAGS.excel)
    if FLAGS.sheet:
        if len(queries.rows) > SHEET_LINES:
            print(f"{FLAGS.sheet} shows the first {SHEET_LINES} of {len(queries.rows)} pictures",
                  file=sys.stderr)
        sheet = search_sheet.sheet(index, queries.rows[:SHEET_LINES], found, run.spec)
        with files.replaced(FLAGS.sheet) as partial:
            sheet.savefig(partial)

    if queries.unusable:
        print(f"error: {len(queries.unusable)} of {len(pictures)} pictures could not be used; "
              "the column error has the reasons", file=sys.stderr)
    return 1 if queries.unusable else 0


if __name__ == "__main__":
    flags.mark_flags_as_required(["index"])
    cli.run(main, positional="build PATH... or query PATH...")
