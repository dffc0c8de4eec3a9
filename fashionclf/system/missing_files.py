"""Says before a long run which listed files are missing, and where they may be instead."""
import os
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

TRIED = 20  # missing files that a hint is looked for


def check(paths: Sequence[str], *, root: str | Path, file: str | Path) -> list[str]:
    """Notes how many of `paths` (relative to `root`, listed in `file`) don't exist.

    Raises:
        FileNotFoundError: none of them exists.
    """
    root = os.path.abspath(root)
    missing = [path for path in paths if not os.path.exists(os.path.join(root, path))]
    if not missing:
        return []

    hints = filter(None, (hint(root, path) for path in missing[:TRIED]))
    why = next(hints, "")
    if len(missing) == len(paths):
        raise FileNotFoundError(
            f"{file}: none of {len(paths):,} pictures was found below {root}; --source_dir says "
            f"where they are. The first is {missing[0]!r}{why and f': {why}'}")
    return [f"{len(missing):,} of {len(paths):,} pictures are not below {root}; the first is "
            f"{missing[0]!r}{why and f' ({why})'}"]


def hint(root: str, path: str) -> str:
    """Says under which other name a missing file is there; "" if nothing like it is."""
    if re.match(r"\w+://", path):
        return "it is an address on the web; download the pictures first"
    for folder in _folders(root):
        if os.path.exists(os.path.join(root, folder, path)):
            return f"--source_dir={os.path.join(root, folder)} has it"

    # Without blanks, escapes and backslashes, then without its first folders.
    plain = unquote(path.strip()).replace("\\", "/")
    parts = [part for part in plain.split("/") if part]
    for start in range(len(parts)):
        found = _in_any_case(root, parts[start:])
        if found and found != path:
            return f"{found!r} is there: {_difference(path, found)}"
    return ""


def _folders(root: str) -> list[str]:
    if not os.path.isdir(root):
        return []
    with os.scandir(root) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir())[:TRIED]


def _in_any_case(root: str, parts: list[str]) -> str | None:
    """A file below `root` with these names, whatever their case and the suffix of the last."""
    found = ""
    for depth, part in enumerate(parts, start=1):
        try:
            names = sorted(os.listdir(os.path.join(root, found)))
        except OSError:
            return None
        last = depth == len(parts)
        wanted = part.casefold()
        stem = os.path.splitext(wanted)[0]
        name = (part if part in names else None) or next(
            (name for name in names if name.casefold() == wanted), None) or next(
            (name for name in names if last and os.path.splitext(name.casefold())[0] == stem), None)
        if name is None:
            return None
        found = os.path.join(found, name)
    return found if found and os.path.isfile(os.path.join(root, found)) else None


def _difference(path: str, found: str) -> str:
    """Names the first thing in which a listed path differs from a file's."""
    if os.path.isabs(path) or re.match(r"[A-Za-z]:\\", path):
        return "the list has an absolute path; write it relative to --source_dir"
    if path != path.strip():
        return "the list has blanks at the ends"
    if "\\" in path:
        return "the list has backslashes; write '/'"
    if unquote(path) != path:
        return "the list has it as in a web address; write the plain name"
    if os.path.splitext(path)[1] != os.path.splitext(found)[1] and (
            os.path.splitext(path)[1].casefold() != os.path.splitext(found)[1].casefold()):
        return "it has another suffix"
    if path.casefold() == found.casefold():
        return "its name is in another case"
    return "without the first folders; --source_dir is a folder too deep"
