"""EXIF orientation without TensorFlow: reads what orientation.py reads, to the same rules."""
import numpy as np

from fashionclf.pictures.framing import mirrored

# What precedes the EXIF data of a file: in a segment of a JPEG, in a chunk of a PNG or WEBP.
MARKS = {"JPEG": b"Exif\0\0", "PNG": b"eXIf", "WEBP": b"EXIF"}
MOST_MARKS = 16  # looked at; a text may contain one too
TAG, SHORT, LONG = 0x0112, 3, 4  # TIFF 6.0, pages 14 to 16 and 36


def orientation(encoded: bytes, kind: str) -> int:
    """Reads the orientation, 1 to 8, of a JPEG, PNG or WEBP; 1 if it is missing or damaged.

    Only EXIF counts, as in browsers: neither XMP nor EXIF within a text chunk of a PNG.
    """
    mark = MARKS[kind]
    if mark not in encoded:  # as in most pictures
        return 1

    parts = encoded.split(mark, MOST_MARKS)
    end = 0
    for before, after in zip(parts, parts[1:]):
        end += len(before) + len(mark)

        # In a WEBP the chunk's length follows the mark; some writers repeat that of a JPEG.
        skipped = 4 if kind == "WEBP" else 0
        skipped += 6 * (after[skipped:skipped + 6] == MARKS["JPEG"])

        # The mark may be part of a text: a TIFF header follows it, in a JPEG segment APP1 begins.
        in_segment = kind != "JPEG" or before[-4:-2] == b"\xff\xe1"
        if in_segment and after[skipped:skipped + 4] in (b"II*\0", b"MM\0*"):
            return _in_directory(encoded[end + skipped:])
    return 1


def _in_directory(block: bytes) -> int:
    """Searches the entries of the first directory (IFD0) of a TIFF block."""
    order = "little" if block.startswith(b"I") else "big"

    def number(at: int, size: int) -> int:
        return int.from_bytes(block[at:at + size].ljust(size, b"\0"), order)

    start = number(4, 4)
    if start < 8:
        return 1
    found = 1
    last = min(len(block), start + 2 + 12 * number(start, 2)) - 12  # whole entries only
    for at in range(start + 2, last + 1, 12):
        kind = number(at + 2, 2)
        value = number(at + 8, 4 if kind == LONG else 2)
        if number(at, 2) == TAG and kind in (SHORT, LONG) and number(at + 4, 4) == 1 and (
                1 <= value <= 8):
            found = value
    return found


def turned(pixels: np.ndarray, by: int) -> np.ndarray:
    """Turns and mirrors [H, W, C] as its orientation says (Exif 2.32, 4.6.4 A)."""
    if by == 1:
        return pixels
    across, down = mirrored(by)
    pixels = pixels.transpose(1, 0, 2) if by >= 5 else pixels
    return np.ascontiguousarray(pixels[::-1 if down else 1, ::-1 if across else 1])
