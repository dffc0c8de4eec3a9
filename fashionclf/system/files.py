"""Names for the content of files."""
import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path


def sha256(file: Path) -> str:
    """Of the file's bytes, as 64 hex digits."""
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest(encoded: bytes) -> str:
    """A name for these bytes: 64 hex digits of SHA-256, for which processors have instructions."""
    return hashlib.sha256(encoded).hexdigest()


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


@contextlib.contextmanager
def exclusive(folder: Path, *, otherwise: str) -> Iterator[None]:
    """Holds an existing folder or file for the time of the block; a kill releases it.

    Raises:
        FileExistsError: another process holds it; says `otherwise`.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FileExistsError(otherwise) from error
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def waiting(folder: Path) -> Iterator[None]:
    """Holds an existing folder for the time of the block, once no other process does."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another process that writes {folder}", flush=True)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def incomplete(file: str | Path) -> Path:
    """What `file` is called before it is whole."""
    return Path(file).with_name(Path(file).name + ".incomplete")


def refuse_existing(folder: Path, *, flag: str = "--records") -> None:
    """Raises FileExistsError where `folder`, which `flag` named, is taken."""
    if os.path.lexists(folder):
        raise FileExistsError(f"{folder} exists and is never overwritten: "
                              f"remove it or choose another {flag}")


@contextlib.contextmanager
def staging(final: Path, *, flag: str = "--records") -> Iterator[Path]:
    """Gives a folder to build in, which becomes `final` when all went well.

    Until then it is called `<final>.incomplete`; what a killed build left
    under that name is cleared away by the next one.

    Args:
        flag: that named `final`, for messages.

    Raises:
        FileExistsError: `final` exists, or another build writes it now.
    """
    refuse_existing(final, flag=flag)
    folder = final.with_name(final.name + ".incomplete")
    folder.mkdir(parents=True, exist_ok=True)
    with exclusive(folder, otherwise=f"another build is writing {folder}: wait for it to "
                   f"end, or choose another {flag}"):
        try:
            _clear(folder)
            yield folder
            refuse_existing(final, flag=flag)
            folder.rename(final)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise


def _clear(folder: Path) -> None:
    for entry in folder.iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
