"""Predicts the class of each picture; labels single files or a whole catalogue.

    python -m fashionclf.predict --run=saved_models/fashion_b0 --output=found.csv PATH...

    python -m fashionclf.predict --run=saved_models/fashion_b0 --output=found.parquet \\
        --csv_file=catalogue.csv --path_column=image --min_probability=0.6 --embeddings=found.npy

PATH is a JPEG, PNG or WEBP file, or a folder that is searched for them; its other files are
ignored. --csv_file lists a picture per row instead. A row per picture goes to --output, as CSV,
JSON Lines or Parquet by its suffix ("-": CSV on standard output):

    path,class,probability,class_2,probability_2,class_3,probability_3,error,check

followed by the other columns of the CSV, with csv_ before a name that is already taken. A picture
that cannot be used gets the reason in the column error, and the exit code is 1 at the end. Rows
for a person to check (--min_probability) have yes in the column check (JSON Lines and Parquet:
true).

Two CPU cores predict about 80 pictures of 224 pixels a second, half as many with a run trained with
--mirrored. Rows are kept in OUTPUT.incomplete as they come: after a stop or a kill, the same
command resumes after them, and the output is the same to the byte.
"""
import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO

from absl import flags

from fashionclf import cli
from fashionclf.deployment import prediction_table
from fashionclf.model import spec as specs
from fashionclf.pictures import files as picture_files

FLAGS = flags.FLAGS

# Pictures, if not named as PATH
cli.define_picture_flags()
flags.DEFINE_string("source_dir", None, "Folder that the CSV's paths start from and must stay "
                    "inside (default: the CSV's own folder; / for absolute paths).")
# Model
flags.DEFINE_string("run", None, "Folder of a finished training, e.g. saved_models/fashion_b0.")
flags.DEFINE_integer("batch_size", 32, "Pictures that go through the network together.",
                     lower_bound=1)
# Output
flags.DEFINE_string("output", None, "File to write; an existing one is replaced. - for standard "
                    "output.")
flags.DEFINE_enum("format", None, ["csv", "jsonl", "parquet"], "Format of the output (default: by "
                  "its suffix). parquet needs the extra parquet.")
flags.DEFINE_float("min_probability", 0.0, "Mark rows for a person to check whose class has a "
                   "lower probability, or that have no class; 0 marks none.",
                   lower_bound=0.0, upper_bound=1.0)
flags.DEFINE_string("embeddings", None, "Also write the pooled features, which search can use: a "
                    ".npy file, float32 [N, D], a row for each row of the output; NaN where a "
                    "picture cannot be used.")


def main(words: list[str]) -> int:
    form = checked(words)
    with standard_output() as stream:
        with cli.loading():
            from fashionclf.deployment import prediction
            from fashionclf.model import weights
            from fashionclf.pictures import catalogue

        ignored = 0
        if FLAGS.csv_file:
            pictures, table, notes = catalogue.read(
                FLAGS.csv_file, source_dir=FLAGS.source_dir,
                follow_links=FLAGS.follow_links, **cli.csv_options())
            print("\n".join(notes), file=sys.stderr)
            listing = prediction.Listing.of_table(pictures, table, FLAGS.path_column)
        else:
            pictures, ignored = picture_files.find(words, follow_links=FLAGS.follow_links)
            listing = prediction.Listing.of_files(pictures)

        bad = prediction.write(
            weights.load(FLAGS.run), listing, stream, output=FLAGS.output, form=form,
            batch_size=FLAGS.batch_size, min_probability=FLAGS.min_probability,
            embeddings=FLAGS.embeddings)
        if ignored:
            print(f"{ignored} files of other kinds in the folders were ignored", file=sys.stderr)
        if bad:
            print(f"error: {bad} of {len(pictures)} pictures could not be used; "
                  "the column error has the reasons", file=sys.stderr)
        return 1 if bad else 0


def checked(words: list[str]) -> str:
    """The format of the output, once all is checked that can be without TensorFlow."""
    if words and FLAGS.csv_file:
        raise ValueError("name pictures by --csv_file or after the flags, not both; "
                         f"{words[0]!r} is after them")
    if not words and not FLAGS.csv_file:
        raise ValueError("no picture named: add files or folders after the flags, or --csv_file")
    if FLAGS.source_dir and words:
        raise ValueError("--source_dir goes with --csv_file alone")
    cli.require_file(FLAGS.csv_file, "--csv_file names a CSV with a header")
    cli.require_folder(FLAGS.source_dir, "--source_dir names the folder that the CSV's paths "
                       "start from")

    if FLAGS.output != "-":
        cli.require_place("output", FLAGS.output, more=", or - for standard output")
    cli.require_place("embeddings", FLAGS.embeddings)
    if FLAGS.embeddings and FLAGS.output == "-":
        raise ValueError("--embeddings go with rows in a file: name one with --output")
    form = prediction_table.format_of(FLAGS.output, FLAGS.format)
    specs.read(FLAGS.run)
    picture_files.find(words, follow_links=FLAGS.follow_links)

    # A single wrong name among others gets its row; none that exists is a mistyped command.
    if words and not any(map(os.path.lexists, words)):
        raise FileNotFoundError(f"{words[0]}: no such file or folder")
    return form


@contextlib.contextmanager
def standard_output() -> Iterator[TextIO]:
    """Gives standard output for rows; what a library prints must not be among them."""
    sys.stdout.reconfigure(encoding="utf-8", newline="")
    with contextlib.redirect_stdout(sys.stderr):
        yield sys.__stdout__


if __name__ == "__main__":
    flags.mark_flags_as_required(["run", "output"])
    cli.run(main, positional="PATH")
