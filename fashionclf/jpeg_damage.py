"""What a JPEG decoder bears in silence: scans without number, and data that is not there.

Where the data of a JPEG ends too early but its end marker is in place, as after
a repair, libjpeg at most warns on standard error and fills the rest with grey.
"""
import io
import re

import numpy as np
from PIL import Image

MAX_SCANS = 100  # an encoder writes about 10; each costs the time of the whole picture
START_OF_SCAN, END_OF_IMAGE, BARE = 0xDA, 0xD9, (0x01, 0xD8)  # BARE: no length follows
MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # neither a stuffed FF nor a restart
FILLER = b"".join(b"\x5a\x3c\x69\xa6" * 64 + bytes([0xFF, 0xD0 + n]) for n in range(8))


def scans(encoded: bytes) -> tuple[list[bytes], int | None]:
    """The header of each scan of a JPEG, and where its end marker is (None: nowhere)."""
    headers, at = [], 2
    while marker := MARKER.search(encoded, at):
        at, kind = marker.end(), encoded[marker.end() - 1]
        if kind == END_OF_IMAGE:
            return headers, marker.start()
        length = 0 if kind in BARE else int.from_bytes(encoded[at:at + 2], "big")
        if kind == START_OF_SCAN:
            headers.append(encoded[at + 2:at + length])
        at += length
    return headers, None


def lacks_data(encoded: bytes, pixels: np.ndarray) -> bool:
    """Whether some of the pixels, uint8 [H, W, 3], that a decoder gave were not in the file.

    Bytes put before the end marker change the picture only where the decoder
    still waits for data. A gap of no more than the last 16 x 16 pixels may pass.
    """
    headers, end = scans(encoded)
    if _scans_lack(headers):
        return True
    if end is None or len(headers) == 1 and not _ends_flat(pixels):
        return False  # what a decoder fills in is flat
    scale = 8 if len(headers) == 1 else 2  # only later scans may hold details alone
    filled = encoded[:end] + FILLER + encoded[end:]
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
