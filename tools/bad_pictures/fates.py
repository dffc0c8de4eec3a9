"""What becomes of one picture in build and predict, and the memory that it takes."""
import contextlib
import ctypes
import os
from pathlib import Path

import pandas as pd

from fashionclf.pictures import files as picture_files
from fashionclf.pictures import loading
from fashionclf.pictures.framing import Framing
from fashionclf.records import audit
from tools.bad_pictures.kinds import USED, Kind
from tools.bad_pictures.places import UNREADABLE, as_nobody

BOUND_MB = 1400  # of memory for any one picture: a WEBP of 50 million pixels in Pillow
COMMAND = "python -m tools.bad_pictures --output=docs/bad_pictures.md"
HEAD = f"""# How bad and unusual pictures are handled

Written by `{COMMAND}` on 2 CPU cores, Linux.
"build" is the audit of `fashionclf.build_tfrecords`, "predict" is the reader of
`fashionclf.predict`. Both columns say "used", or give the reason why the picture is quarantined
(build) or gets no prediction (predict). Evaluation reads what the build used. Nothing is
repaired: a picture is used as it is or not at all.

Peak memory is how much the process grows while both read this one picture. The bound is
{BOUND_MB:,} MB per picture; as many pictures are open at a time as there are cores.
(`tests/tools/test_bad_pictures.py` checks the program against these outcomes and the bound.)

| kind | what it is | build | predict | peak memory |
|---|---|---|---|---|
"""


def fates(source: Path, kind: Kind) -> tuple[str, str, int]:
    """Returns the fate in the build, the fate in predict, and the growth of memory in MB."""
    before = reset_peak()
    with as_nobody() if kind.path == UNREADABLE else contextlib.nullcontext():
        build, predict = audited(source, kind), read(source, kind)
    return build, predict, peak_mb() - before


def audited(source: Path, kind: Kind) -> str:
    """Returns USED, or the reason by which the audit refuses this picture."""
    table = pd.DataFrame({"path": [kind.path]}, dtype=object)
    return audit.pictures(table, source)["reason"][0] or USED


def read(source: Path, kind: Kind) -> str:
    """Returns USED, or the reason why predict has no prediction for this picture."""
    picture = picture_files.Picture(path=os.path.join(source, kind.path), root=str(source))
    framing = Framing(image_size=224, box_margin=0.0)
    (_, found), = loading.load_all([picture], framing=framing, ahead=1)
    return found if isinstance(found, str) else USED


def reset_peak() -> int:
    """Resets the peak; returns what is in memory now, in MB."""
    ctypes.CDLL(None).malloc_trim(0)  # freed memory must not hide what is taken
    Path("/proc/self/clear_refs").write_text("5")
    return peak_mb()


def peak_mb() -> int:
    """Returns the process's largest resident set so far, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def table_row(kind: Kind, build: str, predict: str, peak: int, *, outside: str) -> str:
    """Renders a row of the table, without the name of the temporary folder."""
    cells = [f"`{printable(kind.path)}`", kind.what, build, predict, f"{peak} MB"]
    return f"| {' | '.join(cells)} |\n".replace(os.path.realpath(outside), "")


def printable(path: str) -> str:
    """Returns a path in one line, with escapes for line ends and for what is not UTF-8."""
    name = path.encode("utf-8", "backslashreplace").decode()
    return name.replace("\n", "\\n").replace("\0", "\\0")
