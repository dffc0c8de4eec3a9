"""What a JPEG's headers tell, and what its decoder bears in silence.

That is scans without number, and data that is not there.

Where the data of a JPEG ends too early but its end marker is in place, as after
a repair, libjpeg at most warns on standard error and fills the rest with grey.
"""
import dataclasses
import io
import re

import numpy as np
from PIL import Image

START = b"\xff\xd8\xff"  # of a file
MAX_SCANS = 100  # an encoder writes about 10; each costs the time of the whole picture
START_OF_SCAN, END_OF_IMAGE, BARE = 0xDA, 0xD9, (0x01, 0xD8)  # BARE: no length follows
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # the three are tables and a reserve
ALL = bytes([0, 63, 0])  # a scan that holds all coefficients to their last bit (T.81, B.2.3)
GREY = 128  # of a block whose coefficients are 0
LUMINANCE = [0.299, 0.587, 0.114]  # of red, green and blue (ITU-R BT.601)
MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # neither a stuffed FF nor a restart
FILLER = b"".join(b"\x5a\x3c\x69\xa6" * 64 + bytes([0xFF, 0xD0 + n]) for n in range(8))


@dataclasses.dataclass
class Layout:
    """The headers of a JPEG's first frame and of all scans; `end`: where its end marker is."""
    frame: bytes = b""
    scans: list[bytes] = dataclasses.field(default_factory=list)
    end: int | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, which come after a byte for the precision (T.81, B.2.2)."""
        return int.from_bytes(self.frame[3:5], "big"), int.from_bytes(self.frame[1:3], "big")

    def fractional(self) -> bool:
        """Whether a component is not sampled at a whole part of the finest; libjpeg has no such."""
        sampling = self.frame[7::3]  # a byte a component: across, down
        axes = [byte >> 4 for byte in sampling], [byte & 15 for byte in sampling]
        return any(step == 0 or max(axis) % step for axis in axes for step in axis)


def layout(encoded: bytes) -> Layout:
    """Where the parts of a JPEG are; bears any damage."""
    found, at = Layout(), 2
    while marker := MARKER.search(encoded, at):
        at, kind = marker.end(), encoded[marker.end() - 1]
        if kind == END_OF_IMAGE:
            found.end = marker.start()
            break
        length = 0 if kind in BARE else int.from_bytes(encoded[at:at + 2], "big")
        if kind == START_OF_SCAN:
            found.scans.append(encoded[at + 2:at + length])
        elif kind in FRAMES and not found.frame:
            found.frame = encoded[at + 2:at + length]
        at += length
    return found


def lacks_data(encoded: bytes, found: Layout, pixels: np.ndarray, scale: int = 1) -> bool:
    """Whether some of the pixels that a decoder gave were not in the file.

    Bytes put before the end marker change the picture only where the decoder
    still waits for data. A gap of no more than the last 16 x 16 pixels may pass.

    Args:
        pixels: uint8 [H, W, C], at 1 / scale of the picture's size.
    """
    if _scans_lack(found.scans):
        return True
    single = len(found.scans) == 1
    if found.end is None or single and not _ends_filled(found, pixels, 8 // scale):
        return False
    small = 8 if single else 2  # only later scans may hold details alone
    filled = encoded[:found.end] + FILLER + encoded[found.end:]
    try:
        return _small(encoded, small) != _small(filled, small)
    except OSError:  # Pillow finds a scan broken
        return True


def _scans_lack(headers: list[bytes]) -> bool:
    """Whether a component's coefficients are not all given to their last bit (T.81, B.2.3)."""
    if len(headers) == 1 and headers[0][-3:] == ALL:
        return False
    seen, finished = set(), set()
    for header in headers:
        count = header[0]
        components = header[1:1 + 2 * count:2]
        first, last, bits = header[1 + 2 * count:4 + 2 * count]
        seen.update(components)
        if bits & 15 == 0:
            finished.update((component, coefficient) for component in components
                            for coefficient in range(first, last + 1))
    return len(finished) < 64 * max(1, len(seen))


def _ends_filled(found: Layout, pixels: np.ndarray, side: int) -> bool:
    """Whether the last block, `side` pixels a side, looks as what a decoder fills in.

    That is grey, of CMYK any one colour. The block's first row may hold a rest of another, and
    colours that reach over from the block above do not change its luminance.
    """
    height, width, channels = pixels.shape
    top, left = ((length - 1) // side * side for length in (height, width))
    block = pixels[min(top + 1, height - 1):, left:]
    if found.frame[5] == 4:  # components
        return not np.ptp(block, axis=(0, 1)).any()
    luminance = block.astype(float) @ (LUMINANCE if channels == 3 else [1])
    return bool((abs(luminance - GREY) < 2).all())


def _small(jpeg: bytes, scale: int) -> bytes:
    """The pixels at 1 / scale of the size, by Pillow, which keeps libjpeg's warnings to itself."""
    with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as picture:
        picture.draft(None, tuple(max(1, side // scale) for side in picture.size))
        return picture.tobytes()
