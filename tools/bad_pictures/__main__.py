"""Writes bad and unusual pictures of many kinds and shows what becomes of each.

    python -m tools.bad_pictures --output=docs/bad_pictures.md

gives a Markdown table of what the audit of build_tfrecords and the reader of
predict make of each kind, and of the memory they take for it. --corpus=DIR
keeps the pictures. Takes about 20 seconds on two CPU cores; Linux only.
"""
import contextlib
import os
import sys
import tempfile
from pathlib import Path

from absl import flags

from fashionclf import cli

FLAGS = flags.FLAGS

flags.DEFINE_string("output", "-", "Markdown file to write; - for standard output.")
flags.DEFINE_string("corpus", None, "Folder to create for the pictures (default: a temporary one).")


def main(_: list[str]) -> int:
    os.environ["TQDM_DISABLE"] = "1"  # read when it is first imported
    from tools.bad_pictures.looks import HEAD, look, markdown, shown
    from tools.bad_pictures.places import write_corpus

    with contextlib.ExitStack() as stack:
        folder = FLAGS.corpus or stack.enter_context(tempfile.TemporaryDirectory())
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o755)  # as_nobody must get in
        source, kinds = write_corpus(Path(folder))
        look(source, kinds[0])  # what TensorFlow takes for itself is nobody's
        rows = [(kind, *look(source, kind)) for kind in kinds]
        table = HEAD + "".join(markdown(*row, outside=folder) for row in rows)
        wrong = [kind for kind, build, _, _ in rows if not build.startswith(kind.fate)]
    if FLAGS.output == "-":
        print(table, end="")
    else:
        Path(FLAGS.output).write_text(table, encoding="utf-8")
    for kind in wrong:
        print(f"{shown(kind.path)}: not as stated: {kind.fate}", file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    cli.run(main)
