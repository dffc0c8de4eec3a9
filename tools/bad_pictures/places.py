"""The kinds that are bad or unusual by their name or place, and the corpus of all kinds."""
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from tools.bad_pictures.kinds import BY_BYTES, JPEG, USED, Kind
from tools.bad_pictures.surgery import encode, photo

OUTSIDE = "outside.jpg"  # beside the source folder; must never be read
NOT_UTF8 = os.fsdecode(b"Coat/caf\xe9.jpg")
UNREADABLE = "Coat/unreadable.jpg"
NOBODY = 65534
LEADS_OUT = "leads out of the source folder"
NAMES = [
    ("line\nend.jpg", "a line break in its name"),
    ("it's \"new\", 50%.jpg", "quotes, a comma and % in its name"),
    ("caf&eacute; & <b>.jpg", "entities in its name"),
    ("=1+1.jpg", "a name that a spreadsheet would run as a formula"),
    (" blank .jpg", "spaces around its name"),
    ("Twin.jpg", "a name that differs only in case from ..."),
    ("twin.jpg", "... this one"),
]


def _picture(file: Path) -> None:
    file.write_bytes(encode(photo(seed=sum(file.name.encode()))))


def _same(file: Path) -> None:
    file.write_bytes(encode(photo(seed=999)))


def _absent(_: Path) -> None:
    pass


def _unreadable(file: Path) -> None:
    _picture(file)
    file.chmod(0)


def _not_utf8(file: Path) -> None:
    file.write_bytes(JPEG)


def by_place(outside: Path) -> list[Kind]:
    """Returns the kinds that are bad by their name or place.

    Args:
        outside: a picture beside the source folder, absolute.
    """
    return [
        *(Kind(f"Coat/{name}", what, USED, _picture) for name, what in NAMES),
        Kind(NOT_UTF8, "a name that is not UTF-8", "file name is not UTF-8", _not_utf8),
        Kind("Coat/same.jpg", "the same bytes under two labels: one ...", USED, _same),
        Kind("Tee/same.jpg", "... and the other", USED, _same),
        Kind(UNREADABLE, "no permission to read it", "cannot be read: Permission denied",
             _unreadable),
        Kind("Coat/fifo.jpg", "a FIFO", "not a regular file", os.mkfifo),
        Kind("Coat/folder.jpg", "a folder", "not a regular file", os.mkdir, listed=False),
        Kind("Coat/link_inside.jpg", "a link to another picture in the folder", USED,
             lambda file: file.symlink_to("../Tee/plain.jpg")),
        Kind("Coat/link_out.jpg", "a link that leads out of the source folder", LEADS_OUT,
             lambda file: file.symlink_to(outside)),
        Kind(f"Coat/linked/{OUTSIDE}", "a picture in a linked folder, named in the annotation",
             LEADS_OUT, lambda file: file.parent.symlink_to(outside.parent), listed=False),
        Kind("Coat/link_to_nothing.jpg", "a link to nothing", "missing file",
             lambda file: file.symlink_to("absent.jpg")),
        Kind("Coat/link_to_itself.jpg", "a link to itself", "missing file",
             lambda file: file.symlink_to(file)),
        Kind(f"../{OUTSIDE}", "../ in the annotation", LEADS_OUT, _absent, listed=False),
        Kind(str(outside), "an absolute path in the annotation", LEADS_OUT, _absent, listed=False),
        Kind("Coat/absent.jpg", "a file named in the annotation that does not exist",
             "missing file", _absent, listed=False),
        Kind("Coat/nul\0.jpg", "a NUL byte in a name in the annotation", "embedded null byte",
             _absent, listed=False),
    ]


def write_corpus(folder: Path) -> tuple[Path, list[Kind]]:
    """Writes a picture of each kind below `folder`, the same bytes each time.

    Returns:
        The source folder, with a folder per class, and the kinds.
    """
    source, outside = folder / "pictures", folder.resolve() / OUTSIDE
    kinds = [*BY_BYTES, *by_place(outside)]
    _same(outside)

    for label in ("Coat", "Tee"):
        (source / label).mkdir(parents=True)
    for kind in kinds:
        kind.put(source / kind.path)
    return source, kinds


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """Drops root's right to read everything for a while, if the process has it."""
    if os.geteuid():
        yield
        return

    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
