"""Finds the copies among pictures: identical, near-duplicate, cut, mirrored or recoloured.

    fashionclf duplicates --output=copies.csv PICTURES
    fashionclf duplicates --output=copies.csv --page=copies.html --csv_file=shop.csv

needs no labels. A row for each picture that has a copy goes to --output, as CSV, JSON Lines,
Parquet or an Excel workbook by its suffix; --page shows the copies side by side, to decide on:

    group,path,keep,kind,bits,similarity,likeness,width,height,bytes

followed by the other columns of the CSV, with csv_ before a name that is already taken. Copies of
one photograph have the same number in the column group. keep marks the one to keep, the largest.
kind says how the others relate to it: identical (the same bytes); near-duplicate (another size,
quality or light); altered (cut, bordered, lettered); mirrored, perhaps another shot; recoloured,
perhaps the same photograph for another garment. Three columns compare a copy with the one to
keep: bits, of 256, in which their perceptual hashes differ; similarity, the cosine of the model's
features; and likeness, the correlation after one is laid over the other, which decides.

A picture that cannot be used is listed on standard error, and the exit code is 1 at the end. What
the model computes is cached: a stopped or repeated call doesn't compute it again. Two CPU cores
describe 65 pictures a second, and compare 31,000 with each other in three minutes.
"""
import sys

from absl import flags

from fashionclf import cli, picture_flags
from fashionclf.deployment import prediction_table
from fashionclf.model import spec as specs
from fashionclf.system import cells, files

FLAGS = flags.FLAGS

# Pictures, if not named as PATH
picture_flags.define()
# Model
cli.define_model_flags()
cli.define_cache_flag()
# Output
cli.path_flag("output", None, "File to write.")
flags.DEFINE_boolean("overwrite", False, "Replace existing --output and --page files.")
cli.define_excel_flag()
cli.path_flag("page", None, "Also write a page of the copies, HTML in one file.")


def main(words: list[str]) -> int:
    form = checked(words)
    named = picture_flags.named(words)
    with cli.loading():
        from fashionclf.curation import duplicates
        from fashionclf.deployment import descriptions, engines

        engine = engines.load(FLAGS.run, FLAGS.engine)

    described = descriptions.describe(engine, named.pictures, cache_dir=FLAGS.cache_dir,
                                      batch_size=FLAGS.batch_size)
    found = duplicates.find(named.pictures, described, named.paths)
    summary = duplicates.summary(found, len(named.paths))

    others = named.table.drop(columns=FLAGS.path_column) if FLAGS.csv_file else None
    further = {copy.number: others.iloc[copy.number].tolist() if FLAGS.csv_file else []
               for copy in found.copies}
    rows = [copy.cells(named.paths[copy.number]) + further[copy.number] for copy in found.copies]
    prediction_table.check_fits(form, FLAGS.output, len(rows), further.values())
    names = prediction_table.columns(others if FLAGS.csv_file else [], own=duplicates.COLUMNS)
    with files.replaced(FLAGS.output) as partial:
        prediction_table.write(rows, names, partial, form, bom=FLAGS.excel, types=duplicates.TYPES)
    if FLAGS.page:
        from fashionclf.curation import page

        cards = duplicates.cards(found, named.pictures, named.paths, described.digests)
        page.write(FLAGS.page, cards, title="Copies", classes=engine.spec.classes, summary=summary)

    for number, reason in found.unusable.items():
        print(f"left out: {cells.readable(named.paths[number])}: {reason}", file=sys.stderr)
    if named.ignored:
        print(f"{named.ignored} files of other kinds in the folders were ignored", file=sys.stderr)
    print(summary, file=sys.stderr)
    return 1 if found.unusable else 0


def checked(words: list[str]) -> str:
    """The format of the output, once all is checked that needs neither a model nor a list."""
    if not FLAGS.output:
        raise ValueError("--output names the file to write, e.g. --output=copies.csv")
    picture_flags.check(words)
    for flag in ("output", "page"):
        file = FLAGS[flag].value
        cli.require_place(flag, file)
        cli.require_other(flag, "csv_file")
        cli.require_other(flag, "files_from")
        if file and not FLAGS.overwrite and files.followed(file).exists():
            raise FileExistsError(f"--{flag}={file} exists: name another, or replace it with "
                                  "--overwrite")
    cli.require_other("page", "output")
    form = prediction_table.format_of(FLAGS.output, None, bom=FLAGS.excel)
    specs.read(FLAGS.run)
    return form


if __name__ == "__main__":
    cli.run(main, positional="PATH")
