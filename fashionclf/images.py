"""The one decoder of the project: training, evaluation, prediction and audit share it."""
import io
import warnings
from collections.abc import Callable

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
    return _checked(encoded, _decode_now)


def luminance_or_reason(encoded: bytes) -> np.ndarray | str:
    """As decoded_or_reason, the luminance alone (ITU-R BT.601), uint8 [height, width, 1].

    A JPEG holds it as a plane of its own: that colours are not computed saves a fifth.
    Missing data shows as flat luminance, so that a little more of it is found.
    """
    return _checked(encoded, _luminance_now)


def _checked(encoded: bytes, decoder: Callable[[bytes, str], np.ndarray]) -> np.ndarray | str:
    kind = _kind_or_reason(encoded)
    if kind not in FORMATS:
        return kind
    layout = jpeg_damage.layout(encoded) if kind == "JPEG" else jpeg_damage.Layout()
    if len(layout.scans) > jpeg_damage.MAX_SCANS:
        return f"more than {jpeg_damage.MAX_SCANS} scans"
    if layout.fractional():
        return "cannot be decoded: fractional sampling"
    try:
        pixels = decoder(encoded, kind)
    except tf.errors.OpError as error:
        return f"cannot be decoded: {_said(error)}"
    if kind == "JPEG" and jpeg_damage.lacks_data(encoded, layout, pixels):
        return "cannot be decoded: a part of the picture is missing"
    return pixels


def _decode_now(encoded: bytes, kind: str) -> np.ndarray:
    """`decode` outside of a graph: for a JPEG its one operation, without a graph's overhead."""
    found = decode(tf.constant(encoded)) if kind == "WEBP" else _decode_jpeg_or_png(encoded)
    return np.asarray(memoryview(found))  # numpy() would copy


def _luminance_now(encoded: bytes, kind: str) -> np.ndarray:
    try:
        if kind == "JPEG":
            return np.asarray(memoryview(tf.io.decode_jpeg(encoded, channels=1)))
    except tf.errors.OpError:
        pass  # of four channels, which libjpeg makes no luminance of, or damaged, as is seen now
    return np.asarray(Image.fromarray(_decode_now(encoded, kind)).convert("L"))[..., np.newaxis]


def _said(error: tf.errors.OpError) -> str:
    """The decoder's own words, without what TensorFlow puts around them."""
    text = error.message.partition("\n\t [[")[0].splitlines()[-1]
    return text.rpartition("}} ")[2].partition(" [Op:")[0]


def _kind_or_reason(encoded: bytes) -> str:
    """One of FORMATS, or why the header alone tells that these bytes can't be used."""
    if not encoded:
        return "empty file"
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
    kind = "JPEG" if kind == "MPO" else kind  # several JPEGs in a row, as phones write them
    if kind not in FORMATS:
        return f"{kind} is not one of {', '.join(FORMATS)}"
    if width * height > MAX_PIXELS:
        return f"{width} x {height} pixels is over the limit of {MAX_PIXELS:,}"
    if max(width, height) > MAX_SIDE:
        return f"{width} x {height} pixels: a side is over the limit of {MAX_SIDE:,}"
    return kind
