"""Says what garment each picture shows, or labels a whole catalogue.

    python -m fashionclf.predict --run=saved_models/fashion_b0 --output=found.csv PATH...

    python -m fashionclf.predict --run=saved_models/fashion_b0 --output=found.parquet \\
        --csv_file=catalogue.csv --path_column=image --min_probability=0.6 --embeddings=found.npy

PATH is a JPEG, PNG or WEBP file or a folder of them, searched through; the rest
of a folder is ignored. --csv_file names a row a picture instead; the file's columns
follow ours in the output, with csv_ before a name that ours have too. A row a
picture goes to --output, as CSV, JSON Lines or Parquet by its suffix ("-": CSV on
standard output):

    path,class,probability,class_2,probability_2,class_3,probability_3,error,check

A picture that can't be used gets its reason as error, and the exit code is 1 at
the end. A row to be checked by a person (--min_probability) has yes in the column
check (JSON Lines and Parquet: true). Two CPU cores predict about 80 pictures of
224 pixels a second, or half as many with a model that looks at each picture's mirror
image too. Rows are kept in OUTPUT.incomplete as they come: after a stop, also a kill,
the same command goes on after them, and the output is the same to the byte.
"""
import contextlib
import dataclasses
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from fashionclf import cli

if TYPE_CHECKING:  # --help stays quick
    import numpy

    from fashionclf.model.inference import Answer
    from fashionclf.pictures.files import Picture

FLAGS = flags.FLAGS

# Pictures, if not named as PATH
flags.DEFINE_string("csv_file", None, "CSV file with a header and a row per picture.")
flags.DEFINE_string("path_column", "path", "CSV column: the picture's path.")
flags.DEFINE_string("source_dir", None, "Folder that the CSV's paths start from and must not lead "
                    "out of (default: the CSV's own folder; / for absolute paths).")
# Model
flags.DEFINE_string("run", None, "Folder of a finished training, e.g. saved_models/fashion_b0.")
flags.DEFINE_integer("batch_size", 32, "Pictures that go through the network together.",
                     lower_bound=1)
# Output
flags.DEFINE_string("output", None, "File to write, replaced if it is there; - for standard "
                    "output.")
flags.DEFINE_enum("format", None, ["csv", "jsonl", "parquet"], "Of the output (default: by its "
                  "suffix). parquet needs pip install 'fashionclf[parquet]'.")
flags.DEFINE_float("min_probability", 0.0, "Mark rows whose class has a probability below this, or "
                   "that have none, for a person to check; 0 marks none.",
                   lower_bound=0.0, upper_bound=1.0)
flags.DEFINE_string("embeddings", None, "Also save pooled features, which search takes: a .npy "
                    "file, float32 [N, D], a row for each of the output; NaN where a picture "
                    "can't be used.")


@dataclasses.dataclass(frozen=True)
class Listing:
    """The pictures to predict: the path that each row shows, and what the user's CSV adds to it."""
    pictures: "list[Picture]"
    paths: list[str]
    columns: list[str]
    cells: list[tuple]

    def fingerprint(self) -> str:
        named = [(picture.path, picture.root) for picture in self.pictures]
        return hashlib.sha256(json.dumps([named, self.columns, self.cells]).encode()).hexdigest()


def main(words: list[str]) -> int:
    if bool(words) == bool(FLAGS.csv_file):
        raise ValueError("no picture named: add files or folders after the flags, or --csv_file"
                         if not words else "name pictures by --csv_file or after the flags, "
                         f"not both; {words[0]!r} is after them")
    if FLAGS.source_dir and words:
        raise ValueError("--source_dir goes with --csv_file alone")
    for name, file in (("output", FLAGS.output), ("embeddings", FLAGS.embeddings)):
        if file and (Path(file).is_dir() or not Path(file).absolute().parent.is_dir()):
            raise FileNotFoundError(f"--{name}={file}: name a file in a folder that exists"
                                    + ", or - for standard output" * (name == "output"))
    if FLAGS.embeddings and FLAGS.output == "-":
        raise ValueError("--embeddings go with rows in a file: name one with --output")
    with standard_output() as output:
        return predict(words, output)


@contextlib.contextmanager
def standard_output() -> Iterator:
    """Gives standard output for rows; what a library prints must not be among them."""
    sys.stdout.reconfigure(encoding="utf-8", newline="")
    with contextlib.redirect_stdout(sys.stderr):
        yield sys.__stdout__


def predict(words: list[str], output) -> int:
    """Writes a row for each picture; gives the exit code."""
    from fashionclf.deployment import prediction_table
    from fashionclf.model import inference, network, weights

    form = prediction_table.format_of(FLAGS.output, FLAGS.format)
    listing, ignored = read_listing(words)
    names = prediction_table.columns(listing.columns)
    model, spec = weights.load(FLAGS.run)
    predictor = inference.Predictor(model, mirrored=spec.mirrored, temperature=spec.temperature,
                                    fixed=True, features=bool(FLAGS.embeddings))

    def batches(start: int) -> "Iterator[tuple[list[list], list[numpy.ndarray | None]]]":
        found = predictor.predict_batches(listing.pictures[start:], image_size=spec.image_size,
                                          batch_size=FLAGS.batch_size)
        return with_rows(found, listing, spec.classes, start)
    if FLAGS.output == "-":
        bad = to_stream(batches(0), names, output, form)
    else:
        width = model.get_layer(network.FEATURES).output.shape[-1]
        bad = to_file(batches, listing, width, names, form)
    if ignored:
        print(f"{ignored} files of other kinds in the folders were ignored", file=sys.stderr)
    if bad:
        print(f"error: {bad} of {len(listing.pictures)} pictures could not be used; "
              "the column error says why", file=sys.stderr)
    return 1 if bad else 0


def read_listing(words: list[str]) -> tuple[Listing, int]:
    """The pictures that `words` or --csv_file name, and how many other files there were."""
    from fashionclf.pictures import files as picture_files

    if FLAGS.csv_file:
        pictures, table = picture_files.from_csv(
            FLAGS.csv_file, path_column=FLAGS.path_column, source_dir=FLAGS.source_dir)
        others = table.drop(columns=FLAGS.path_column)
        return Listing(pictures, table[FLAGS.path_column].tolist(), list(others),
                       list(others.itertuples(index=False, name=None))), 0
    pictures, ignored = picture_files.find(words)
    return Listing(pictures, [picture.path for picture in pictures], [], [()] * len(pictures)
                   ), ignored


def with_rows(batches: "Iterator[list[Answer]]", listing: Listing, classes: list[str],
              start: int) -> "Iterator[tuple[list[list], list[numpy.ndarray | None]]]":
    """The rows of each batch, and its features; shows progress."""
    from tqdm import tqdm

    from fashionclf.deployment import prediction_table

    with tqdm(total=len(listing.pictures), initial=start, unit=" pictures",
              desc="predicting") as bar:
        for batch in batches:
            rows = [[*prediction_table.row(listing.paths[i], found, classes,
                                           min_probability=FLAGS.min_probability),
                     *listing.cells[i]] for i, (_, found, _) in enumerate(batch, start)]
            yield rows, [features for *_, features in batch]
            start += len(batch)
            bar.update(len(batch))


def to_stream(batches: Iterator, names: list[str], output, form: str) -> int:
    """Writes rows as they come; gives the number of those with an error."""
    from fashionclf.deployment import prediction_table

    bad = 0

    def rows() -> "Iterator[list]":
        nonlocal bad
        for batch, _ in batches:
            bad += sum(row[prediction_table.ERROR] is not None for row in batch)
            yield from batch
    prediction_table.write_text(rows(), names, output, form)
    return bad


def to_file(batches, listing: Listing, width: int, names: list[str], form: str) -> int:
    """Goes on with the job of --output, or begins it; gives the number of rows with an error."""
    from fashionclf.deployment import prediction_job
    from fashionclf.system import arrays, files, signals

    total = len(listing.pictures)
    description = {"program": "fashionclf.predict",
                   "model": files.sha256(Path(FLAGS.run) / "model.json"),
                   "list of pictures": listing.fingerprint(), "--format": form,
                   "--batch_size": FLAGS.batch_size, "--min_probability": FLAGS.min_probability,
                   "--embeddings": FLAGS.embeddings}
    embeddings = (arrays.Embeddings(FLAGS.embeddings, (total, width))
                  if FLAGS.embeddings else None)
    with prediction_job.opened(FLAGS.output, description, total=total, embeddings=embeddings,
                               batch_size=FLAGS.batch_size) as job, signals.deferred():
        if job.done:
            print(f"{job.part}: going on after {job.done:,} of {total:,} rows")
        for rows, features in batches(job.done):
            job.append(rows, features)
            if signals.requested():
                signals.leave(f"saved after {job.done:,} of {total:,} rows")
        return job.finish(names, form)


if __name__ == "__main__":
    flags.mark_flags_as_required(["run", "output"])
    cli.run(main, positional="PATH")
