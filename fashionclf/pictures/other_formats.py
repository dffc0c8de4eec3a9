"""The formats that Pillow alone decodes, as phones and shops send them, and what HEIC needs."""
import importlib.util
import re

from fashionclf.system import extras

KINDS = ("GIF", "BMP", "TIFF", "AVIF", "HEIF")
HEIC = re.compile(rb"....ftyp(hei[cmsx]|hev[cmsx]|mif1|msf1)", re.DOTALL)  # ISO/IEC 23008-12


def kinds_or_reason(encoded: bytes) -> tuple[str, ...] | str:
    """Returns which of KINDS these bytes can be, all of which Pillow reads from then on.

    A reader of Pillow that is not among them never sees the bytes. Of HEIC, which needs another
    package, it may be the reason why they can't be read.
    """
    if not HEIC.match(encoded) or b"avif" in encoded[:64]:
        return KINDS[:-1]
    if not importlib.util.find_spec("pillow_heif"):
        return f"HEIC needs one more package: {extras.install('heic')}"
    enable("HEIF")
    return KINDS[-1:]


def enable(kind: str) -> None:
    """Lets Pillow read HEIC, which each process enables for itself; all else it can read."""
    if kind == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener(thumbnails=False)
