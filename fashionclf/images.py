"""The one decoder of the project: training, evaluation, prediction and audit share it."""
import io

import numpy as np
import tensorflow as tf
from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP")
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
MAX_PIXELS = 50_000_000  # TensorFlow's decoders allocate whatever a header claims


def decode(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes one JPEG, PNG or WEBP.

    Args:
        encoded: scalar string, the file's bytes.

    Returns:
        uint8 [height, width, 3], RGB. Transparency is dropped, grey is repeated,
        EXIF orientation is not applied (DeepFashion's pictures carry none).
    """
    image = tf.io.decode_image(encoded, channels=3, expand_animations=False)
    return tf.ensure_shape(image, [None, None, 3])


def crop(image: tf.Tensor, bbox: tf.Tensor, margin: float) -> tf.Tensor:
    """Crops `image` to a box widened on each side by `margin` of its size.

    Args:
        image: [height, width, 3].
        bbox: int32 [4], x1, y1, x2, y2 in pixels, 1-based and inclusive as
            DeepFashion gives it; all zeros (or nothing left inside the
            picture) keeps the whole picture.
        margin: share of the box's width and height, 0 or more.
    """
    size = tf.shape(image)[1::-1]  # width, height
    low, high = bbox[:2] - 1, bbox[2:]
    widen = tf.cast(tf.round(margin * tf.cast(high - low, tf.float32)), tf.int32)
    low = tf.clip_by_value(low - widen, 0, size)
    high = tf.clip_by_value(high + widen, 0, size)
    usable = tf.reduce_all(high > low) & tf.reduce_any(bbox > 0)
    low = tf.where(usable, low, 0)
    high = tf.where(usable, high, size)
    return image[low[1]:high[1], low[0]:high[0]]


def load(encoded: tf.Tensor, bbox: tf.Tensor, *, image_size: int, box_margin: float) -> tf.Tensor:
    """Decodes, crops to the box and resizes (the aspect ratio is not kept).

    Returns:
        float32 [image_size, image_size, 3], RGB, 0..255.
    """
    image = crop(decode(encoded), bbox, box_margin)
    image = tf.image.resize(image, [image_size, image_size], antialias=True)
    return tf.ensure_shape(image, [image_size, image_size, 3])


def why_unusable(encoded: bytes) -> str | None:
    """Says why `load` could not use these bytes, or None where it could."""
    found = decoded_or_reason(encoded)
    return found if isinstance(found, str) else None


def decoded_or_reason(encoded: bytes) -> np.ndarray | str:
    """What `decode` makes of these bytes, uint8 [height, width, 3], or why it can't.

    The header is read first, so that a picture of absurd size is never decoded.
    """
    if not encoded:
        return "empty file"
    try:
        with Image.open(io.BytesIO(encoded)) as header:
            kind, (width, height) = header.format, header.size
    except Image.DecompressionBombError:
        return f"more pixels than the limit of {MAX_PIXELS:,}"
    except (OSError, ValueError, SyntaxError):
        return "not a picture (no known image header)"
    if kind not in FORMATS:
        return f"{kind} is not one of {', '.join(FORMATS)}"
    if width * height > MAX_PIXELS:
        return f"{width} x {height} pixels is over the limit of {MAX_PIXELS:,}"
    try:
        return decode(tf.constant(encoded)).numpy()
    except tf.errors.OpError as error:
        reason = error.message.splitlines()[0].split("}} ")[-1].split(" [Op:")[0]
        return f"cannot be decoded: {reason}"
