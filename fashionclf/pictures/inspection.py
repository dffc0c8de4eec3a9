"""Checks that training can use a picture: decodes it by TensorFlow, or says why it can't."""
import functools
import io
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image

from fashionclf.pictures import decoding, headers, jpeg, reading
from fashionclf.pictures.headers import MAX_SIDE, Header


def why_unusable(encoded: bytes) -> str | None:
    """Returns why these bytes cannot be used, or None if they can.

    Checks the header first, so that a picture of absurd size is never decoded.
    """
    header = headers.header_or_reason(encoded)
    pixels = header if isinstance(header, str) else _pixels_or_reason(encoded, header, _pixels_now)
    return pixels if isinstance(pixels, str) else None


class Luminance(NamedTuple):
    """A picture's luminance (ITU-R BT.601) at 1 / scale of its size, not yet turned."""
    pixels: np.ndarray  # uint8 [height / scale, width / scale], rounded up
    size: tuple[int, int]  # width, height of these pixels at full size
    scale: int
    orientation: int  # EXIF, by which they are to be turned
    kind: str  # format of the file: see Header
    inks: bool  # of a JPEG with four components

    @property
    def plain(self) -> bool:
        """Whether decoding.decode_plain may be used instead of decoding.decode."""
        return self.kind == "JPEG" and self.orientation == 1 and not self.inks

    @property
    def size_seen(self) -> tuple[int, int]:
        """Width and height of the picture as a person sees it."""
        return self.size if self.orientation < 5 else self.size[::-1]


def luminance_or_reason(encoded: bytes, *, least: int = MAX_SIDE) -> Luminance | str:
    """Decodes the luminance alone, or returns the reason why it can't (see why_unusable).

    A JPEG stores luminance as a separate plane, and libjpeg can decode it at a half, a quarter or
    an eighth of its size: two thirds of the time of all colours. All data is still read, so that
    damage is found; missing data is found slightly more often, as flat luminance shows it. A JPEG
    is shrunk only as far as its shorter side keeps `least` pixels.
    """
    header = headers.header_or_reason(encoded)
    if isinstance(header, str):
        return header

    scale = 1
    while header.layout and scale < 8 and min(header.size) >= 2 * scale * least:
        scale *= 2

    decoder = functools.partial(_luminance_now, scale=scale)
    pixels = _pixels_or_reason(encoded, header, decoder, scale)
    if isinstance(pixels, str):
        return pixels

    # A reduced plane has its size rounded up, so that only the header tells the picture's.
    size = header.size if scale > 1 else pixels.shape[1::-1]
    if pixels.shape[1::-1] != tuple(-(-side // scale) for side in size):
        return "damaged header: its size is not that of the picture"
    return Luminance(pixels[..., 0], size, scale, header.orientation(encoded), header.kind,
                     header.inks)


def _pixels_or_reason(encoded: bytes, header: Header,
                      decoder: Callable[[bytes, Header], np.ndarray],
                      scale: int = 1) -> np.ndarray | str:
    """Runs `decoder`, which returns 1 / scale of the size, and checks that no data is missing."""
    try:
        pixels = decoder(encoded, header)
    except ValueError as error:
        return str(error)
    except tf.errors.OpError as error:
        # Worded as in predict, which reads by Pillow; else as TensorFlow's decoder has it
        found = reading.decoded_or_reason(encoded)
        text = error.message.partition("\n\t [[")[0].splitlines()[-1].rpartition("}} ")[2]
        return (found if isinstance(found, str) else
                f"cannot be decoded: {text.partition(' [Op:')[0]}")
    if header.layout and jpeg.lacks_data(encoded, header.layout, pixels, scale):
        return "cannot be decoded: a part of the picture is missing"
    return pixels


def _pixels_now(encoded: bytes, header: Header) -> np.ndarray:
    if header.kind not in headers.FORMATS:
        return reading.decoded(encoded, header.kind)
    return decoding.decode_now(encoded, header.kind, inks=header.inks)


def _luminance_now(encoded: bytes, header: Header, scale: int) -> np.ndarray:
    try:
        if header.layout and not header.inks:  # libjpeg gives no luminance of inks
            luminance = tf.io.decode_jpeg(tf.constant(encoded), channels=1, ratio=scale,
                                          acceptable_fraction=1.0)  # its default, an int, is slower
            return np.asarray(memoryview(luminance))
    except tf.errors.OpError:
        pass  # so that damage has the reason that all colours give

    grey = Image.fromarray(_pixels_now(encoded, header)).convert("L")
    return np.asarray(grey.reduce(scale))[..., np.newaxis]


def recordable(encoded: bytes) -> bytes:
    """Returns the bytes of a usable picture where TensorFlow decodes them, else those of a PNG."""
    if encoded.startswith((jpeg.START, b"\x89PNG", b"RIFF")):
        return encoded
    stream = io.BytesIO()
    Image.fromarray(reading.decoded_or_reason(encoded)).save(stream, "PNG")
    return stream.getvalue()
