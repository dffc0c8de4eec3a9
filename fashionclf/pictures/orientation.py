"""EXIF orientation: how a picture must be turned and mirrored to be seen upright.

Read by TensorFlow operations, in the input pipeline and in an exported model that takes files;
exif.py reads the same without TensorFlow.
"""
import tensorflow as tf

from fashionclf.pictures.exif import LONG, MARKS, MOST_MARKS, SHORT, TAG
from fashionclf.pictures.framing import mirrored


@tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
def of(encoded: tf.Tensor) -> tf.Tensor:
    """Reads the orientation of a JPEG, PNG or WEBP.

    Args:
        encoded: scalar string, the file's bytes.

    Returns:
        int32 scalar, 1 to 8; 1, upright, also where it is missing, damaged or out of range. Only
        EXIF counts, as in browsers: neither XMP nor EXIF within a text chunk of a PNG.
    """
    start = tf.strings.substr(encoded, 0, tf.minimum(4, tf.strings.length(encoded)))
    mark = tf.where(start == b"RIFF", MARKS["WEBP"],
                    tf.where(start == b"\x89PNG", MARKS["PNG"], MARKS["JPEG"]))
    parts = split(encoded, mark)
    return tf.cond(tf.size(parts) > 1, lambda: _of_marked(encoded, parts, mark), lambda: 1)


def split(encoded: tf.Tensor, mark: tf.Tensor | bytes) -> tf.Tensor:
    """Returns strings [1 + M]: what lies between the first M = MOST_MARKS or fewer marks."""
    return tf.raw_ops.StringSplitV2(input=[encoded], sep=mark, maxsplit=MOST_MARKS).values


def _of_marked(encoded: tf.Tensor, parts: tf.Tensor, mark: tf.Tensor) -> tf.Tensor:
    """The orientation in the first EXIF data that `mark` precedes; never fails on damage."""
    before = tf.strings.join([b"\0" * 4, parts[:-1]])
    after = tf.strings.join([parts[1:], b"\0" * 16])

    def at(places: tf.Tensor, size: int) -> tf.Tensor:
        return tf.strings.substr(after, places, tf.fill(tf.shape(after), size))

    # In a WEBP the chunk's length follows the mark; some writers repeat that of a JPEG.
    skipped = tf.fill(tf.shape(after), tf.where(mark == MARKS["WEBP"], 4, 0))
    skipped += 6 * tf.cast(at(skipped, 6) == MARKS["JPEG"], tf.int32)

    # The mark may be part of a text: a TIFF header follows it, in a JPEG segment APP1 begins.
    heads = at(skipped, 4)
    begins = (heads == b"II*\0") | (heads == b"MM\0*")
    begins &= (tf.strings.substr(before, -4, 2) == b"\xff\xe1") | (mark != MARKS["JPEG"])

    ends_of_marks = tf.cumsum(tf.strings.length(parts[:-1]) + tf.strings.length(mark))
    blocks = tf.boolean_mask(ends_of_marks + skipped, begins)
    return tf.cond(tf.size(blocks) > 0, lambda: _in_directory(_from(encoded, blocks[0])),
                   lambda: 1)


def _in_directory(block: tf.Tensor) -> tf.Tensor:
    """Searches the entries of the first directory (IFD0) of a TIFF block."""
    little = tf.strings.substr(block, 0, 1) == b"I"
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
    across, down = mirrored(orientation)
    image = tf.cond(orientation >= 5, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)

    # A fiftieth of the time that slices with a step of -1 take
    return tf.cond(across | down, lambda: tf.raw_ops.Reverse(
        tensor=image, dims=tf.stack([down, across, False])), lambda: image)
