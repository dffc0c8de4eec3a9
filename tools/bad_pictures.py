"""Writes bad and unusual pictures of many kinds and shows what becomes of each.

    python -m tools.bad_pictures --output=tests/bad_pictures.md

gives a Markdown table of what the audit of build_tfrecords and the reader of
predict make of each kind, and of the memory they take for it. --corpus=DIR
keeps the pictures. Takes about 20 seconds on two CPU cores; Linux only.
"""
import contextlib
import ctypes
import os
import sys
import tempfile
from pathlib import Path

from absl import flags

from fashionclf import cli
from tools.spoiling.kinds import USED, Kind
from tools.spoiling.places import UNREADABLE, as_nobody, write_corpus

FLAGS = flags.FLAGS

flags.DEFINE_string("output", "-", "Markdown file to write; - for standard output.")
flags.DEFINE_string("corpus", None, "Folder to create for the pictures (default: a temporary one).")

BOUND_MB = 800  # of memory for any one picture
COMMAND = "python -m tools.bad_pictures --output=tests/bad_pictures.md"
HEAD = f"""# What becomes of bad and unusual pictures

Written by `{COMMAND}` on 2 CPU cores, Linux.
"build" is the audit of `fashionclf.build_tfrecords`, "predict" the reader of
`fashionclf.predict`; either "used" or the reason with which the picture is quarantined
(build) or gets no prediction (predict). Evaluation reads what the build used. Nothing is
repaired: a picture is used as it is or not at all.

The memory is what the process grows by at its peak, while both look at this one picture.
Bound: {BOUND_MB} MB for each picture that is looked at; as many as there are cores are at a time.
(`tests/test_bad_pictures.py` holds the program to this table's fates and bound.)

| kind | what it is | build | predict | peak memory |
|---|---|---|---|---|
"""


def main(_: list[str]) -> int:
    os.environ["TQDM_DISABLE"] = "1"
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


def look(source: Path, kind: Kind) -> tuple[str, str, int]:
    """The fate in the build, the fate in predict, and the growth of memory in MB."""
    before = reset_peak()
    with as_nobody() if kind.path == UNREADABLE else contextlib.nullcontext():
        build, predict = audited(source, kind), read(source, kind)
    return build, predict, peak_mb() - before


def audited(source: Path, kind: Kind) -> str:
    """USED, or the reason by which the audit refuses this picture."""
    import pandas as pd

    from fashionclf import audit

    table = pd.DataFrame({"path": [kind.path]}, dtype=object)
    return audit.pictures(table, source, workers=1)["reason"][0] or USED


def read(source: Path, kind: Kind) -> str:
    """USED, or the reason for which predict has no answer for this picture."""
    from fashionclf import picture_files

    picture = picture_files.Picture(os.path.join(source, kind.path), str(source))
    (_, found), = picture_files.load_all([picture], image_size=224, ahead=1)
    return found if isinstance(found, str) else USED


def reset_peak() -> int:
    """Starts to measure the peak anew; gives what is in memory now, in MB."""
    ctypes.CDLL(None).malloc_trim(0)  # what was freed must not hide what is taken
    Path("/proc/self/clear_refs").write_text("5")
    return peak_mb()


def peak_mb() -> int:
    """The process's largest resident set so far, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def markdown(kind: Kind, build: str, predict: str, peak: int, *, outside: str) -> str:
    """A row of the table, without the name of the temporary folder."""
    cells = [f"`{shown(kind.path)}`", kind.what, build, predict, f"{peak} MB"]
    return f"| {' | '.join(cells)} |\n".replace(os.path.realpath(outside), "")


def shown(path: str) -> str:
    """A path in one line, with escapes for what is no character of UTF-8 or no letter."""
    name = path.encode("utf-8", "backslashreplace").decode()
    return name.replace("\n", "\\n").replace("\0", "\\0")


if __name__ == "__main__":
    cli.run(main)
