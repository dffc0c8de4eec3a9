"""Files and folders: whole or not there, locked, named by their content, searched for pictures."""
import contextlib
import errno
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock

from fashionclf.system import places

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif",
                    ".tiff", ".avif", ".heic", ".heif")


def require_file(file: str | Path | None, rule: str) -> None:
    """Raises FileNotFoundError, with `rule` as the cure, where a file that is given is missing."""
    if file and not os.path.isfile(file):
        raise FileNotFoundError(f"{file}: no such file; {rule}")


def require_folder(folder: str | Path | None, rule: str) -> None:
    """The same for a folder."""
    if folder and not os.path.isdir(folder):
        raise FileNotFoundError(f"{folder}: no such folder; {rule}")


def sha256(file: Path) -> str:
    """Of the file's bytes, as 64 hex digits."""
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest(encoded: bytes) -> str:
    """A name for these bytes: 64 hex digits of SHA-256, for which processors have instructions."""
    return hashlib.sha256(encoded).hexdigest()


@contextlib.contextmanager
def replaced(file: str | Path, *, rivals: bool = False) -> Iterator[Path]:
    """Gives a name to write under, which becomes `file` at the end of the block.

    Until then it is `incomplete-<file>`, in the same folder and with the same suffix, by which
    some writers choose a format; with `rivals`, processes that write the same content at once,
    each has a name of its own. Where the block raises, it is removed and `file` stays as it was;
    a kill leaves both. Where `file` is a link, this happens to what it leads to.
    """
    if places.is_stream(file):  # a FIFO or a device would be gone
        raise ValueError(f"{file}: not a plain file, and never replaced: name another")
    file = followed(file)
    name = f"{uuid.uuid4().hex}-{file.name}" if rivals else file.name
    partial = file.with_name(f"incomplete-{name}")
    try:
        yield partial
        complete(partial, file)
    finally:
        partial.unlink(missing_ok=True)


def followed(file: str | Path) -> Path:
    """Returns the file that a link leads to, or `file` itself, which need not exist."""
    return Path(os.path.realpath(file) if os.path.islink(file) else file)


def complete(partial: Path, file: Path) -> None:
    """Gives what was written as `partial` its final name, `file`."""
    # The bytes must be on the disk before the name is: a power cut may come between.
    with open(partial, "rb+") as written:
        os.fsync(written.fileno())
    os.replace(partial, file)


def write_text(file: str | Path, text: str) -> None:
    """Writes `text` as UTF-8, whole or not at all."""
    with replaced(file) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(file: str | Path, value: object, *, indent: int = 1) -> None:
    """Writes `value` as JSON, whole or not at all."""
    write_text(file, json.dumps(value, indent=indent) + "\n")


def incomplete(file: str | Path) -> Path:
    """The name of `file` while it grows, kept after a kill so that the work can resume."""
    return Path(file).with_name(f"{Path(file).name}.incomplete")


def exclusive(lock_file: str | Path, *, otherwise: str) -> contextlib.AbstractContextManager[None]:
    """Holds a lock for the time of the block; a kill releases it.

    Raises FileExistsError, which says `otherwise`, where another process holds it.
    """
    def refuse() -> None:
        raise FileExistsError(otherwise)

    return _held(lock_file, refuse)


def waiting(lock_file: str | Path, *, until: str) -> contextlib.AbstractContextManager[None]:
    """Holds a lock for the time of the block; prints `until` where another process has it now."""
    return _held(lock_file, lambda: print(until, flush=True))


@contextlib.contextmanager
def _held(lock_file: str | Path, taken: Callable[[], None]) -> Iterator[None]:
    """Calls `taken` where another process holds the lock, then waits for it."""
    lock = filelock.FileLock(lock_file)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        taken()
        lock.acquire()

    try:
        yield
    finally:
        # Removed while it is held: a process that has opened it finds it gone and tries again.
        with contextlib.suppress(FileNotFoundError, PermissionError):  # Windows removes it itself
            os.unlink(lock.lock_file)
        lock.release()


def refuse_existing(folder: Path, *, flag: str = "--records") -> None:
    """Raises OSError where `folder`, which `flag` named, is taken or can't be created."""
    if os.path.lexists(folder):
        raise FileExistsError(f"{folder} exists and is never overwritten: "
                              f"remove it or choose another {flag}")
    places.check_folder(folder, flag=flag)


@contextlib.contextmanager
def staging(final: Path, *, flag: str = "--records") -> Iterator[Path]:
    """Gives a folder to build in, which becomes `final` when all went well.

    Until then it is called `<final>.incomplete`; what a killed build left under that name is
    cleared away by the next one. Raises FileExistsError, with the `flag` that named `final`, where
    it exists or another build writes it now.
    """
    refuse_existing(final, flag=flag)
    folder = incomplete(final)
    final.parent.mkdir(parents=True, exist_ok=True)

    # The lock lies beside the folder, which is renamed with all that is in it.
    with exclusive(f"{final}.lock", otherwise=f"another build is writing {folder}: wait for it to "
                                              f"end, or choose another {flag}"):
        try:
            if folder.exists():
                shutil.rmtree(folder)
            folder.mkdir()
            yield folder
            refuse_existing(final, flag=flag)
            folder.rename(final)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise


def walk_pictures(folder: str | Path, *,
                  follow_links: bool = False) -> tuple[list[str], int, list[OSError]]:
    """Finds the pictures below a folder by their suffix.

    Returns:
        The paths, which begin with `folder`, sorted by folder and name; the number of other files;
        an error for each folder that isn't entered: it can't be read, or is a link and
        `follow_links` is not set or it has been entered already.
    """
    paths, others, unreadable, entered = [], 0, [], {os.path.realpath(folder)}
    for parent, folders, names in os.walk(folder, onerror=unreadable.append, followlinks=True):
        for link in [os.path.join(parent, name) for name in folders]:
            target = os.path.realpath(link)
            if os.path.islink(link) and (not follow_links or target in entered):
                folders.remove(os.path.basename(link))
                why = "was entered already" if follow_links else "--follow_links enters it"
                unreadable.append(OSError(errno.ELOOP, f"link to the folder {target}: {why}", link))
            entered.add(target)
        pictures = [name for name in names if name.lower().endswith(PICTURE_SUFFIXES)]
        paths += [os.path.join(parent, name) for name in pictures]
        others += len(names) - len(pictures)
    return sorted(paths, key=lambda path: path.split(os.sep)), others, unreadable
