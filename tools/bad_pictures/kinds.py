"""The kinds of bad and unusual pictures by their bytes, each with its stated fate."""
import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from tools.bad_pictures import foreign
from tools.bad_pictures.surgery import (END, EXIF_ROTATED, SIZE, animation, claim_canvas,
                                        claim_size, deflated_zeros, encode, flip, frame_header,
                                        insert_chunk, insert_segment, many_scans, photo, png, rows,
                                        see_through, thumbnail_inside, ycck)

USED = "used"
GAP = "cannot be decoded: a part of the picture is missing"
HUGE = "more pixels than the limit of 50,000,000"
NO_PICTURE = "not a picture"
UNDECODED = "cannot be decoded"
TOO_MUCH = "damaged header: Decompressed data too large"

LIMIT = (7071, 7071)  # the most pixels that are decoded
JPEG, PROGRESSIVE = encode(photo()), encode(photo(), progressive=True)
PNG = encode(photo(), "PNG")
WEBP = encode(photo(), "WEBP")
GIF, BMP, TIFF = (encode(photo(), kind) for kind in ("GIF", "BMP", "TIFF"))


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of picture.

    Attributes:
        path: below the source folder, "class/name".
        what: a few words about it.
        fate: USED, or the start of the reason why it is quarantined.
        put: writes the file (or what takes its place).
        listed: whether a walk through the source folder finds it.
    """
    path: str
    what: str
    fate: str
    put: Callable[[Path], None]
    listed: bool = True


def with_bytes(path: str, what: str, fate: str, content: Callable[[], bytes]) -> Kind:
    def put(file: Path) -> None:
        file.write_bytes(content())
    return Kind(path, what, fate, put)


@functools.cache
def many_zeros() -> bytes:
    return deflated_zeros(128 << 20)


def sudden_end(jpeg: bytes, share: float) -> bytes:
    """Returns the first part of a JPEG, with an end marker."""
    return jpeg[:int(len(jpeg) * share)] + END


def two_frame_headers() -> bytes:
    at = frame_header(JPEG)
    return JPEG[:at] + JPEG[at:at + 19] + JPEG[at:]


def no_codes() -> bytes:
    """Returns a JPEG whose first Huffman table has more codes than possible."""
    at = JPEG.index(b"\xff\xc4") + 5
    return JPEG[:at] + b"\xff" * 16 + JPEG[at + 16:]


def largest() -> bytes:
    return encode(Image.new("RGB", LIMIT, (200, 10, 10)), subsampling=0, progressive=True)


JPEGS = [
    ("plain.jpg", "a JPEG", USED, lambda: JPEG),
    ("PHOTO.JPG", "upper-case extension", USED, lambda: JPEG),
    ("grey.jpg", "grey JPEG", USED, lambda: encode(photo().convert("L"))),
    ("cmyk.jpg", "CMYK JPEG", USED, lambda: encode(photo().convert("CMYK"))),
    ("ycck.jpg", "YCCK JPEG", USED, ycck),
    ("progressive.jpg", "progressive JPEG", USED, lambda: PROGRESSIVE),
    ("restarts.jpg", "JPEG with restart markers", USED,
     lambda: encode(photo(), restart_marker_blocks=1)),
    ("arithmetic.jpg", "arithmetic-coded JPEG", USED, lambda: foreign.ARITHMETIC_JPEG),
    ("rotated.jpg", "EXIF orientation: turned by 90 degrees", USED,
     lambda: insert_segment(JPEG, 0xE1, EXIF_ROTATED)),
    ("thumbnail.jpg", "EXIF contains a whole small JPEG", USED, lambda: thumbnail_inside(JPEG)),
    ("big_exif.jpg", "ten 64 KB segments of metadata", USED,
     lambda: functools.reduce(lambda jpeg, _: insert_segment(jpeg, 0xE1, bytes(65533)),
                              range(10), JPEG)),
    ("phone.jpg", "two JPEGs in one file (MPO), as phones write", USED,
     lambda: encode(photo(), "MPO", save_all=True, append_images=[photo(seed=1)])),
    ("trailing.jpg", "100 KB of garbage after the end", USED, lambda: JPEG + b"garbage " * 12500),
    ("flipped.jpg", "40 bytes changed in the middle: wrong colours that no decoder can detect",
     USED, lambda: flip(JPEG, 700, 740)),
    ("1x1.jpg", "1 x 1 pixel", USED, lambda: encode(photo((1, 1)))),
    ("1x4000.jpg", "1 x 4000 pixels", USED, lambda: encode(photo((1, 4000)))),
    ("65500x1.jpg", "65500 x 1 pixels", USED, lambda: encode(photo((65500, 1)))),
    ("largest.jpg", "progressive, the largest allowed number of pixels", USED, largest),
    ("half.jpg", "truncated in the middle", UNDECODED, lambda: JPEG[:len(JPEG) // 2]),
    ("head.jpg", "truncated before its size", "damaged header: no frame", lambda: JPEG[:60]),
    ("no_end.jpg", "the last two bytes are missing", UNDECODED, lambda: JPEG[:-2]),
    ("half_thumbnail.jpg", "truncated, with a whole thumbnail inside", UNDECODED,
     lambda: thumbnail_inside(JPEG)[:-len(JPEG) // 3]),
    ("half_and_end.jpg", "truncated, with an end marker appended", GAP,
     lambda: sudden_end(JPEG, 0.7)),
    ("half_progressive.jpg", "progressive, truncated, with an end marker", GAP,
     lambda: sudden_end(PROGRESSIVE, 0.7)),
    ("zero_tail.jpg", "the second half is zeros", UNDECODED,
     lambda: JPEG[:len(JPEG) // 2] + bytes(len(JPEG) // 2)),
    ("huffman.jpg", "a broken Huffman table", UNDECODED, no_codes),
    ("two_frames.jpg", "two frame headers", UNDECODED, two_frame_headers),
    ("lossless.jpg", "lossless JPEG", UNDECODED, lambda: JPEG.replace(b"\xff\xc0", b"\xff\xc3")),
    ("12_bit.jpg", "12-bit JPEG", UNDECODED,
     lambda: JPEG.replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc0\x00\x11\x0c")),
    ("no_height.jpg", "a header that claims 48 x 0", UNDECODED, lambda: claim_size(JPEG, 48, 0)),
    ("60000.jpg", "a header that claims 60,000 x 60,000",
     "60000 x 60000 pixels is over the limit of 50,000,000",
     lambda: claim_size(JPEG, 60000, 60000)),
    ("claims_limit.jpg", "1 KB that claims the largest allowed number of pixels", GAP,
     lambda: claim_size(JPEG, *LIMIT)),
    ("scans.jpg", "3,000 scans in 55 KB", "more than 100 scans",
     lambda: many_scans(3000, (2000, 2000))),
]
PNGS = [
    ("png.jpg", "PNG named .jpg", USED, lambda: PNG),
    ("16_bit.png", "16 bits per channel", USED, lambda: encode(
        photo().convert("L").convert("I").point(lambda value: value * 257).convert("I;16"), "PNG")),
    ("palette.png", "palette", USED, lambda: encode(photo().quantize(32), "PNG")),
    ("palette_hole.png", "palette with a transparent colour", USED,
     lambda: encode(photo().quantize(32), "PNG", transparency=3)),
    ("black_white.png", "1 bit per pixel", USED, lambda: encode(photo().convert("1"), "PNG")),
    ("alpha.png", "transparency, laid over white", USED, lambda: encode(see_through(), "PNG")),
    ("grey_alpha.png", "grey with transparency", USED,
     lambda: encode(see_through().convert("LA"), "PNG")),
    ("animated.png", "APNG (its first frame is used)", USED, lambda: animation("PNG")),
    ("trailing.png", "garbage after the end", USED, lambda: PNG + b"garbage " * 12500),
    ("surplus.png", "zip bomb: 128 MB more than the pixels need", USED,
     lambda: png(SIZE, (b"IDAT", rows(SIZE, surplus=128 << 20)))),
    ("largest.png", "zip bomb: the largest allowed number of pixels, all black, in 145 KB", USED,
     lambda: png(LIMIT, (b"IDAT", rows(LIMIT)))),
    ("text.png", "zip bomb: a 128 MB comment", TOO_MUCH,
     lambda: insert_chunk(PNG, b"zTXt", b"Comment\0\0" + many_zeros())),
    ("profile.png", "zip bomb: a 128 MB colour profile", TOO_MUCH,
     lambda: insert_chunk(PNG, b"iCCP", b"Profile\0\0" + many_zeros())),
    ("60000.png", "a header that claims 60,000 x 60,000", HUGE,
     lambda: png((60000, 60000), (b"IDAT", rows(SIZE)))),
    ("wide.png", "zip bomb: 40,000,000 x 1 pixels, which resizing would stretch to a height of 224",
     "40000000 x 1 pixels: a side is over the limit of 65,535",
     lambda: png((40_000_000, 1), (b"IDAT", rows((40_000_000, 1))))),
    ("claims_limit.png", "70 bytes that claim the largest allowed number of pixels", UNDECODED,
     lambda: png(LIMIT, (b"IDAT", rows((10, 10))))),
    ("half.png", "truncated in the middle", UNDECODED, lambda: PNG[:len(PNG) // 2]),
    ("no_end.png", "the last byte is missing", UNDECODED, lambda: PNG[:-1]),
    ("checksum.png", "wrong checksum of the pixel data", UNDECODED, lambda: flip(PNG, -20, -19)),
    ("header_checksum.png", "wrong checksum of the header", NO_PICTURE,
     lambda: flip(PNG, 29, 30)),
]
WEBPS = [
    ("webp.jpg", "WEBP named .jpg", USED, lambda: WEBP),
    ("lossless.webp", "lossless WEBP", USED, lambda: encode(photo(), "WEBP", lossless=True)),
    ("alpha.webp", "WEBP with transparency, laid over white", USED,
     lambda: encode(see_through(), "WEBP")),
    ("lossless_alpha.webp", "lossless WEBP with transparency", USED,
     lambda: encode(see_through(), "WEBP", lossless=True)),
    ("trailing.webp", "garbage after the end", USED, lambda: WEBP + b"garbage " * 12500),
    ("largest.webp", "the largest allowed number of pixels, with transparency, in 38 bytes", USED,
     lambda: encode(Image.new("RGBA", LIMIT, (200, 10, 10, 99)), "WEBP", lossless=True, method=0)),
    ("animated.webp", "animated WEBP", "animated WEBP is not read",
     lambda: animation("WEBP")),
    ("half.webp", "truncated in the middle", "damaged header", lambda: WEBP[:len(WEBP) // 2]),
    ("16000.webp", "a canvas of 16,000 x 16,000 around a small picture", HUGE,
     lambda: claim_canvas(encode(see_through(), "WEBP"), 16000, 16000)),
]
OTHERS = [
    ("empty.jpg", "no bytes", "empty file", lambda: b""),
    ("one_byte.jpg", "one byte", NO_PICTURE, lambda: b"\xff"),
    ("text.jpg", "text named .jpg", NO_PICTURE, lambda: b"the photographs are on the other disk\n"),
    ("page.jpg", "HTML error page named .jpg", NO_PICTURE,
     lambda: b"<!DOCTYPE html><html><title>404 Not Found</title></html>\n"),
    ("drawing.jpg", "SVG named .jpg", NO_PICTURE,
     lambda: b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
    ("zip.jpg", "ZIP archive named .jpg", NO_PICTURE, lambda: b"PK\x05\x06" + bytes(18)),
    ("photo.ppm.jpg", "PPM named .jpg", NO_PICTURE, lambda: encode(photo(), "PPM")),
]
BY_PILLOW = [
    ("gif.jpg", "GIF named .jpg", USED, lambda: GIF),
    ("hole.gif", "GIF with a transparent colour, laid over white", USED,
     lambda: encode(photo().quantize(32), "GIF", transparency=3)),
    ("animated.gif", "animated GIF (its first frame is used)", USED, lambda: animation("GIF")),
    ("largest.gif", "the largest allowed number of pixels in 37 KB", USED,
     lambda: encode(Image.new("L", LIMIT), "GIF")),
    ("canvas.gif", "a canvas of 60,000 x 60,000 around a small picture", HUGE,
     lambda: GIF[:6] + b"\x60\xea\x60\xea" + GIF[10:]),
    ("half.gif", "truncated in the middle", UNDECODED, lambda: GIF[:len(GIF) // 2]),
    ("bmp.jpg", "BMP named .jpg", USED, lambda: BMP),
    ("claims_limit.bmp", "7 KB that claim the largest allowed number of pixels", UNDECODED,
     lambda: BMP[:18] + b"".join(side.to_bytes(4, "little") for side in LIMIT) + BMP[26:]),
    ("60000.bmp", "a header that claims 60,000 x 60,000", HUGE,
     lambda: BMP[:18] + 2 * (60_000).to_bytes(4, "little") + BMP[26:]),
    ("half.bmp", "truncated in the middle", UNDECODED, lambda: BMP[:len(BMP) // 2]),
    ("tiff.jpg", "TIFF named .jpg", USED, lambda: TIFF),
    ("turned.tif", "TIFF turned by 90 degrees", USED,
     lambda: encode(photo(), "TIFF", tiffinfo={0x0112: 6})),
    ("16_bit.tif", "TIFF with 16 bits of grey", USED, lambda: encode(
        photo().convert("L").convert("I").point(lambda value: value * 257).convert("I;16"),
        "TIFF")),
    ("float.tif", "TIFF of floating-point values", f"{UNDECODED}: 32 bits per pixel",
     lambda: encode(photo().convert("F"), "TIFF")),
    ("largest.tif", "zip bomb: the largest allowed number of pixels, all black", USED,
     lambda: encode(Image.new("RGBA", LIMIT), "TIFF", compression="tiff_adobe_deflate")),
    ("half.tif", "truncated in the middle", UNDECODED, lambda: TIFF[:len(TIFF) // 2]),
    ("avif.jpg", "AVIF named .jpg", USED, lambda: foreign.AVIF),
    ("largest.avif", "the largest allowed number of pixels in 1 KB", USED,
     lambda: encode(Image.new("RGB", LIMIT), "AVIF", speed=10, quality=1)),
    ("half.avif", "truncated in the middle", NO_PICTURE,
     lambda: foreign.AVIF[:len(foreign.AVIF) // 2]),
    ("cut.avif", "the last ten bytes are missing", UNDECODED, lambda: foreign.AVIF[:-10]),
    ("heic.jpg", "HEIC named .jpg", USED, lambda: foreign.HEIC),
    ("half.heic", "truncated in the middle", NO_PICTURE,
     lambda: foreign.HEIC[:len(foreign.HEIC) // 2]),
    ("cut.heic", "the last ten bytes are missing", UNDECODED, lambda: foreign.HEIC[:-10]),
]
BY_BYTES = [with_bytes(f"Tee/{name}", *rest)
            for name, *rest in JPEGS + PNGS + WEBPS + BY_PILLOW + OTHERS]
