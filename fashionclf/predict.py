"""Predicts the class of each picture; labels single files or a whole catalogue.

    fashionclf predict photo.jpg
    fashionclf predict --output=labels.csv PICTURES
    fashionclf predict --run=saved_models/mine --output=labels.parquet --csv_file=shop.csv \\
        --path_column=image --min_probability=0.6 --embeddings=labels.npy

By default the released model predicts, fashion_b0. PATH is a picture (JPEG, PNG, WEBP, GIF, BMP,
TIFF, AVIF, or HEIC with the extra heic), or a folder that is searched for them; its other files are
ignored. --files_from or --csv_file lists them instead: `find ... -print0 | fashionclf predict
--files_from=-` takes any number, where xargs would call predict once for each part. A row per
picture goes to --output, as CSV, JSON Lines, Parquet or an Excel workbook by its suffix ("-": CSV
on standard output):

    path,class,probability,class_2,probability_2,class_3,probability_3,error,check,outlier,set

followed by the other columns of the CSV, with csv_ before a name that is already taken. A picture
that cannot be used gets the reason in the column error, and the exit code is 1 at the end. Rows
for a person to check have yes in the column check (JSON Lines and Parquet: true): by default those
whose probability is too low for 90 of 100 to be right (--min_precision), by what the run keeps of
held-out pictures. outlier marks pictures like none of the training, set has the classes one of
which is right 95 times in 100. At the end stands what the threshold promises, and whether the
pictures are of another kind than the held-out ones.

With --item_column or --group_pattern, which say what pictures show one garment, the columns item,
item_class, item_probability and item_pictures follow set: the answer from all usable pictures of
the garment, whose log-probabilities are averaged. With --next=N, the column next ranks the N
pictures whose labels would teach a model most, 1 first: typical ones that are unlike each other,
one of each garment, and of which --run is unsure, if it is your own.

--page also writes a page on which a person looks at the pictures, those to check first, and
decides: right, wrong and which class, drop, same garment. It is one file that works offline and on
a phone. The decisions that it saves are for build_tfrecords --corrections. --category_column shows
the shop's own category beside the model's class:

    fashionclf predict --csv_file=shop.csv --path_column=image --category_column=kind \\
        --output=labels.csv --page=labels.html

Rows are kept in OUTPUT.incomplete as they come: after a stop or a kill, the same command resumes
after them, predicts pictures again that have changed since, and the output is the same to the byte
(a workbook's cells, not its bytes: it notes the time).
"""
import contextlib
import sys

from absl import flags

from fashionclf import cli, picture_flags
from fashionclf.deployment import confidence, earlier_output, prediction_table
from fashionclf.model import spec as specs

FLAGS = flags.FLAGS

# Pictures, if not named as PATH
picture_flags.define()
# Garments, and what to label next
flags.DEFINE_string("item_column", None, "CSV column with the garment: adds its answer, from all "
                    "its pictures, to each row.")
flags.DEFINE_string("group_pattern", None, "The same by a regular expression searched in each "
                    "path: pictures with the same match (of its group, if it has one) show one "
                    "garment.")
flags.DEFINE_integer("next", 0, "Rank this many pictures to label next in the column next.",
                     lower_bound=0)
flags.DEFINE_boolean("next_uncertain", None, "Choose them among those that the model is unsure "
                     "of, which helps if it has your classes (default: where --run is given).")
# Model
cli.define_model_flags()
# Output
cli.path_flag("output", "-", "File to write, or - for standard output. A table of an earlier call "
              "is replaced if the new one has a row for each of its pictures.")
flags.DEFINE_boolean("overwrite", False, "Replace existing --output and --embeddings files, "
                     "whatever they contain.")
flags.DEFINE_enum("format", None, list(prediction_table.FORMATS.values()), "Format of the output "
                  "(default: by its suffix). parquet needs the extra parquet, xlsx the extra "
                  "excel.")
cli.define_excel_flag()
flags.DEFINE_float("min_precision", None, "Mark rows for a person to check so that of the others "
                   "at least this share is right, by the lower 95 % bound over held-out garments "
                   "(default: 0.9, or the most that the run's held-out pictures show).",
                   lower_bound=0.01, upper_bound=0.9999)
flags.DEFINE_float("min_probability", None, "Mark rows for a person to check whose class has a "
                   "lower probability, or that have no class, instead of by --min_precision; 0 "
                   "marks none.", lower_bound=0.0, upper_bound=1.0)
cli.path_flag("embeddings", None, "Also write the pooled features, which search can use: a "
              ".npy file, float32 [N, D], a row for each row of the output; NaN where a "
              "picture cannot be used.")
cli.path_flag("page", None, "Also write a page for a person's decisions, an .html file.")
flags.DEFINE_string("category_column", None, "With --page and --csv_file: CSV column with the "
                    "shop's own category, to compare.")


def main(words: list[str]) -> int:
    stream = cli.is_stream(FLAGS.output)
    form = checked(words, stream)
    judge = confidence.judge(FLAGS.run, min_precision=FLAGS.min_precision,
                             min_probability=FLAGS.min_probability)
    named = picture_flags.named(words)
    items = garments(named)
    check_earlier(named, form, stream)

    with contextlib.ExitStack() as opened:
        rows_to = opened.enter_context(cli.rows_to(FLAGS.output)) if stream else None
        opened.enter_context(contextlib.redirect_stdout(sys.stderr))  # for the rows alone
        with cli.loading():
            from fashionclf.curation import whole_list
            from fashionclf.deployment import engines, prediction

            engine = engines.load(FLAGS.run, FLAGS.engine)

        listing = (prediction.Listing.of_files(named.pictures) if named.table is None
                   else prediction.Listing.of_table(named.pictures, named.table,
                                                    FLAGS.path_column))
        output = prediction.Output(
            file=FLAGS.output, form=form, stream=rows_to, embeddings=FLAGS.embeddings,
            bom=FLAGS.excel, overwrite=FLAGS.overwrite)
        by_uncertainty = (FLAGS["run"].present if FLAGS.next_uncertain is None
                          else FLAGS.next_uncertain)
        further = whole_list.columns(engine.spec.classes, items=items, count=FLAGS.next,
                                     by_uncertainty=bool(by_uncertainty))
        rows = [] if FLAGS.page else None
        tally = confidence.Tally(judge=judge, classes=engine.spec.classes)
        work = prediction.Work(engine=engine, listing=listing, batch_size=FLAGS.batch_size,
                               tally=tally, further=further, seen=rows)
        bad = work.write(output)
        if FLAGS.page:
            write_page(named, rows, engine.spec.classes)
        for line in tally.lines():
            print(line, file=sys.stderr)
        if named.ignored:
            print(f"{named.ignored} files of other kinds in the folders were ignored",
                  file=sys.stderr)
        if bad:
            print(f"error: {bad} of {len(named.pictures)} pictures could not be used; "
                  "the column error has the reasons", file=sys.stderr)
        return 1 if bad else 0


def checked(words: list[str], stream: bool) -> str:
    """The format of the output, once all is checked that needs neither TensorFlow nor a list."""
    picture_flags.check(words)
    cli.require_place("output", FLAGS.output, streams=True)
    cli.require_place("embeddings", FLAGS.embeddings)
    if FLAGS.embeddings and stream:
        raise ValueError("--embeddings go with rows in a file: name one with --output")
    cli.require_place("page", FLAGS.page)
    if FLAGS.page and not FLAGS.page.lower().endswith((".html", ".htm")):
        raise ValueError(f"--page={FLAGS.page}: a page is an .html file: name one")
    if FLAGS.category_column and not (FLAGS.page and FLAGS.csv_file):
        raise ValueError("--category_column goes with --page and --csv_file: give them too")
    for flag in ("csv_file", "files_from", "embeddings", "page"):
        cli.require_other("output", flag)
    if FLAGS.item_column and not FLAGS.csv_file:
        raise ValueError("--item_column names a column of --csv_file; without it, name the "
                         "garments with --group_pattern")
    if FLAGS.item_column and FLAGS.group_pattern:
        raise ValueError("--item_column and --group_pattern both say what a garment is: give one")
    if FLAGS.min_precision is not None and FLAGS.min_probability is not None:
        raise ValueError("--min_precision and --min_probability both say which rows to check: "
                         "give one of them")
    form = prediction_table.format_of(FLAGS.output, FLAGS.format, stream=stream, bom=FLAGS.excel)
    specs.read(FLAGS.run)
    return form


def garments(named: picture_flags.Named) -> list[str] | None:
    """The garment of each picture, or None where no flag names them."""
    if FLAGS.group_pattern:
        import pandas as pd

        from fashionclf.sources import splits

        return splits.items_by_pattern(pd.Series(named.paths), FLAGS.group_pattern).tolist()
    if not FLAGS.item_column:
        return None

    from fashionclf.pictures import catalogue

    cells = catalogue.known(FLAGS.csv_file, named.table, {"item": FLAGS.item_column})
    items = [row["item"] for row in cells]
    blank = items.count("")
    if blank:
        print(f"{blank:,} rows have no {FLAGS.item_column}: each of their pictures is taken for a "
              "garment of its own", file=sys.stderr)
    return [item or path for item, path in zip(items, named.paths)]


def check_earlier(named: picture_flags.Named, form: str, stream: bool) -> None:
    """Checks that the rows fit their format, and that none of other pictures would be lost."""
    if FLAGS.category_column and FLAGS.category_column not in named.table:
        raise ValueError(f"{FLAGS.csv_file}: has no column {FLAGS.category_column!r}, only "
                         f"{', '.join(named.table)}; see --category_column")
    others = [] if named.table is None else named.table.itertuples(index=False)
    prediction_table.check_fits(form, FLAGS.output, len(named.paths), others)
    if stream or FLAGS.overwrite:
        return
    earlier_output.check(FLAGS.output, form, prediction_table.COLUMNS[0], named.paths)
    if FLAGS.embeddings:
        earlier_output.check_embeddings(FLAGS.embeddings, FLAGS.output)


def write_page(named: picture_flags.Named, rows: list[dict], classes: list[str]) -> None:
    """Writes --page, and prints what is on it."""
    from fashionclf.curation import page, prediction_cards

    given = named.table[FLAGS.category_column].str.strip() if FLAGS.category_column else []
    cards, words = prediction_cards.cards(named.pictures, rows, given=list(given), classes=classes)
    summary = prediction_cards.summary(cards, classes)
    left_out = page.write(FLAGS.page, cards, title="Labels", classes=words, summary=summary)
    print(f"{FLAGS.page}: {summary}"
          + (f"; {left_out:,} of the labelled pictures are left out" if left_out else ""))


if __name__ == "__main__":
    cli.run(main, positional="PATH")
