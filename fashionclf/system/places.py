"""Where output may go, checked before the work begins; paths that TensorFlow misreads."""
import contextlib
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

PATTERN = re.compile(r"[\[\]*?\\]")  # TensorFlow takes such a path for a pattern when it loads
DESCRIPTORS = re.compile(r"/dev|/proc/\d+(/task/\d+)?/fd")  # folders whose files are streams


def is_stream(file: str) -> bool:
    """Tells whether `file` can only be written on and on: a FIFO, a device, a descriptor."""
    try:
        mode = os.stat(file).st_mode
    except OSError:
        return False
    # /dev/stdout, sent to a file by the shell, is that file, but must not be replaced.
    folder = os.path.realpath(os.path.dirname(os.path.abspath(file)))
    return not stat.S_ISDIR(mode) and not (
        stat.S_ISREG(mode) and not DESCRIPTORS.fullmatch(folder))


def is_standard_output(file: str) -> bool:
    """Tells whether `file` is "-", or a name of the file that standard output goes to."""
    try:
        return file == "-" or os.path.samestat(os.stat(file), os.fstat(1))
    except OSError:
        return False


def check_file(file: str, *, streams: bool = False) -> None:
    """Raises OSError, ValueError if `file` can't be written; a link is followed.

    Args:
        streams: whether rows can go to it one by one.
    """
    if is_stream(file):
        mode = os.stat(file).st_mode
        if not streams or stat.S_ISSOCK(mode) or stat.S_ISBLK(mode):
            raise ValueError("not a plain file, which this output needs: name another")
        return

    target = os.path.realpath(file)
    folder = os.path.dirname(target)
    if os.path.islink(target):
        raise OSError("a link that leads to itself: remove it")
    if os.path.isdir(target) or not os.path.isdir(folder):
        leads = f"; it is a link to {target}" if os.path.islink(file) else ""
        raise FileNotFoundError(f"name a file in a folder that exists{leads}")
    for needed in (folder, target):
        if os.path.exists(needed) and not os.access(needed, os.W_OK):
            raise PermissionError(f"no permission to write {needed}")


@contextlib.contextmanager
def no_pattern(path: str | os.PathLike) -> Iterator[str]:
    """Gives a path of the same file, or of files with that prefix, without PATTERN's signs.

    Those may only be in the names of folders.
    """
    folder, name = os.path.split(os.path.abspath(path))
    if not PATTERN.search(folder):
        yield os.fspath(path)
        return
    with tempfile.TemporaryDirectory() as temporary:
        link = os.path.join(temporary, "same")
        os.symlink(folder, link)
        yield os.path.join(link, name)


def check_folder(folder: str | os.PathLike, *, flag: str) -> None:
    """Raises OSError if `folder`, named by `flag`, is none and can't be created."""
    place = os.path.abspath(folder)
    while not os.path.lexists(place):
        place = os.path.dirname(place)
    if not os.path.isdir(place):
        raise NotADirectoryError(f"{flag}={folder}: {place} is not a folder: name another place")
    if not os.access(place, os.W_OK):
        raise PermissionError(f"{flag}={folder}: no permission to write {place}")


def user_cache() -> Path:
    """Returns the folder of this user's cache, by the XDG Base Directory Specification."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fashionclf"
