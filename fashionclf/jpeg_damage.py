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

MAX_SCANS = 100  # an encoder writes about 10; each costs the time of the whole picture
START_OF_SCAN, END_OF_IMAGE, BARE = 0xDA, 0xD9, (0x01, 0xD8)  # BARE: no length follows
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # the three are tables and a reserve
MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # neither a stuffed FF nor a restart
FILLER = b"".join(b"\x5a\x3c\x69\xa6" * 64 + bytes([0xFF, 0xD0 + n]) for n in range(8))


@dataclasses.dataclass
class Layout:
    """The headers of a JPEG's frame and of each of its scans; `end`: where its end marker is."""
    frame: bytes = b""
    scans: list[bytes] = dataclasses.field(default_factory=list)
    end: int | None = None

    def fractional(self) -> bool:
        """Whether a component is not sampled at a whole part of the finest; libjpeg has no such."""
        sampling = self.frame[7::3]  # a byte a component: across, down (T.81, B.2.2)
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
        elif kind in FRAMES:
            found.frame = encoded[at + 2:at + length]
        at += length
    return found


def lacks_data(encoded: bytes, found: Layout, pixels: np.ndarray) -> bool:
    """Whether some of the pixels, uint8 [H, W, C], that a decoder gave were not in the file.

    Bytes put before the end marker change the picture only where the decoder
    still waits for data. A gap of no more than the last 16 x 16 pixels may pass.
    """
    if _scans_lack(found.scans):
        return True
    single = len(found.scans) == 1
    if found.end is None or single and not _ends_flat(pixels):
        return False  # what a decoder fills in is flat
    scale = 8 if single else 2  # only later scans may hold details alone
    filled = encoded[:found.end] + FILLER + encoded[found.end:]
    try:
        return _small(encoded, scale) != _small(filled, scale)
    except OSError:  # Pillow finds a scan broken
        return True


def _scans_lack(headers: list[bytes]) -> bool:
    """Whether a component's coefficients are not all given to their last bit (T.81, B.2.3)."""
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


def _ends_flat(pixels: np.ndarray) -> bool:
    """Whether the last block of 8 x 8 has one colour; its first row may hold a rest of another."""
    height, width, _ = pixels.shape
    top, left = ((side - 1) // 8 * 8 for side in (height, width))
    block = pixels[min(top + 1, height - 1):, left:]
    return not np.ptp(block, axis=(0, 1)).any()


def _small(jpeg: bytes, scale: int) -> bytes:
    """The pixels at 1 / scale of the size, by Pillow, which keeps libjpeg's warnings to itself."""
    with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as picture:
        picture.draft(None, tuple(max(1, side // scale) for side in picture.size))
        return picture.tobytes()
