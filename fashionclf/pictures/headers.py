"""Checks a picture's header: its format, and the reasons for which it is never decoded."""
import io
import warnings
from typing import NamedTuple

from PIL import Image

from fashionclf.pictures import exif, jpeg, other_formats

FORMATS = ("JPEG", "PNG", "WEBP")  # which TensorFlow decodes, in records and exported models too
KNOWN = ", ".join([*FORMATS, *other_formats.KINDS])
MAX_PIXELS = 50_000_000  # decoders allocate the size that the header claims
MAX_SIDE = 65_535  # pixels, as in a JPEG; resizing first makes a wide picture image_size high

# Pillow warns of damage and of large sizes; here they become reasons.
warnings.filterwarnings("ignore", module=r"PIL\.")


class Header(NamedTuple):
    """What the header of a picture tells."""
    kind: str  # one of FORMATS or other_formats.KINDS
    size: tuple[int, int]  # width, height as stored
    layout: jpeg.Layout | None = None  # of a JPEG

    @property
    def inks(self) -> bool:
        """Whether it is a JPEG of four components, as for printing."""
        return self.layout is not None and self.layout.inks

    def orientation(self, encoded: bytes) -> int:
        """Returns by which EXIF orientation the decoded pixels are still to be turned."""
        return exif.orientation(encoded, self.kind) if self.kind in FORMATS else 1


def header_or_reason(encoded: bytes) -> Header | str:
    """Reads the header, or returns the reason for which it already rules the picture out."""
    if not encoded:
        return "empty file"

    is_jpeg = encoded.startswith(jpeg.START)
    header = _jpeg_header_or_reason(encoded) if is_jpeg else _other_header_or_reason(encoded)
    if isinstance(header, str):
        return header

    width, height = header.size
    if width * height > MAX_PIXELS:
        return too_many(header.size, MAX_PIXELS)
    if max(width, height) > MAX_SIDE:
        return f"{width} x {height} pixels: a side is over the limit of {MAX_SIDE:,}"
    return header


def too_many(size: tuple[int, int], limit: int) -> str:
    """Returns the reason by which a picture of more pixels than the limit is refused."""
    return f"{size[0]} x {size[1]} pixels is over the limit of {limit:,}"


def _jpeg_header_or_reason(encoded: bytes) -> Header | str:
    layout = jpeg.layout(encoded)
    if len(layout.frame) < 6:
        return "damaged header: no frame"
    if len(layout.scans) > jpeg.MAX_SCANS:
        return f"more than {jpeg.MAX_SCANS} scans"
    if layout.fractional():
        return "cannot be decoded: fractional sampling"
    return Header("JPEG", layout.size, layout)


def _other_header_or_reason(encoded: bytes) -> Header | str:
    """Reads the header of anything but a JPEG with Pillow."""
    kinds = other_formats.kinds_or_reason(encoded)
    if isinstance(kinds, str):
        return kinds
    try:
        with Image.open(io.BytesIO(encoded), formats=("PNG", "WEBP", *kinds)) as header:
            kind, size = header.format, header.size
            animated = kind == "WEBP" and header.is_animated
    except Image.DecompressionBombError:
        return f"more pixels than the limit of {MAX_PIXELS:,}"
    except Image.UnidentifiedImageError:
        return f"not a picture that is read ({KNOWN}), or its header is damaged"
    except Exception as error:  # Pillow's readers raise any type on damaged data
        return f"damaged header: {error}"
    if animated:
        return "animated WEBP is not read; save one of its pictures"
    return Header(kind, size)
