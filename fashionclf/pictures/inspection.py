"""Checks a picture's header and data; returns its pixels, or the reason why it is unusable."""
import functools
import io
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image

from fashionclf.pictures import decoding, jpeg, orientation, other_formats
from fashionclf.pictures.files import Picture

FORMATS = ("JPEG", "PNG", "WEBP")  # which TensorFlow decodes, in records and exported models too
KNOWN = ", ".join([*FORMATS, *other_formats.KINDS])
MAX_PIXELS = 50_000_000  # TensorFlow's decoders allocate the size that the header claims
MAX_SIDE = 65_535  # pixels, as in a JPEG; resizing first makes a wide picture image_size high

# Pillow warns of damage and of large sizes; here they become reasons.
warnings.filterwarnings("ignore", module=r"PIL\.")


def why_unusable(encoded: bytes) -> str | None:
    """Returns why these bytes cannot be used, or None if they can."""
    pixels = decoded_or_reason(encoded)
    return pixels if isinstance(pixels, str) else None


def decoded_or_reason(encoded: bytes) -> np.ndarray | str:
    """Decodes to uint8 [height, width, 3], RGB, or returns why these bytes can't be used.

    Checks the header first, so that a picture of absurd size is never decoded.
    """
    header = _header_or_reason(encoded)
    if isinstance(header, str):
        return header
    pixels = _pixels_or_reason(encoded, header, _pixels_now)
    if isinstance(pixels, str):
        return pixels
    return decoding.turned_now(pixels, header.orientation(encoded))


def pixels_or_reason(picture: Picture) -> np.ndarray | str:
    """Reads and decodes a file to uint8 [height, width, 3], or returns why it can't be used."""
    encoded = picture.bytes_or_reason()
    return encoded if isinstance(encoded, str) else decoded_or_reason(encoded)


class _Header(NamedTuple):
    kind: str  # one of FORMATS or other_formats.KINDS
    size: tuple[int, int]  # width, height as stored
    layout: jpeg.Layout | None = None  # of a JPEG

    def orientation(self, encoded: bytes) -> int:
        """By which the decoded pixels are still to be turned."""
        mark = orientation.MARKS.get(self.kind)  # most pictures have none, and `of` can be spared
        return int(orientation.of(encoded)) if mark and mark in encoded else 1


class Luminance(NamedTuple):
    """A picture's luminance (ITU-R BT.601) at 1 / scale of its size, not yet turned."""
    pixels: np.ndarray  # uint8 [height / scale, width / scale], rounded up
    size: tuple[int, int]  # width, height of these pixels at full size
    scale: int
    orientation: int  # EXIF, by which they are to be turned
    kind: str  # format of the file: one of FORMATS or other_formats.KINDS
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
    """Decodes the luminance alone, or returns the reason why it can't (see decoded_or_reason).

    A JPEG stores luminance as a separate plane, and libjpeg can decode it at a half, a quarter or
    an eighth of its size: two thirds of the time of all colours. All data is still read, so that
    damage is found; missing data is found slightly more often, as flat luminance shows it. A JPEG
    is shrunk only as far as its shorter side keeps `least` pixels.
    """
    header = _header_or_reason(encoded)
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
    inks = header.layout is not None and header.layout.inks
    return Luminance(pixels[..., 0], size, scale, header.orientation(encoded), header.kind, inks)


def _pixels_or_reason(encoded: bytes, header: _Header,
                      decoder: Callable[[bytes, _Header], np.ndarray],
                      scale: int = 1) -> np.ndarray | str:
    """Runs `decoder`, which returns 1 / scale of the size, and checks that no data is missing."""
    try:
        pixels = decoder(encoded, header)
    except ValueError as error:
        return str(error)
    except tf.errors.OpError as error:
        # The decoder's own message, without TensorFlow's additions
        text = error.message.partition("\n\t [[")[0].splitlines()[-1].rpartition("}} ")[2]
        return f"cannot be decoded: {text.partition(' [Op:')[0]}"
    if header.layout and jpeg.lacks_data(encoded, header.layout, pixels, scale):
        return "cannot be decoded: a part of the picture is missing"
    return pixels


def _pixels_now(encoded: bytes, header: _Header) -> np.ndarray:
    if header.kind in other_formats.KINDS:
        return other_formats.pixels(encoded)
    inks = header.layout is not None and header.layout.inks
    return decoding.decode_now(encoded, header.kind, inks=inks)


def _luminance_now(encoded: bytes, header: _Header, scale: int) -> np.ndarray:
    try:
        if header.layout and not header.layout.inks:  # libjpeg gives no luminance of inks
            luminance = tf.io.decode_jpeg(tf.constant(encoded), channels=1, ratio=scale,
                                          acceptable_fraction=1.0)  # its default, an int, is slower
            return np.asarray(memoryview(luminance))
    except tf.errors.OpError:
        pass  # so that damage has the reason that all colours give

    grey = Image.fromarray(_pixels_now(encoded, header)).convert("L")
    return np.asarray(grey.reduce(scale))[..., np.newaxis]


def _header_or_reason(encoded: bytes) -> _Header | str:
    """Reads the header, or returns the reason for which it already rules the picture out."""
    if not encoded:
        return "empty file"

    is_jpeg = encoded.startswith(jpeg.START)
    header = _jpeg_header_or_reason(encoded) if is_jpeg else _other_header_or_reason(encoded)
    if isinstance(header, str):
        return header

    width, height = header.size
    if width * height > MAX_PIXELS:
        return f"{width} x {height} pixels is over the limit of {MAX_PIXELS:,}"
    if max(width, height) > MAX_SIDE:
        return f"{width} x {height} pixels: a side is over the limit of {MAX_SIDE:,}"
    return header


def _jpeg_header_or_reason(encoded: bytes) -> _Header | str:
    layout = jpeg.layout(encoded)
    if len(layout.frame) < 6:
        return "damaged header: no frame"
    if len(layout.scans) > jpeg.MAX_SCANS:
        return f"more than {jpeg.MAX_SCANS} scans"
    if layout.fractional():
        return "cannot be decoded: fractional sampling"
    return _Header("JPEG", layout.size, layout)


def _other_header_or_reason(encoded: bytes) -> _Header | str:
    """Reads the header of anything but a JPEG with Pillow."""
    kinds = other_formats.kinds_or_reason(encoded)
    if isinstance(kinds, str):
        return kinds
    try:
        with Image.open(io.BytesIO(encoded), formats=("PNG", "WEBP", *kinds)) as header:
            kind, size = header.format, header.size
            animated = kind == "WEBP" and header.is_animated
    except Image.DecompressionBombError:
        return f"more pixels than the limit of {MAX_PIXELS:,}"
    except Image.UnidentifiedImageError:
        return f"not a picture that is read ({KNOWN}), or its header is damaged"
    except Exception as error:  # Pillow's readers raise any type on damaged data
        return f"damaged header: {error}"
    if animated:
        return "animated WEBP is not read; save one of its pictures"
    return _Header(kind, size)


def recordable(encoded: bytes) -> bytes:
    """Returns the bytes of a usable picture where TensorFlow decodes them, else those of a PNG."""
    is_known = encoded.startswith((jpeg.START, b"\x89PNG", b"RIFF"))
    return encoded if is_known else other_formats.as_png(encoded)
