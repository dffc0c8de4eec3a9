"""Files that are whole or not there, whatever ends the process that writes them."""
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replaced(file: str | Path) -> Iterator[Path]:
    """Gives a name to write under, which becomes `file` at the end of the block.

    Until then it is `incomplete-<file>`, in the same folder and with the same suffix, by which
    some writers choose a format. Where the block raises, it is removed and `file` stays as it
    was; a kill leaves both.
    """
    file = Path(file)
    partial = file.with_name(f"incomplete-{file.name}")
    try:
        yield partial

        # The bytes must be on the disk before the name is: a power cut may come between.
        with open(partial, "rb") as written:
            os.fsync(written.fileno())
        os.replace(partial, file)
    finally:
        partial.unlink(missing_ok=True)


def write_text(file: str | Path, text: str) -> None:
    """Writes `text` as UTF-8, whole or not at all."""
    with replaced(file) as partial:
        partial.write_text(text, encoding="utf-8")
