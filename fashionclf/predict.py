"""Says what garment each picture shows.

    python -m fashionclf.predict --run=saved_models/fashion_b0 --output=found.csv PATH...

PATH is a JPEG, PNG or WEBP file or a folder of them, searched through; the rest
of a folder is ignored. A row a picture goes to --output ("-": standard output):

    path,class,probability,class_2,probability_2,class_3,probability_3,error

A picture that can't be used gets its reason as error, and the exit code is 1 at
the end. Two CPU cores predict about 80 pictures of 224 pixels a second, or half as
many with a model that looks at each picture's mirror image too.
"""
import contextlib
import csv
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from absl import flags

from fashionclf import cli

FLAGS = flags.FLAGS

flags.DEFINE_string("run", None, "Folder of a finished training, e.g. saved_models/fashion_b0.")
flags.DEFINE_string("output", None, "CSV file to write, replaced if it is there; - for standard "
                    "output.")
flags.DEFINE_integer("batch_size", 32, "Pictures that go through the network together.",
                     lower_bound=1)


def main(words: list[str]) -> int:
    if not words:
        raise ValueError("no picture named: add files or folders after the flags")
    if Path(FLAGS.output).is_dir() or not Path(FLAGS.output).absolute().parent.is_dir():
        raise FileNotFoundError(f"--output={FLAGS.output}: name a file in a folder that exists, "
                                "or - for standard output")
    with opened(FLAGS.output) as output, contextlib.redirect_stdout(sys.stderr):
        return predict(words, output)  # what a library prints must not be among the rows


def predict(words: list[str], output) -> int:
    """Writes a row for each picture that `words` name; gives the exit code."""
    from tqdm import tqdm

    from fashionclf import classifier, csv_files, inference, picture_files

    pictures, ignored = picture_files.find(words)
    model, spec = classifier.load(FLAGS.run)
    rows = csv.writer(output, lineterminator="\n")
    rows.writerow(inference.CSV_HEADER)
    bad = 0
    predictor = inference.Predictor(model, mirrored=spec.mirrored,
                                    temperature=spec.temperature, fixed=True)
    found = predictor.predict_files(pictures, image_size=spec.image_size,
                                    batch_size=FLAGS.batch_size)
    for picture, answer in tqdm(found, total=len(pictures), unit=" pictures", desc="predicting"):
        rows.writerow(map(csv_files.safe, inference.csv_row(picture.path, answer, spec.classes)))
        bad += isinstance(answer, str)
    if ignored:
        print(f"{ignored} files of other kinds in the folders were ignored", file=sys.stderr)
    if bad:
        print(f"error: {bad} of {len(pictures)} pictures could not be used; "
              "the column error says why", file=sys.stderr)
    return 1 if bad else 0


@contextlib.contextmanager
def opened(name: str) -> Iterator:
    """Opens the output; a file gets its name only when it is whole."""
    if name == "-":
        sys.stdout.reconfigure(encoding="utf-8", newline="")
        yield sys.stdout
        return
    partial = Path(name).with_name(Path(name).name + ".incomplete")
    try:
        with open(partial, "w", encoding="utf-8", newline="") as file:
            yield file
        os.replace(partial, name)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


if __name__ == "__main__":
    flags.mark_flags_as_required(["run", "output"])
    cli.run(main, positional="PATH")
