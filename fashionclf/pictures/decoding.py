"""Decodes and crops pictures; training, evaluation, prediction and audit share this code."""
import numpy as np
import tensorflow as tf

from fashionclf.pictures import orientation
from fashionclf.pictures.framing import Framing

ADOBE_SEGMENT = b"\xff\xee\x00\x0eAdobe\x00\x64\0\0\0\0\0"  # APP14: CMYK, inverted
MOST_BYTES = 2**31 - 1
BLOCK = 2**21  # pixels that are laid over white at a time: 50 MB of intermediate results
VERSION = 3  # counts on when a picture that could be used before is decoded otherwise
NO_BOX = np.zeros(4, np.int32)  # keeps the whole picture, whatever the margin


@tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
def decode(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes one JPEG, PNG or WEBP to uint8 [height, width, 3], RGB, as a person sees it.

    It is turned as its EXIF orientation says, and over white where it is transparent; grey is
    repeated. If a JPEG or PNG holds several pictures, the first is returned.
    """
    with tf.device("CPU:0"):  # TensorFlow has no decoder for other devices
        is_jpeg = tf.strings.substr(encoded, 0, 1) == b"\xff"
        plain = is_jpeg & (tf.size(orientation.split(encoded, orientation.MARKS["JPEG"])) == 1)
        image = tf.cond(plain, lambda: _decode_jpeg(encoded), lambda: _decode_and_turn(encoded))
        return tf.ensure_shape(image, [None, None, 3])


def decode_plain(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes a JPEG of one or three components that isn't turned, to the pixels of `decode`.

    The operations of `decode` for all other pictures cost 8 % of the CPU time, unused too.
    """
    with tf.device("CPU:0"):
        return tf.ensure_shape(_decode_rgb(encoded), [None, None, 3])


# Inlined, its operations would cost plain pictures a fifth of their time even where it isn't run.
@tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False,
             experimental_attributes={"_noinline": True})
def _decode_and_turn(encoded: tf.Tensor) -> tf.Tensor:
    return orientation.turned(_as_stored(encoded), orientation.of(encoded))


@tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
def _as_stored(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes like `decode`, but does not turn the picture."""
    start = tf.strings.substr(encoded, 0, 4)
    with tf.device("CPU:0"):
        image = tf.case([(start == b"RIFF", lambda: _decode_webp(encoded)),
                         (start == b"\x89PNG", lambda: _decode_png(encoded))],
                        default=lambda: _decode_jpeg(encoded))
        return tf.ensure_shape(image, [None, None, 3])


def _decode_rgb(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes a JPEG, or a PNG without transparency, to the bytes that Pillow gives."""
    return tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE",
                             acceptable_fraction=1.0)  # its default, an int, is slower


def _decode_jpeg(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes a JPEG; ink colours without Adobe's marker are inverted, as Pillow takes them."""
    def marked() -> tf.Tensor:  # a marker that the file has comes later, and the last one counts
        return tf.strings.join([tf.strings.substr(encoded, 0, 2), ADOBE_SEGMENT,
                                tf.strings.substr(encoded, 2, MOST_BYTES)])

    inks = tf.io.extract_jpeg_shape(encoded)[2] == 4
    return _decode_rgb(tf.cond(inks, marked, lambda: encoded))


def _decode_png(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes a PNG; libpng adds a wrong alpha to few bits a pixel, so only where there is one."""
    has_alpha = tf.reduce_any(tf.strings.substr(encoded, 25, 1) == [b"\x04", b"\x06"])
    header = orientation.split(encoded, b"IDAT")[0]
    has_alpha |= tf.size(orientation.split(header, b"tRNS")) > 1
    return tf.cond(has_alpha, lambda: _over_white(tf.io.decode_png(encoded, channels=4)),
                   lambda: _decode_rgb(encoded))


def _decode_webp(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes a still WEBP with or without transparency; an animated one is an error.

    TensorFlow 2.21 rejects transparent pictures with channels=3, and with channels=0 an animation
    crashes the process.
    """
    head = tf.io.decode_raw(encoded, tf.uint8, fixed_length=21)
    extended = tf.reduce_all(head[12:16] == tuple(b"VP8X"))
    animated = extended & (tf.bitwise.bitwise_and(head[20], 2) > 0)

    def still() -> tf.Tensor:
        image = tf.io.decode_image(encoded, channels=0, expand_animations=False)
        return tf.cond(tf.shape(image)[-1] == 4, lambda: _over_white(image), lambda: image)

    return tf.cond(animated, lambda: _decode_rgb(encoded), still)


def _over_white(image: tf.Tensor) -> tf.Tensor:
    """Lays uint8 [H, W, 4] over white, by blocks of rows, which bound the memory."""
    height, width = tf.shape(image)[0], tf.shape(image)[1]
    rows = tf.maximum(1, BLOCK // width)
    count = (height + rows - 1) // rows

    def add(i: tf.Tensor, blocks: tf.TensorArray) -> tuple:
        return i + 1, blocks.write(i, _block_over_white(image[i * rows:(i + 1) * rows]))

    blocks = tf.TensorArray(tf.uint8, count, element_shape=[None, None, 3], infer_shape=False)
    _, blocks = tf.while_loop(lambda i, _: i < count, add, [0, blocks], parallel_iterations=1)
    return blocks.concat()


def _block_over_white(image: tf.Tensor) -> tf.Tensor:
    """Rounds as Pillow's alpha_composite does."""
    image = tf.cast(image, tf.uint16)  # holds 255**2 + 128 and takes half the memory of int32
    alpha = image[..., 3:]
    sums = image[..., :3] * alpha + 255 * (255 - alpha) + 128
    return tf.cast((sums + sums // 256) // 256, tf.uint8)


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


def load(encoded: tf.Tensor, bbox: tf.Tensor, framing: Framing, *,
         plain: bool = False) -> tf.Tensor:
    """Decodes, crops to the box and resizes; float32 [S, S, 3], RGB, 0..255.

    `plain` is for pictures of `decode_plain` alone.
    """
    return fit(decode_plain(encoded) if plain else decode(encoded), bbox, framing)


def decode_now(encoded: bytes, kind: str, *, inks: bool = False) -> np.ndarray:
    """Decodes eagerly like `decode`, but does not turn the picture.

    Args:
        kind: "JPEG", "PNG" or "WEBP".
        inks: whether it is a JPEG of four components.
    """
    plain = (kind == "JPEG" and not inks
             or kind == "PNG" and encoded[25] not in (4, 6) and b"tRNS" not in encoded)
    tensor = tf.constant(encoded)  # passing bytes to an operation is slower

    # Most are plain: one operation, without a graph's overhead.
    return _array(_decode_rgb(tensor) if plain else _as_stored(tensor))


def _array(tensor: tf.Tensor) -> np.ndarray:
    return np.asarray(memoryview(tensor))  # numpy() would copy
