"""How programs are told which pictures to take: flags, and the pictures that they name."""
import codecs
import dataclasses
import os
import sys
from typing import TYPE_CHECKING

from absl import flags

from fashionclf import cli
from fashionclf.pictures import files as picture_files

if TYPE_CHECKING:  # --help stays quick
    import pandas

    from fashionclf.system import csv_files

FLAGS = flags.FLAGS

flags.disclaim_key_flags()  # what is defined here belongs to the program that asks for it


@dataclasses.dataclass(frozen=True, kw_only=True)
class Named:
    """The pictures that a user named.

    Attributes:
        paths: of the pictures, as rows show them.
        table: the rows of --csv_file, strings, one for each picture; None without it.
        ignored: number of other files in the folders.
    """
    pictures: list[picture_files.Picture]
    paths: list[str]
    table: "pandas.DataFrame | None" = None
    ignored: int = 0


def define_reading(prefix: str = "") -> None:
    """Defines the flags that say how --csv_file and folders are read; `prefix` opens their helps.
    """
    flags.DEFINE_boolean("follow_links", False, "Also read pictures and folders that are "
                         "symbolic links, even if they lead out of the source folder.")
    cli.path_flag("csv_file", None, prefix + "CSV file with a header and a row per picture; "
                  "separator and encoding are found.")
    flags.DEFINE_string("path_column", "path", prefix + "CSV column with the picture's path.")
    flags.DEFINE_string("path_pattern", None, prefix + "Path with CSV columns in braces, e.g. "
                        "images/{id}.jpg, instead of --path_column.")
    flags.DEFINE_string("csv_separator", None, prefix + "comma, semicolon, tab or bar (default: "
                        "detected from the header).")
    flags.DEFINE_string("csv_encoding", None, prefix + "Encoding of the CSV, e.g. cp1252 (default: "
                        "UTF-8 or UTF-16, and cp1252 where it is neither).")
    flags.DEFINE_enum("bad_rows", "stop", ["stop", "drop"], prefix + "stop: report all "
                      "malformed CSV rows and stop; drop: leave them out and list them.")
    flags.register_validator("csv_separator", lambda value: value is None or value in _SEPARATORS,
                             "--csv_separator is comma, semicolon, tab or bar")
    flags.register_validator("csv_encoding", _is_encoding, "--csv_encoding: unknown encoding; try "
                             "utf-8, utf-16, cp1252, cp1250 or mac_roman")
    flags.register_validator("path_pattern", lambda value: value is None or "{" in value,
                             "--path_pattern needs a column in braces, e.g. images/{id}.jpg")


_SEPARATORS = {"comma": ",", ",": ",", "semicolon": ";", ";": ";", "bar": "|", "|": "|",
               "tab": "\t", "\t": "\t", "\\t": "\t"}


def _is_encoding(name: str | None) -> bool:
    try:
        return name is None or bool(codecs.lookup(name))
    except LookupError:
        return False


def csv_form() -> "csv_files.Form":
    """How the flags of `define_reading` want --csv_file to be read.

    Raises:
        ValueError: both --path_column and --path_pattern are FLAGS.
    """
    if FLAGS.path_pattern and FLAGS["path_column"].present:
        raise ValueError("--path_column and --path_pattern both say where the pictures are; give "
                         "one of them")
    from fashionclf.system import csv_files  # needs pandas, which --help does without

    return csv_files.Form(
        path_column=FLAGS.path_column, path_pattern=FLAGS.path_pattern,
        separator=_SEPARATORS.get(FLAGS.csv_separator), encoding=FLAGS.csv_encoding,
        bad_rows=FLAGS.bad_rows)


def define() -> None:
    """Defines all flags that name pictures, for programs that also take them as words."""
    define_reading()
    cli.path_flag("source_dir", None, "Folder that the CSV's paths start from and must stay "
                  "inside (default: the CSV's own folder; / for absolute paths).")
    cli.path_flag("files_from", None, "Text file that lists files and folders, one a line (or "
                  "separated by NUL, as by find -print0); - for standard input.")


def check(words: list[str]) -> None:
    """Checks what can be checked without a list.

    Raises:
        FileNotFoundError, ValueError: no pictures are named, or in more than one way.
    """
    if sum(map(bool, (words, FLAGS.csv_file, FLAGS.files_from))) > 1:
        raise ValueError("name the pictures after the flags, with --files_from or with "
                         "--csv_file: choose one of the three")
    if not (words or FLAGS.csv_file or FLAGS.files_from):
        raise ValueError("no picture named: add files or folders after the flags, or --files_from, "
                         "or --csv_file")
    if FLAGS.source_dir and not FLAGS.csv_file:
        raise ValueError("--source_dir goes with --csv_file alone")
    cli.require_file(FLAGS.csv_file, "--csv_file names a CSV with a header")
    cli.require_folder(FLAGS.source_dir, "--source_dir names the folder that the CSV's paths "
                       "start from")


def named(words: list[str]) -> Named:
    """Lists the pictures that words and flags name; prints notes on a CSV on standard error.

    Raises:
        FileNotFoundError, ValueError: none of them exists, or the CSV is malformed.
    """
    if FLAGS.csv_file:
        from fashionclf.pictures import catalogue

        pictures, table, notes = catalogue.read(
            FLAGS.csv_file, csv_form(), source_dir=FLAGS.source_dir,
            follow_links=FLAGS.follow_links)
        print("\n".join(notes), file=sys.stderr)
        return Named(pictures=pictures, paths=table[FLAGS.path_column].tolist(), table=table)

    words = words or picture_files.listed(FLAGS.files_from)
    pictures, ignored = picture_files.find(words, follow_links=FLAGS.follow_links)
    # A single wrong name among others gets its row; none that exists is a mistyped command.
    if not any(map(os.path.lexists, words)):
        raise FileNotFoundError(f"{words[0]}: no such file or folder"
                                + (f", nor is any other of {len(words):,}" if words[1:] else "")
                                + "; names start from the current folder")
    return Named(pictures=pictures, paths=[picture.path for picture in pictures], ignored=ignored)
