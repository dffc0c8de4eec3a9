"""EXIF orientation: how a picture must be turned and mirrored to be seen upright.

Read by TensorFlow operations, so that the same code runs in the audit, in the input pipeline and
in an exported model that takes files.
"""
import tensorflow as tf

from fashionclf.pictures.framing import mirrored

# What precedes the EXIF data of a file: in a segment of a JPEG, in a chunk of a PNG or WEBP.
IN_JPEG, IN_PNG, IN_WEBP = b"Exif\0\0", b"eXIf", b"EXIF"
TAG, SHORT, LONG = 0x0112, 3, 4  # TIFF 6.0, pages 14 to 16 and 36


def may_be_turned(encoded: bytes) -> bool:
    """Returns whether these bytes hold any EXIF data; most do not, and `of` can be spared."""
    return any(mark in encoded for mark in (IN_JPEG, IN_PNG, IN_WEBP))


@tf.function(input_signature=[tf.TensorSpec([], tf.string)])
def of(encoded: tf.Tensor) -> tf.Tensor:
    """Reads the orientation of a JPEG, PNG or WEBP.

    Args:
        encoded: scalar string, the file's bytes.

    Returns:
        int32 scalar, 1 to 8; 1, upright, also where it is missing, damaged or out of range. Only
        EXIF counts, as in browsers: neither XMP nor EXIF within a text chunk of a PNG.
    """
    start = tf.strings.substr(encoded, 0, tf.minimum(4, tf.strings.length(encoded)))
    mark = tf.where(start == b"RIFF", IN_WEBP, tf.where(start == b"\x89PNG", IN_PNG, IN_JPEG))
    parts = split_once(encoded, mark)
    return tf.cond(tf.size(parts) > 1, lambda: _of_block(parts, mark), lambda: 1)


def split_once(encoded: tf.Tensor, mark: tf.Tensor | bytes) -> tf.Tensor:
    """Returns strings [1 or 2]: what lies before the first `mark`, and what lies after it."""
    return tf.raw_ops.StringSplitV2(input=[encoded], sep=mark, maxsplit=1).values


def _of_block(parts: tf.Tensor, mark: tf.Tensor) -> tf.Tensor:
    """The orientation in the EXIF data after `mark`; never fails, whatever the damage."""
    before, block = parts[0], parts[1]

    # In a WEBP the length of the chunk follows first, and some writers repeat the JPEG's mark.
    if_webp = mark == IN_WEBP
    block = tf.where(if_webp, _from(block, 4), block)
    again = if_webp & (_from(block, 0, 6) == IN_JPEG)
    block = tf.where(again, _from(block, 6), block)

    # In a JPEG the mark may also be part of a text: it counts at the start of segment APP1.
    is_segment = _from(before, tf.strings.length(before) - 4, 2) == b"\xff\xe1"
    head = _from(block, 0, 4)
    little = head == b"II*\0"
    readable = (little | (head == b"MM\0*")) & (is_segment | (mark != IN_JPEG))
    return tf.cond(readable, lambda: _in_directory(block, little), lambda: 1)


def _in_directory(block: tf.Tensor, little: tf.Tensor) -> tf.Tensor:
    """Searches the entries of the first directory (IFD0) of a TIFF block."""
    places = tf.cast([1, 1 << 8, 1 << 16, 1 << 24], tf.int64)

    def number(some_bytes: tf.Tensor) -> tf.Tensor:
        size = some_bytes.shape[-1]
        weights = tf.where(little, places[:size], places[:size][::-1])
        return tf.reduce_sum(some_bytes * weights, axis=-1)

    at = tf.cast(number(_bytes(_from(block, 4, 4), 4)), tf.int32)
    at = tf.where(at < 8, tf.strings.length(block), at)  # an offset of 2**31 is negative here
    count = tf.cast(number(_bytes(_from(block, at, 2), 2)), tf.int32)

    # Of a directory that was cut off, the whole entries count.
    entries = _from(block, at + 2, 12 * count)
    entries = _bytes(entries, tf.strings.length(entries) // 12 * 12)
    entries = tf.reshape(entries, [-1, 12])
    kind = number(entries[:, 2:4])
    value = tf.where(kind == LONG, number(entries[:, 8:12]), number(entries[:, 8:10]))

    found = (number(entries[:, :2]) == TAG) & ((kind == SHORT) | (kind == LONG))
    found &= (number(entries[:, 4:8]) == 1) & (value >= 1) & (value <= 8)
    values = tf.concat([[1], tf.boolean_mask(value, found)], axis=0)
    return tf.cast(values[-1], tf.int32)


def _from(text: tf.Tensor, start: int | tf.Tensor, size: int | tf.Tensor = -1) -> tf.Tensor:
    """text[start:start + size], or to its end; shorter where the text ends, unlike tf's substr."""
    length = tf.strings.length(text)
    start = tf.clip_by_value(start, 0, length)
    rest = length - start
    size = tf.convert_to_tensor(size)
    return tf.strings.substr(text, start, tf.where(size < 0, rest, tf.minimum(size, rest)))


def _bytes(text: tf.Tensor, count: int | tf.Tensor) -> tf.Tensor:
    """The first `count` bytes of a text as int64 [count], padded with zeros."""
    padded = tf.io.decode_raw(tf.strings.join([text, b"\0" * 4]), tf.uint8)[:count]
    padded = tf.cast(padded, tf.int64)
    return tf.ensure_shape(padded, [count]) if isinstance(count, int) else padded


def turned(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turns and mirrors uint8 [H, W, C] as its orientation says (Exif 2.32, 4.6.4 A)."""
    def sides_swapped() -> tf.Tensor:
        return tf.transpose(image, [1, 0, 2])

    across, down = mirrored(orientation)
    image = tf.cond(orientation >= 5, sides_swapped, lambda: image)
    image = tf.cond(across, lambda: image[:, ::-1], lambda: image)
    return tf.cond(down, lambda: image[::-1], lambda: image)
