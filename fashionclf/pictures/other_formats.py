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


def heic_or_reason(encoded: bytes) -> bool | str:
    """Whether these bytes are HEIC, which Pillow reads from then on; or why it can't."""
    if not HEIC.match(encoded) or b"avif" in encoded[:64]:
        return False
    if not importlib.util.find_spec("pillow_heif"):
        return f"HEIC needs one more package: {extras.install('heic')}"
    import pillow_heif

    pillow_heif.register_heif_opener(thumbnails=False)
    return True


def pixels(encoded: bytes) -> np.ndarray:
    """Decodes the first picture of a file to uint8 [height, width, 3], RGB, as a person sees it.

    Raises:
        ValueError: it can't be decoded, or its values have no known range.
    """
    try:
        with Image.open(io.BytesIO(encoded)) as file:
            picture = ImageOps.exif_transpose(file)
            if picture.mode in WIDE:  # Pillow would cut off all above 255
                picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
            elif picture.mode in ("I", "F"):
                raise ValueError("32 bits per pixel, in a range that the file doesn't name")

            if picture.has_transparency_data:
                picture = picture.convert("RGBA")
                white = Image.new("RGBA", picture.size, "white")
                picture = Image.alpha_composite(white, picture)
            return np.asarray(picture.convert("RGB"))
    except Exception as error:  # Pillow's readers raise any type on damaged data
        raise ValueError(f"cannot be decoded: {error or type(error).__name__}") from error


def as_png(encoded: bytes) -> bytes:
    """Encodes the pixels of `pixels` as PNG, without loss."""
    stream = io.BytesIO()
    Image.fromarray(pixels(encoded)).save(stream, "PNG")
    return stream.getvalue()
