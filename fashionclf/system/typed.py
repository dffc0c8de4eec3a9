"""Values of flags as people type them, also in flag files, where no shell takes quotes away."""
import os
import re
from collections.abc import Sequence

from fashionclf.system import packaged

QUOTES = {'"': '"', "'": "'", "“": "”", "”": "”", "„": "“", "‘": "’", "’": "’", "«": "»"}
DASHES = "‐‑‒–—―−"  # what word processors make of hyphens
NOTHING = ("#", "//")  # begin a comment


def path(text: str) -> str:
    """Returns the path with ~ expanded; raises ValueError where no such path can be meant."""
    unquoted(text)
    if text != text.strip():
        raise ValueError(f"{text!r} begins or ends with a blank: remove it")
    if re.search(r"[\x00-\x1f]", text):
        raise ValueError(f"{text!r} has a line break or control character: rename it")
    if re.match(r"\$\{?\w", text):
        raise ValueError(f"{text!r} begins with a variable that no shell has replaced: write the "
                         f"path itself, or ./{text} for a name with a dollar sign")

    expanded = os.path.expanduser(text)
    if expanded.startswith("~") and os.sep in expanded:
        raise ValueError(f"{text!r} names the home of an unknown user: write the path itself, or "
                         f"./{text} for a folder of that name")
    try:
        expanded.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{text!r} is not UTF-8, as TensorFlow's paths are: rename it") from None
    return expanded


def unquoted(text: str) -> str:
    """Returns `text`; raises ValueError if it is in quotes."""
    if len(text) > 1 and QUOTES.get(text[0]) == text[-1]:
        raise ValueError(f"{text} is in quotes, which would become part of the value: remove "
                         "them")
    return text


def word(text: str) -> str:
    """Returns a word that names a file or folder, with ~ expanded unless a file is called so."""
    return text if os.path.lexists(text) else os.path.expanduser(text)


def with_flag_files(argv: Sequence[str], outer: tuple[str, ...] = ()) -> list[str]:
    """Returns `argv` with each --flagfile replaced by its lines, up to "--".

    Raises:
        ValueError, OSError: a file is missing, includes itself, or has a line that isn't a flag.
    """
    words, rest = [], list(argv)
    while rest and rest[0] != "--":
        match = re.fullmatch(r"--?flagfile(?:=(.*))?", rest[0], re.DOTALL)
        if not match:
            words.append(rest.pop(0))
            continue
        rest.pop(0)
        file = packaged.found(path(match[1] if match[1] is not None else
                                   rest.pop(0) if rest else ""))
        if file in outer:
            raise ValueError(f"--flagfile={file}: includes itself; remove that line")
        words += with_flag_files(_flags_of(file), (*outer, file)) if file else []
    return words + rest


def _flags_of(file: str) -> list[str]:
    """Returns the flags of a file, one a line; also as Windows' editors save them."""
    try:
        with open(file, "rb") as stream:
            content = stream.read()
        wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        lines = content.decode("utf-16" if wide else "utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}: not UTF-8 text ({error.reason}); save the flag file as UTF-8"
                         ) from None
    except OSError as error:
        raise OSError(f"--flagfile={file}: cannot be read ({error.strerror})") from None

    numbered = [(number, line.strip()) for number, line in enumerate(lines, start=1)]
    kept = [(number, line) for number, line in numbered if line and not line.startswith(NOTHING)]
    for number, line in kept:
        if cure := _fault(line):
            raise ValueError(f"{file}:{number}: {line!r} isn't a flag: {cure}")
    return [line for _, line in kept]


def _fault(line: str) -> str | None:
    """Returns what to do about a line that is no --name=value."""
    if line[0] in DASHES:
        return "begin it with two plain hyphens"
    if not line.startswith("-"):
        return "write --name=value, or # before a comment"
    if re.match(r"--?\w+(\s+=?|=\s)", line):
        return "write --name=value without blanks around the ="
    if re.search(r"\s(#|//)", line):
        return "give the comment a line of its own (a value with # goes on the command line)"
    return None
