"""Pictures that TensorFlow doesn't decode, as phones and shops send them: by Pillow."""
import importlib.util
import io
import re

import numpy as np
from PIL import Image, ImageOps

from fashionclf.system import extras

KINDS = ("GIF", "BMP", "TIFF", "AVIF", "HEIF")
HEIC = re.compile(rb"....ftyp(hei[cmsx]|hev[cmsx]|mif1|msf1)", re.DOTALL)  # ISO/IEC 23008-12
WIDE = ("I;16", "I;16L", "I;16B", "I;16N")  # 16 bits of grey


def kinds_or_reason(encoded: bytes) -> tuple[str, ...] | str:
    """Returns which of KINDS these bytes can be, all of which Pillow reads from then on.

    A reader of Pillow that is not among them never sees the bytes. Of HEIC, which needs another
    package, it may be the reason why they can't be read.
    """
    if not HEIC.match(encoded) or b"avif" in encoded[:64]:
        return KINDS[:-1]
    if not importlib.util.find_spec("pillow_heif"):
        return f"HEIC needs one more package: {extras.install('heic')}"
    import pillow_heif

    pillow_heif.register_heif_opener(thumbnails=False)
    return KINDS[-1:]


def pixels(encoded: bytes) -> np.ndarray:
    """Decodes the first picture of a file to uint8 [height, width, 3], RGB, as a person sees it.

    Raises:
        ValueError: it can't be decoded, or its values have no known range.
    """
    kinds = kinds_or_reason(encoded)  # each process enables HEIC for itself
    if isinstance(kinds, str):
        raise ValueError(kinds)
    try:
        with Image.open(io.BytesIO(encoded), formats=kinds) as file:
            ImageOps.exif_transpose(file, in_place=True)
            if file.mode in WIDE:  # Pillow would cut off all above 255
                return np.repeat((np.asarray(file) >> 8).astype(np.uint8)[..., None], 3, axis=2)
            if file.mode in ("I", "F"):
                raise ValueError("32 bits per pixel, in a range that the file doesn't name")
            return np.asarray(_over_white(file) if file.has_transparency_data else
                              file if file.mode == "RGB" else file.convert("RGB"))
    except Exception as error:  # Pillow's readers raise any type on damaged data
        words = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"cannot be decoded: {words}") from error


def _over_white(picture: Image.Image) -> Image.Image:
    picture = picture if picture.mode == "RGBA" else picture.convert("RGBA")
    white = Image.new("RGB", picture.size, "white")
    white.paste(picture, mask=picture)
    return white


def as_png(encoded: bytes) -> bytes:
    """Encodes the pixels of `pixels` as PNG, without loss."""
    stream = io.BytesIO()
    Image.fromarray(pixels(encoded)).save(stream, "PNG")
    return stream.getvalue()
