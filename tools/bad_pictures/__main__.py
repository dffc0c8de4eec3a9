"""Writes bad and unusual pictures of many kinds and shows what becomes of each.

    python -m tools.bad_pictures --output=docs/bad_pictures.md

writes a Markdown table: for each kind, what the audit of build_tfrecords and the reader of predict
do with it, and how much memory they take. --corpus=DIR keeps the pictures. Takes about 20 seconds
on two CPU cores; Linux only.
"""
import contextlib
import os
import sys
import tempfile
from pathlib import Path

from absl import flags

from fashionclf import cli

FLAGS = flags.FLAGS

cli.path_flag("output", "-", "Markdown file to write; - for standard output.")
cli.path_flag("corpus", None, "Folder to create for the pictures (default: a temporary one).")


def main(_: list[str]) -> int:
    os.environ["TQDM_DISABLE"] = "1"  # read when it is first imported
    from tools.bad_pictures.fates import HEAD, fates, printable, table_row
    from tools.bad_pictures.places import write_corpus

    with contextlib.ExitStack() as stack:
        folder = FLAGS.corpus or stack.enter_context(tempfile.TemporaryDirectory())
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o755)  # as_nobody must get in
        source, kinds = write_corpus(Path(folder))

        fates(source, kinds[0])  # TensorFlow's own memory counts for no picture
        rows = [(kind, *fates(source, kind)) for kind in kinds]
        table = HEAD + "".join(table_row(*row, outside=folder) for row in rows)

    if FLAGS.output == "-":
        print(table, end="")
    else:
        Path(FLAGS.output).write_text(table, encoding="utf-8")

    wrong = [kind for kind, build, _, _ in rows if not build.startswith(kind.fate)]
    for kind in wrong:
        print(f"{printable(kind.path)}: its fate is not as stated: {kind.fate}", file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    cli.run(main)
