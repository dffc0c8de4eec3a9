"""Finds damage in a JPEG that libjpeg silently tolerates: endless scans and missing data.

If the data of a JPEG ends too early but its end marker is in place, as after a
repair, libjpeg at most warns on standard error and fills the rest with grey.
"""
import dataclasses
import io
import re

import numpy as np
from PIL import Image

START = b"\xff\xd8\xff"  # of a file
MAX_SCANS = 100  # encoders write about 10; decoding each takes as long as the whole picture
START_OF_SCAN, END_OF_IMAGE, BARE = 0xDA, 0xD9, (0x01, 0xD8)  # BARE: no length follows
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # these three are tables or reserved
ALL = bytes([0, 63, 0])  # scan header: all coefficients, to their last bit (T.81, B.2.3)
GREY = 128  # luminance of a block whose coefficients are 0
LUMINANCE = [0.299, 0.587, 0.114]  # of red, green and blue (ITU-R BT.601)
MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # neither a stuffed FF nor a restart
FILLER = b"".join(b"\x5a\x3c\x69\xa6" * 64 + bytes([0xFF, 0xD0 + n]) for n in range(8))


@dataclasses.dataclass
class Layout:
    """The headers of a JPEG's first frame and of all scans, and the offset of its end marker."""
    frame: bytes = b""
    scans: list[bytes] = dataclasses.field(default_factory=list)
    end: int | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, which follow a byte for the precision (T.81, B.2.2)."""
        return int.from_bytes(self.frame[3:5], "big"), int.from_bytes(self.frame[1:3], "big")

    @property
    def inks(self) -> bool:
        """Whether it has four components, as for printing."""
        return self.frame[5] == 4

    def fractional(self) -> bool:
        """Returns whether a sampling factor does not divide the largest; libjpeg fails on it."""
        sampling = self.frame[7::3]  # a byte per component: horizontal, vertical
        axes = [byte >> 4 for byte in sampling], [byte & 15 for byte in sampling]
        return any(factor == 0 or max(axis) % factor for axis in axes for factor in axis)


def layout(encoded: bytes) -> Layout:
    """Locates the parts of a JPEG; never raises, whatever the damage."""
    parts, at = Layout(), 2
    while marker := MARKER.search(encoded, at):
        at, kind = marker.end(), encoded[marker.end() - 1]
        if kind == END_OF_IMAGE:
            parts.end = marker.start()
            break

        length = 0 if kind in BARE else int.from_bytes(encoded[at:at + 2], "big")
        if kind == START_OF_SCAN:
            parts.scans.append(encoded[at + 2:at + length])
        elif kind in FRAMES and not parts.frame:
            parts.frame = encoded[at + 2:at + length]
        at += length
    return parts


def lacks_data(encoded: bytes, parts: Layout, pixels: np.ndarray, scale: int = 1) -> bool:
    """Returns whether the decoder made up some of `pixels`, as the file lacks their data.

    Extra bytes before the end marker change the picture only if the decoder still waits for data.
    A gap of up to the last 16 x 16 pixels may go unnoticed. `pixels`, uint8 [H, W, C], are at
    1 / scale of the picture's size.
    """
    if _scans_lack(parts.scans):
        return True

    # A look at the last block spares most pictures the two decodings below.
    single = len(parts.scans) == 1
    if parts.end is None or single and not _ends_filled(parts, pixels, 8 // scale):
        return False

    small = 8 if single else 2  # a later scan may lack fine detail only, which 1 / 8 would not show
    filled = encoded[:parts.end] + FILLER + encoded[parts.end:]
    try:
        return _small(encoded, small) != _small(filled, small)
    except OSError:  # Pillow finds a scan broken
        return True


def _scans_lack(headers: list[bytes]) -> bool:
    """Returns whether the scans leave out bits of a component's coefficients (T.81, B.2.3)."""
    if len(headers) == 1 and headers[0][-3:] == ALL:
        return False

    seen, finished = set(), set()
    for header in headers:
        count = header[0]
        components = header[1:1 + 2 * count:2]
        first, last, bits = header[1 + 2 * count:4 + 2 * count]
        seen.update(components)
        if bits & 15 == 0:  # the scan goes down to the lowest bit
            finished.update((component, coefficient) for component in components
                            for coefficient in range(first, last + 1))
    return len(finished) < 64 * max(1, len(seen))


def _ends_filled(parts: Layout, pixels: np.ndarray, side: int) -> bool:
    """Returns whether the last block of side x side pixels looks like a decoder's filling.

    That is grey, or any single colour in CMYK. The block's first row is ignored, as it may mix
    with the block above; colours that smear over from there do not change the luminance.
    """
    height, width, channels = pixels.shape
    top, left = ((length - 1) // side * side for length in (height, width))
    block = pixels[min(top + 1, height - 1):, left:]

    if parts.inks:
        return not np.ptp(block, axis=(0, 1)).any()
    luminance = block.astype(float) @ (LUMINANCE if channels == 3 else [1])
    return bool((abs(luminance - GREY) < 2).all())


def _small(jpeg: bytes, scale: int) -> bytes:
    """Decodes at 1 / scale of the size with Pillow, which hides libjpeg's warnings."""
    with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as picture:
        picture.draft(None, tuple(max(1, side // scale) for side in picture.size))
        return picture.tobytes()
