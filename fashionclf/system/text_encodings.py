"""Reads text files whose encoding nobody names: UTF-8, UTF-16, UTF-32, or a guess that is told."""
import codecs
import re
from pathlib import Path

from fashionclf.system import tables

MARKS = [(codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"),
         (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
         (codecs.BOM_UTF16_BE, "utf-16")]
SEVERAL_BYTES = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}")  # of UTF-8


def read(file: Path, encoding: str | None) -> tuple[str, list[str]]:
    """The file's text, and how it was read."""
    data = file.read_bytes()
    guess = encoding or _by_mark(data)
    if guess is None or codecs.lookup(guess).name == "utf-8":
        try:
            return tables.read_text(file), [f"{file.name}: encoded as UTF-8"]
        except ValueError as error:
            # Text of one byte a character: beside valid UTF-8 it is rather a damaged file.
            if encoding or SEVERAL_BYTES.search(data) or b"\0" in data:
                raise ValueError(f"{error}; or name its --csv_encoding") from None
            guess = "cp1252"
    try:
        text = data.decode(guess).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = len(tables.split_lines(data[:error.start].decode("latin-1")))
        raise ValueError(f"{file}:{line}: byte {data[error.start]:#04x} is not {guess} text; "
                         "name another --csv_encoding, or save the file as UTF-8") from None
    return text, [f"{file.name}: encoded as {guess}" + _doubt(text, guess, encoding)]


def _doubt(text: str, guess: str, encoding: str | None) -> str:
    """What a guess of cp1252 gave, by which a person sees whether it is right."""
    if guess != "cp1252" or encoding:
        return ""
    words = list(dict.fromkeys(re.findall(r"\w*[^\W\x00-\x7f]\w*", text)))[:3]
    return (f" (a guess, as it is not UTF-8: it gives {', '.join(words) or 'signs'}; where that "
            "is wrong, name the --csv_encoding, e.g. cp1250 or mac_roman)")


def _by_mark(data: bytes) -> str | None:
    """The encoding that a byte order mark names, or UTF-16 where every second byte is zero."""
    marked = next((name for mark, name in MARKS if data.startswith(mark)), None)
    head = data[:400]
    for first, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        if not marked and head[first::2].count(0) > len(head) / 4 > head[1 - first::2].count(0):
            marked = name
    return marked
