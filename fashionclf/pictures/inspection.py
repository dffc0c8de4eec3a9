"""Checks a picture before and after it is decoded: its pixels, or the reason why not."""
import functools
import io
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image

from fashionclf.pictures import decoding, jpeg
from fashionclf.pictures.files import Picture

FORMATS = ("JPEG", "PNG", "WEBP")
HEIC = (b"ftypheic", b"ftypheix", b"ftypmif1")  # as telephones write it; Pillow does not know it
MAX_PIXELS = 50_000_000  # TensorFlow's decoders allocate whatever a header claims
MAX_SIDE = 65_535  # pixels, a JPEG's; resizing a wide one first makes it image_size high


# Pillow warns of damage and of large sizes, for which a picture gets its reason here.
warnings.filterwarnings("ignore", module=r"PIL\.")


def why_unusable(encoded: bytes) -> str | None:
    """Says why `load` could not use these bytes, or None where it could."""
    found = decoded_or_reason(encoded)
    return found if isinstance(found, str) else None


def decoded_or_reason(encoded: bytes) -> np.ndarray | str:
    """What `decode` makes of these bytes, uint8 [height, width, 3], or why it can't.

    The header is read first, so that a picture of absurd size is never decoded.
    """
    header = _header_or_reason(encoded)
    if isinstance(header, str):
        return header
    return _pixels_or_reason(encoded, header, decoding.decode_now)


def pixels_or_reason(picture: Picture) -> np.ndarray | str:
    """uint8 [height, width, 3] of a picture file, or the reason why it can't be used."""
    encoded = picture.bytes_or_reason()
    return encoded if isinstance(encoded, str) else decoded_or_reason(encoded)


class _Header(NamedTuple):
    kind: str  # one of FORMATS
    size: tuple[int, int]  # width, height
    layout: jpeg.Layout | None = None  # of a JPEG


class Luminance(NamedTuple):
    """A picture's luminance (ITU-R BT.601) at 1 / scale of its size."""
    pixels: np.ndarray  # uint8 [height / scale, width / scale], rounded up
    size: tuple[int, int]  # width, height of the picture
    scale: int


def luminance_or_reason(encoded: bytes, *, least: int = MAX_SIDE) -> Luminance | str:
    """As decoded_or_reason, the luminance alone, reduced where `least` pixels a side are left.

    A JPEG holds it as a plane of its own, in blocks of which each can be computed at a half, a
    quarter or an eighth of its size: two thirds of the time of all colours. Damage shows as well,
    as all data is read; missing data shows as flat luminance, so that a little more is found.
    """
    header = _header_or_reason(encoded)
    if isinstance(header, str):
        return header
    scale = 1
    while header.layout and scale < 8 and min(header.size) >= 2 * scale * least:
        scale *= 2
    pixels = _pixels_or_reason(encoded, header,
                               functools.partial(_luminance_now, scale=scale), scale)
    if isinstance(pixels, str):
        return pixels
    size = header.size if scale > 1 else pixels.shape[1::-1]
    if pixels.shape[1::-1] != tuple(-(-side // scale) for side in size):
        return "damaged header: another size than the picture's"
    return Luminance(pixels[..., 0], size, scale)


def _pixels_or_reason(encoded: bytes, header: _Header, decoder: Callable[[bytes, str], np.ndarray],
                      scale: int = 1) -> np.ndarray | str:
    """What `decoder` makes of the bytes, at 1 / scale of their size, or what they lack."""
    try:
        pixels = decoder(encoded, header.kind)
    except tf.errors.OpError as error:
        return f"cannot be decoded: {_said(error)}"
    if header.layout and jpeg.lacks_data(encoded, header.layout, pixels, scale):
        return "cannot be decoded: a part of the picture is missing"
    return pixels


def _luminance_now(encoded: bytes, kind: str, scale: int) -> np.ndarray:
    try:
        if kind == "JPEG":
            found = tf.io.decode_jpeg(tf.constant(encoded), channels=1, ratio=scale,
                                      acceptable_fraction=1.0)  # of its default, an int, slower
            return np.asarray(memoryview(found))
    except tf.errors.OpError:
        pass  # of four channels, which libjpeg makes no luminance of, or damaged, as is seen now
    grey = Image.fromarray(decoding.decode_now(encoded, kind)).convert("L")
    return np.asarray(grey.reduce(scale))[..., np.newaxis]


def _said(error: tf.errors.OpError) -> str:
    """The decoder's own words, without what TensorFlow puts around them."""
    text = error.message.partition("\n\t [[")[0].splitlines()[-1]
    return text.rpartition("}} ")[2].partition(" [Op:")[0]


def _header_or_reason(encoded: bytes) -> _Header | str:
    """What the header says, or why it alone tells that these bytes can't be used."""
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
    try:
        with Image.open(io.BytesIO(encoded)) as header:
            kind, (width, height) = header.format, header.size
    except Image.DecompressionBombError:
        return f"more pixels than the limit of {MAX_PIXELS:,}"
    except Image.UnidentifiedImageError:
        if encoded[4:12] in HEIC:
            return f"HEIC is not one of {', '.join(FORMATS)}"
        return "not a picture (no known image header, or a damaged one)"
    except Exception as error:  # Pillow's readers raise whatever damage makes them trip over
        return f"damaged header: {error}"
    if kind not in FORMATS:
        return f"{kind} is not one of {', '.join(FORMATS)}"
    return _Header(kind, (width, height))
