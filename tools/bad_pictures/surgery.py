"""Pictures as bytes, and surgery on them: chunks of PNG, segments of JPEG."""
import io
import struct
import zlib

import numpy as np
from PIL import Image

SIZE = (48, 64)  # width, height
END = b"\xff\xd9"
ADOBE = b"\xff\xee\x00\x0eAdobe"
EXIF_ROTATED = (b"Exif\0\0" + struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, 0x112, 3, 1, 6, 0, 0))


def photo(size: tuple[int, int] = SIZE, *, seed: int = 0) -> Image.Image:
    """Returns an RGB picture without flat parts."""
    width, height = size
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    noise = np.random.default_rng(seed).normal(0, 12, (height, width, 3))
    pixels = np.stack([x, y, 255 - x], axis=-1) + noise
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def encode(picture: Image.Image, kind: str = "JPEG", **options) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def animation(kind: str) -> bytes:
    """Encodes three frames, the first of which is photo()."""
    later = [photo(seed=seed) for seed in (1, 2)]
    return encode(photo(), kind, save_all=True, append_images=later, duration=100)


def claim_size(jpeg: bytes, width: int, height: int) -> bytes:
    """Returns the JPEG with another size in its frame header."""
    at = frame_header(jpeg)
    return jpeg[:at + 5] + struct.pack(">HH", height, width) + jpeg[at + 9:]


def frame_header(jpeg: bytes) -> int:
    """Returns the offset of the frame header (SOF0 or SOF2)."""
    return next(at for at in (jpeg.find(b"\xff\xc0"), jpeg.find(b"\xff\xc2")) if at > 0)


def insert_segment(jpeg: bytes, marker: int, content: bytes) -> bytes:
    """Returns the JPEG with one more segment, right after its first marker."""
    return jpeg[:2] + segment(marker, content) + jpeg[2:]


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def ycck() -> bytes:
    """Returns a CMYK JPEG whose header declares its first three channels YCC."""
    jpeg = encode(photo().convert("CMYK"))
    at = jpeg.index(ADOBE) + len(ADOBE) + 6
    return jpeg[:at] + b"\x02" + jpeg[at + 1:]


def many_scans(scans: int, size: tuple[int, int]) -> bytes:
    """Returns a grey progressive JPEG; each scan takes a few bytes, and work for all pixels."""
    width, height = size
    tables = bytes([0]) + bytes([1] * 64)
    frame = struct.pack(">BHHBBBB", 8, height, width, 1, 1, 0x11, 0)
    only_code = bytes([0x10, 1] + [0] * 15 + [0xE0])  # one code, "end of 16,384 blocks and more"
    blocks = (width + 7) // 8 * ((height + 7) // 8)
    runs = -(-blocks // (1 << 15))

    scan = b"".join([segment(0xDA, bytes([1, 1, 0, 1, 63, 0])), _bits("0" + "1" * 14, runs)])
    dc = bytes([0x00, 1] + [0] * 15 + [0])
    first = segment(0xDA, bytes([1, 1, 0, 0, 0, 0])) + bytes(-(-blocks // 8))

    return b"".join([b"\xff\xd8", segment(0xDB, tables), segment(0xC2, frame), segment(0xC4, dc),
                     segment(0xC4, only_code), first, scan * scans, END])


def _bits(word: str, times: int) -> bytes:
    word *= times
    word += "1" * (-len(word) % 8)
    packed = int(word, 2).to_bytes(len(word) // 8, "big")
    return packed.replace(b"\xff", b"\xff\x00")


def png(size: tuple[int, int], *chunks: tuple[bytes, bytes], depth: int = 8,
        colours: int = 2) -> bytes:
    """Returns a PNG with these chunks (name, content) between its header and its end."""
    header = struct.pack(">IIBBBBB", *size, depth, colours, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(name, content) for name, content in ((b"IHDR", header), *chunks, (b"IEND", b"")))


def insert_chunk(encoded: bytes, name: bytes, content: bytes) -> bytes:
    """Returns the PNG with one more chunk, right after its header."""
    return encoded[:33] + _chunk(name, content) + encoded[33:]


def _chunk(name: bytes, content: bytes) -> bytes:
    return (struct.pack(">I", len(content)) + name + content
            + struct.pack(">I", zlib.crc32(name + content)))


def rows(size: tuple[int, int], *, surplus: int = 0) -> bytes:
    """Packs black RGB rows as a PNG does, with `surplus` bytes that no row needs."""
    width, height = size
    return deflated_zeros((3 * width + 1) * height + surplus)


def deflated_zeros(count: int) -> bytes:
    """Packs `count` zeros by zlib, a megabyte at a time."""
    packer, million = zlib.compressobj(6), bytes(1 << 20)
    parts = [packer.compress(million) for _ in range(count >> 20)]
    return b"".join([*parts, packer.compress(bytes(count % (1 << 20))), packer.flush()])


def claim_canvas(webp: bytes, width: int, height: int) -> bytes:
    """Returns the extended WEBP with another canvas size; its frame keeps its own."""
    at = webp.index(b"VP8X") + 12
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return webp[:at] + size + webp[at + 6:]


def flip(encoded: bytes, start: int, stop: int) -> bytes:
    """Returns the bytes, changed from `start` to `stop`."""
    changed = bytearray(encoded)
    changed[start:stop] = (byte ^ 0x55 for byte in changed[start:stop])
    return bytes(changed)


def see_through() -> Image.Image:
    """Returns photo() with transparency that grows from top to bottom."""
    picture = photo()
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    return picture


def thumbnail_inside(jpeg: bytes) -> bytes:
    """Returns the JPEG with another one in its EXIF data, as cameras write."""
    small = encode(photo((16, 16), seed=3))
    entries = struct.pack(">HHHIIHHIII", 2, 0x201, 4, 1, 44, 0x202, 4, 1, len(small), 0)
    tiff = struct.pack(">2sHIHI", b"MM", 42, 8, 0, 14) + entries
    return insert_segment(jpeg, 0xE1, b"Exif\0\0" + tiff + small)
