"""The one decoder of the project: training, evaluation, prediction and audit share it."""
import functools
import io
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image

from fashionclf import jpeg_damage

FORMATS = ("JPEG", "PNG", "WEBP")
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
HEIC = (b"ftypheic", b"ftypheix", b"ftypmif1")  # as telephones write it; Pillow does not know it
MAX_PIXELS = 50_000_000  # TensorFlow's decoders allocate whatever a header claims
MAX_SIDE = 65_535  # pixels, a JPEG's; resizing a wide one first makes it image_size high

# Pillow warns of damage and of large sizes, for which a picture gets its reason here.
warnings.filterwarnings("ignore", module=r"PIL\.")


@tf.function(input_signature=[tf.TensorSpec([], tf.string)])
def decode(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes one JPEG, PNG or WEBP.

    Args:
        encoded: scalar string, the file's bytes.

    Returns:
        uint8 [height, width, 3], RGB. Transparency is dropped, grey is repeated,
        EXIF orientation is not applied (DeepFashion's pictures carry none), of
        several pictures in a JPEG or PNG the first is taken.
    """
    with tf.device("CPU:0"):  # there is no decoder elsewhere
        image = tf.cond(
            tf.strings.substr(encoded, 0, 4) == b"RIFF", lambda: _decode_webp(encoded),
            lambda: _decode_jpeg_or_png(encoded))
        return tf.ensure_shape(image, [None, None, 3])


def _decode_jpeg_or_png(encoded: tf.Tensor) -> tf.Tensor:
    return tf.io.decode_image(encoded, channels=3, expand_animations=False)


def _decode_webp(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes a still WEBP with or without transparency; an animated one is an error.

    TensorFlow 2.21 takes channels=3 for no picture with transparency, and with
    channels=0 an animation ends the process.
    """
    head = tf.io.decode_raw(encoded, tf.uint8, fixed_length=21)
    extended = tf.reduce_all(head[12:16] == tuple(b"VP8X"))
    animated = extended & (tf.bitwise.bitwise_and(head[20], 2) > 0)
    return tf.cond(
        animated, lambda: _decode_jpeg_or_png(encoded),
        lambda: tf.io.decode_image(encoded, channels=0, expand_animations=False)[..., :3])


def crop(image: tf.Tensor, bbox: tf.Tensor, margin: float) -> tf.Tensor:
    """Crops `image` to a box widened on each side by `margin` of its size.

    Args:
        image: [height, width, 3].
        bbox: int32 [4], x1, y1, x2, y2 in pixels, 1-based and inclusive as
            DeepFashion gives it; all zeros (or nothing left inside the
            picture) keeps the whole picture.
        margin: share of the box's width and height, 0 or more.
    """
    size = tf.reverse(tf.shape(image)[:2], [0])  # width, height
    low, high = bbox[:2] - 1, bbox[2:]
    widen = tf.cast(tf.round(margin * tf.cast(high - low, tf.float32)), tf.int32)
    low = tf.clip_by_value(low - widen, 0, size)
    high = tf.clip_by_value(high + widen, 0, size)
    usable = tf.reduce_all(high > low) & tf.reduce_any(bbox > 0)
    low = tf.where(usable, low, 0)
    high = tf.where(usable, high, size)
    return image[low[1]:high[1], low[0]:high[0]]


def fit(image: tf.Tensor, bbox: tf.Tensor, *, image_size: int, box_margin: float) -> tf.Tensor:
    """Crops to the box and resizes (the aspect ratio is not kept).

    Returns:
        float32 [image_size, image_size, 3], in the range of `image`.
    """
    image = tf.image.resize(crop(image, bbox, box_margin), [image_size, image_size],
                            antialias=True)
    return tf.ensure_shape(image, [image_size, image_size, 3])


def load(encoded: tf.Tensor, bbox: tf.Tensor, *, image_size: int, box_margin: float) -> tf.Tensor:
    """Decodes, crops to the box and resizes.

    Returns:
        float32 [image_size, image_size, 3], RGB, 0..255.
    """
    return fit(decode(encoded), bbox, image_size=image_size, box_margin=box_margin)


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
    return _pixels_or_reason(encoded, header, _decode_now)


class _Header(NamedTuple):
    kind: str  # one of FORMATS
    size: tuple[int, int]  # width, height
    layout: jpeg_damage.Layout | None = None  # of a JPEG


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
    if header.layout and jpeg_damage.lacks_data(encoded, header.layout, pixels, scale):
        return "cannot be decoded: a part of the picture is missing"
    return pixels


def _decode_now(encoded: bytes, kind: str) -> np.ndarray:
    """`decode` outside of a graph: for a JPEG its one operation, without a graph's overhead."""
    tensor = tf.constant(encoded)  # operations take bytes too, but by a slower way
    found = decode(tensor) if kind == "WEBP" else _decode_jpeg_or_png(tensor)
    return np.asarray(memoryview(found))  # numpy() would copy


def _luminance_now(encoded: bytes, kind: str, scale: int) -> np.ndarray:
    try:
        if kind == "JPEG":
            found = tf.io.decode_jpeg(tf.constant(encoded), channels=1, ratio=scale,
                                      acceptable_fraction=1.0)  # of its default, an int, slower
            return np.asarray(memoryview(found))
    except tf.errors.OpError:
        pass  # of four channels, which libjpeg makes no luminance of, or damaged, as is seen now
    grey = Image.fromarray(_decode_now(encoded, kind)).convert("L")
    return np.asarray(grey.reduce(scale))[..., np.newaxis]


def _said(error: tf.errors.OpError) -> str:
    """The decoder's own words, without what TensorFlow puts around them."""
    text = error.message.partition("\n\t [[")[0].splitlines()[-1]
    return text.rpartition("}} ")[2].partition(" [Op:")[0]


def _header_or_reason(encoded: bytes) -> _Header | str:
    """What the header says, or why it alone tells that these bytes can't be used."""
    if not encoded:
        return "empty file"
    is_jpeg = encoded.startswith(jpeg_damage.START)
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
    layout = jpeg_damage.layout(encoded)
    if len(layout.frame) < 6:
        return "damaged header: no frame"
    if len(layout.scans) > jpeg_damage.MAX_SCANS:
        return f"more than {jpeg_damage.MAX_SCANS} scans"
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
