"""Finds the picture files that a user names, and reads their bytes."""
import codecs
import dataclasses
import errno
import functools
import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

from fashionclf.system import files

MAX_BYTES = 200_000_000  # a picture of inspection.MAX_PIXELS takes less


@dataclasses.dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture file that a user named."""
    path: str  # as shown to the user
    root: str  # folder that the file must not lead out of
    fault: str | None = None  # why it can't be read, if that is already known

    def bytes_or_reason(self) -> bytes | str:
        """Returns the file's bytes, or the reason why they can't be read."""
        return self.fault or bytes_or_reason(self.root, os.path.abspath(self.path))

    def stamp(self) -> list[int] | None:
        """Returns what tells cheaply whether the file has changed; None if it isn't there."""
        try:
            facts = os.stat(self.path)
        except (OSError, ValueError):
            return None
        return [facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns]  # chmod changes the last


def find(words: Iterable[str], *, follow_links: bool = False) -> tuple[list[Picture], int]:
    """Lists files (whatever their name, there or not) and the pictures in folders (walk_pictures).

    Returns:
        The pictures, in the order of `words` and sorted within a folder, and the number of other
        files in the folders. Raises ValueError if a folder contains no pictures.
    """
    pictures, ignored = [], 0
    for word in words:
        if not os.path.isdir(word):
            pictures.append(Picture(path=word, root=os.sep))
            continue

        paths, others, unreadable = files.walk_pictures(word, follow_links=follow_links)
        root = os.sep if follow_links else word
        in_folder = [Picture(path=path, root=root) for path in paths]
        in_folder += [Picture(path=error.filename, root=word,
                              fault=f"cannot be read: {error.strerror}") for error in unreadable]
        if not in_folder:
            raise ValueError(
                f"{word}: contains no pictures ({', '.join(files.PICTURE_SUFFIXES)}), {others} "
                "other files; give a folder of pictures, or picture files")
        pictures += sorted(in_folder, key=lambda picture: picture.path.split(os.sep))
        ignored += others
    return pictures, ignored


def listed(file: str) -> list[str]:
    """Reads a list of files and folders: one a line, or separated by NUL as by `find -print0`.

    Args:
        file: "-" for standard input.

    Raises:
        ValueError: it names none.
    """
    if file == "-":
        content = sys.stdin.buffer.read()
    else:
        with open(file, "rb") as stream:
            content = stream.read()
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):  # Windows' PowerShell
        content = content.decode("utf-16").encode()
    content = content.removeprefix(codecs.BOM_UTF8)

    # No path contains a NUL, and one that ends in a CR is a line of Windows.
    lines = content.replace(b"\r\n", b"\n").split(b"\n")
    paths = [os.fsdecode(path) for path in
             (content.split(b"\0") if b"\0" in content else lines) if path]
    if not paths:
        raise ValueError(f"--files_from={file}: names no pictures; write a path a line, or "
                         "separate them by NUL (find -print0)")
    return paths


def bytes_or_reason(images_root: str | Path, path: str, *,
                    follow_links: bool = False) -> bytes | str:
    """Returns a picture's bytes, or the reason why they can't be read (see `read_image`)."""
    try:
        path.encode()
        return read_image(images_root, path, follow_links=follow_links)
    except UnicodeEncodeError:
        return "file name is not UTF-8"
    except ValueError as error:
        return str(error)
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def read_image(images_root: str | Path, path: str, *, follow_links: bool = False) -> bytes:
    """Reads one picture's bytes; `follow_links` lets it lie outside of `images_root`.

    Raises:
        ValueError: `path` is missing, leads out of `images_root`, is not a regular file, or is
            larger than MAX_BYTES.
        OSError: it cannot be read.
    """
    root = _real(os.fspath(images_root))
    folder, name = os.path.split(os.path.join(root, path))
    file = os.path.join(_real(folder), name)
    if name in ("", ".", "..") or os.path.islink(file):
        file = os.path.realpath(file)  # unlike Path.resolve(), tolerates a loop of links
    if not follow_links and not file.startswith(os.path.join(root, "")):
        raise ValueError("leads out of the source folder" + (
            f": a link to {file} (--follow_links reads it)"
            if file != os.path.normpath(os.path.join(root, path)) else ""))

    try:
        facts = os.stat(file)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise ValueError("missing file") from error
        raise
    if not stat.S_ISREG(facts.st_mode):  # opening a FIFO would wait for ever
        raise ValueError("not a regular file")
    if facts.st_size > MAX_BYTES:
        raise ValueError(f"larger than the limit of {MAX_BYTES:,} bytes")

    descriptor = os.open(file, os.O_RDONLY)  # a third of the time that a file object takes
    try:
        return os.read(descriptor, facts.st_size)
    finally:
        os.close(descriptor)


@functools.lru_cache(maxsize=16)  # pictures of a folder come in a row: halves the reading time
def _real(folder: str) -> str:
    return os.path.realpath(folder)
