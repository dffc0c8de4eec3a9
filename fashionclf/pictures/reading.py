"""Reads pictures by Pillow, without TensorFlow, to the pixels and the input that training uses.

Pillow and TensorFlow's INTEGER_ACCURATE decode a JPEG to the same bytes: both bring libjpeg-turbo.
"""
import functools
import io

import numpy as np
from PIL import Image, ImageOps

from fashionclf.pictures import exif, headers, jpeg, other_formats
from fashionclf.pictures.files import Picture
from fashionclf.pictures.framing import Framing

WIDE = ("I;16", "I;16L", "I;16B", "I;16N")  # 16 bits of grey
TILE = 16  # rows of a resized picture that are computed by one matrix product


def pixels_or_reason(picture: Picture) -> np.ndarray | str:
    """Reads and decodes a file to uint8 [height, width, 3], or returns why it can't be used."""
    encoded = picture.bytes_or_reason()
    return encoded if isinstance(encoded, str) else decoded_or_reason(encoded)


def decoded_or_reason(encoded: bytes) -> np.ndarray | str:
    """Decodes to uint8 [height, width, 3], RGB, or returns why these bytes can't be used.

    Checks the header first, so that a picture of absurd size is never decoded.
    """
    header = headers.header_or_reason(encoded)
    if isinstance(header, str):
        return header
    try:
        pixels = decoded(encoded, header.kind)
    except ValueError as error:
        return str(error)
    if header.layout and jpeg.lacks_data(encoded, header.layout, pixels):
        return "cannot be decoded: a part of the picture is missing"
    return exif.turned(pixels, header.orientation(encoded))


def decoded(encoded: bytes, kind: str) -> np.ndarray:
    """Decodes the first picture of a file to uint8 [height, width, 3], RGB, over white.

    Formats that TensorFlow doesn't read are also turned as their EXIF orientation says; for the
    others see exif.turned.

    Raises:
        ValueError: it can't be decoded, or its values have no known range.
    """
    other_formats.enable(kind)
    try:
        if kind == "PNG":  # finds what libpng finds: damaged and missing chunks
            with Image.open(io.BytesIO(encoded), formats=[kind]) as file:
                file.verify()
            if len(encoded) < encoded.rfind(b"IEND") + 8:  # the last four are a checksum
                raise ValueError("a part of the picture is missing")
        with Image.open(io.BytesIO(encoded), formats=[kind]) as file:
            if kind not in headers.FORMATS:
                ImageOps.exif_transpose(file, in_place=True)
            return _pixels(file)
    except Image.UnidentifiedImageError as error:
        raise ValueError(f"cannot be decoded: damaged, or a {kind} of an unusual kind") from error
    except Exception as error:  # Pillow's readers raise any type on damaged data
        words = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"cannot be decoded: {words}") from error


def opened_or_reason(picture: Image.Image) -> np.ndarray | str:
    """Returns the pixels of a picture that a program has opened or drawn, as `decoded_or_reason`.
    """
    if picture.width * picture.height > headers.MAX_PIXELS:
        return headers.too_many(picture.size, headers.MAX_PIXELS)
    try:
        return _pixels(ImageOps.exif_transpose(picture))
    except Exception as error:  # a file is read only now
        return f"cannot be decoded: {error}"


def _pixels(picture: Image.Image) -> np.ndarray:
    if picture.mode in WIDE:  # Pillow would cut off all above 255
        return np.repeat((np.asarray(picture) >> 8).astype(np.uint8)[..., None], 3, axis=2)
    if picture.mode in ("I", "F"):
        raise ValueError("32 bits per pixel, in a range that the file doesn't name")
    return np.asarray(_over_white(picture) if picture.has_transparency_data else
                      picture if picture.mode == "RGB" else picture.convert("RGB"))


def _over_white(picture: Image.Image) -> Image.Image:
    picture = picture if picture.mode == "RGBA" else picture.convert("RGBA")
    white = Image.new("RGB", picture.size, "white")
    white.paste(picture, mask=picture)
    return white


def shrunk(picture: np.ndarray, most_side: int) -> np.ndarray:
    """Shrinks uint8 [H, W, 3] until no side exceeds `most_side` pixels."""
    image = Image.fromarray(picture)
    image.thumbnail((most_side, most_side))
    return np.asarray(image)


def fit(pixels: np.ndarray, framing: Framing) -> np.ndarray:
    """Squashes uint8 [H, W, 3] to float32 [S, S, 3], as decoding.fit does with a whole picture."""
    size = framing.image_size
    height, width, channels = pixels.shape
    rows = _resized(pixels.reshape(height, -1), size).reshape(size, width, channels)
    columns = rows.transpose(1, 0, 2).reshape(width, -1)
    return np.ascontiguousarray(
        _resized(columns, size).reshape(size, size, channels).transpose(1, 0, 2))


def _resized(rows: np.ndarray, size: int) -> np.ndarray:
    """Resizes [N, M] to float32 [size, M] along its first axis.

    Each tile of rows is a product with the few rows that it depends on: the matrix of all weights
    would be almost empty, and a picture of 50 million pixels is never in memory as float.
    """
    return np.concatenate([weights @ rows[used].astype(np.float32)
                           for used, weights in _tiles(len(rows), size)])


@functools.lru_cache(maxsize=64)  # the pictures of a folder often have one size
def _tiles(length: int, size: int) -> list[tuple[slice, np.ndarray]]:
    """Returns the rows that each tile uses, K of `length`, and their weights, float32 [TILE, K].

    Bilinear with antialiasing: the triangle kernel of TensorFlow's ScaleAndTranslate, which reaches
    one pixel of the coarser raster to each side.
    """
    scale = length / size
    reach = max(scale, 1.0)
    tiles = []
    for start in range(0, size, TILE):
        centres = (np.arange(start, min(start + TILE, size)) + 0.5) * scale
        used = slice(max(0, int(centres[0] - reach)), min(length, int(centres[-1] + reach) + 1))
        places = np.arange(used.start, used.stop) + 0.5
        weights = np.maximum(0.0, 1.0 - np.abs(places - centres[:, None]) / reach)
        weights /= weights.sum(axis=1, keepdims=True)
        tiles.append((used, weights.astype(np.float32)))
    return tiles
