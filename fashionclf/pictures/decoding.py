"""Decodes and crops pictures; training, evaluation, prediction and audit share this code."""
import numpy as np
import tensorflow as tf
from PIL import Image

from fashionclf.pictures.framing import Framing

NO_BOX = np.zeros(4, np.int32)  # keeps the whole picture, whatever the margin


@tf.function(input_signature=[tf.TensorSpec([], tf.string)])
def decode(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes one JPEG, PNG or WEBP to uint8 [height, width, 3], RGB.

    Transparency is dropped, grey is repeated, EXIF orientation is not applied (DeepFashion's
    pictures have none). If a JPEG or PNG holds several pictures, the first is returned.
    """
    with tf.device("CPU:0"):  # TensorFlow has no decoder for other devices
        is_webp = tf.strings.substr(encoded, 0, 4) == b"RIFF"
        decoded = tf.cond(
            is_webp, lambda: _decode_webp(encoded), lambda: _decode_jpeg_or_png(encoded))
        return tf.ensure_shape(decoded, [None, None, 3])


def _decode_jpeg_or_png(encoded: tf.Tensor) -> tf.Tensor:
    return tf.io.decode_image(encoded, channels=3, expand_animations=False)


def _decode_webp(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes a still WEBP with or without transparency; an animated one is an error.

    TensorFlow 2.21 rejects transparent pictures with channels=3, and with channels=0 an animation
    crashes the process.
    """
    head = tf.io.decode_raw(encoded, tf.uint8, fixed_length=21)
    extended = tf.reduce_all(head[12:16] == tuple(b"VP8X"))
    animated = extended & (tf.bitwise.bitwise_and(head[20], 2) > 0)

    return tf.cond(
        animated, lambda: _decode_jpeg_or_png(encoded),
        lambda: tf.io.decode_image(encoded, channels=0, expand_animations=False)[..., :3])


def crop(image: tf.Tensor, bbox: tf.Tensor, margin: float) -> tf.Tensor:
    """Crops `image` to its box, widened on each side by `margin`.

    Args:
        image: [height, width, 3].
        bbox: int32 [4], x1, y1, x2, y2 in pixels, 1-based and inclusive as in DeepFashion. All
            zeros, or a box outside the picture, keeps the whole picture.
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


def fit(image: tf.Tensor, bbox: tf.Tensor, framing: Framing) -> tf.Tensor:
    """Crops (see `crop`) and squashes to a square: float32 [S, S, 3], S = framing.image_size."""
    size = [framing.image_size, framing.image_size]
    image = tf.image.resize(crop(image, bbox, framing.box_margin), size, antialias=True)
    return tf.ensure_shape(image, [*size, 3])


def load(encoded: tf.Tensor, bbox: tf.Tensor, framing: Framing) -> tf.Tensor:
    """Decodes, crops to the box and resizes; float32 [S, S, 3], RGB, 0..255."""
    return fit(decode(encoded), bbox, framing)


def decode_now(encoded: bytes, kind: str) -> np.ndarray:
    """Decodes eagerly like `decode`; a JPEG or PNG is one operation, without a graph's overhead."""
    tensor = tf.constant(encoded)  # passing bytes to an operation is slower
    pixels = decode(tensor) if kind == "WEBP" else _decode_jpeg_or_png(tensor)
    return np.asarray(memoryview(pixels))  # numpy() would copy


def shrunk(picture: np.ndarray, most_side: int) -> np.ndarray:
    """Shrinks uint8 [H, W, 3] until no side exceeds `most_side` pixels."""
    image = Image.fromarray(picture)
    image.thumbnail((most_side, most_side))
    return np.asarray(image)
