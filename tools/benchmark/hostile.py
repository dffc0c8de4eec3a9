"""Requests that a server has to survive, with the status that each of them must get."""
import contextlib
import http.client
import itertools
import json
import socket
import struct
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

Send = Callable[[bytes], None]
PAUSE_S = 0.05  # between the bytes of a slow sender
CLOSED = 0  # instead of a status: the server closed the connection without an answer


class Attack(NamedTuple):
    """What a client sends in parts, and the status that it must get."""
    name: str
    status: int
    parts: Callable[[], Iterable[bytes]]


def answer(address: tuple[str, int], attack: Attack, *, limit_s: float = 60) -> tuple[int, str]:
    """Sends an attack; returns the status, or CLOSED, and the reason in the answer's JSON."""
    with socket.create_connection(address, timeout=limit_s) as client:
        # A server may answer before it was sent everything, and then close.
        with contextlib.suppress(ConnectionError):
            for part in attack.parts():
                client.sendall(part)
                if _readable(client):
                    break
        return _answer(client)


def _readable(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return bool(client.recv(1, socket.MSG_PEEK)) or True
    except BlockingIOError:
        return False
    finally:
        client.settimeout(60)


def _answer(client: socket.socket) -> tuple[int, str]:
    """Reads the first answer; a second one may follow it, to what is left of the request."""
    found = http.client.HTTPResponse(client)
    try:
        found.begin()
        content = found.read()
    except (ConnectionError, http.client.HTTPException):
        return CLOSED, ""
    return found.status, json.loads(content).get("error", "")


def attacks(picture: bytes, *, picture_bytes: int, request_bytes: int,
            pictures: int) -> list[Attack]:
    """Returns all attacks on a server that has these limits.

    Args:
        picture: a good one, a JPEG.
    """
    form = "multipart/form-data; boundary=x"
    end = b"--x--\r\n"
    return [
        Attack("text instead of a picture", 422, _whole("/predict", b"no picture")),
        Attack("no body", 422, _whole("/predict", b"")),
        Attack("half a JPEG", 422, _whole("/predict", picture[:len(picture) // 2])),
        Attack("JPEG start, then noise", 422, _whole("/predict", picture[:4] + b"\x9d" * 5000)),
        Attack("PNG that claims 50,000 x 50,000 pixels", 422, _whole("/predict", _png(50_000))),
        Attack("GIF that claims 65,535 x 65,535 pixels", 422, _whole("/predict", _gif(65_535))),
        Attack("PNG of 7,000 x 7,000 pixels in 6 kB", 200, _whole("/predict", _png(7_000))),
        Attack("parameter out of range", 422, _whole("/predict?top=0", picture)),
        Attack("form to /predict", 415, _whole("/predict", end, form)),
        Attack("JSON to /predict/batch", 415, _whole("/predict/batch", b"{}", "application/json")),
        Attack("form without boundary", 400, _whole("/predict/batch", end, form.split(";")[0])),
        Attack("damaged form", 400, _whole("/predict/batch", b"--y\r\n", form)),
        Attack("form that breaks off", 400, _whole("/predict/batch", _part(picture), form)),
        Attack("form without pictures", 400, _whole("/predict/batch", end, form)),
        Attack("form with another field", 400, _whole(
            "/predict/batch", _part(picture, name=b"file") + end, form)),
        Attack("form of 10,000 parts", 413, _whole(
            "/predict/batch", _part(b"x") * 10_000 + end, form)),
        Attack("form of one picture too many", 413, _whole(
            "/predict/batch", _part(b"x") * (pictures + 1) + end, form)),
        Attack("picture over the limit", 413, _whole("/predict", bytes(picture_bytes + 1))),
        Attack("picture in a form over the limit", 413, _whole(
            "/predict/batch", _part(bytes(picture_bytes + 1)) + end, form)),
        Attack("body of twice the limit", 413, _whole("/predict", bytes(2 * request_bytes))),
        Attack("chunked body without end", 413, _endless),
        Attack("Content-Length larger than the body", 408, _whole(
            "/predict", picture, length=len(picture) + 1)),
        Attack("Content-Length smaller than the body", 422, _whole(
            "/predict", picture, length=len(picture) // 2)),
        Attack("Content-Length that is no number", 400, _whole("/predict", picture, length="x")),
        Attack("slow headers", 408, lambda: _slowly(_head("/predict", 10)[:-4], b"X-A: a\r\n")),
        Attack("slow body", 408, lambda: _slowly(_head("/predict", 10**6), b"x")),
        Attack("connection that says nothing", 408, lambda: [b""]),
        Attack("no HTTP", 400, lambda: [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"]),
        Attack("headers without end", 400, lambda: [b"GET / HTTP/1.1\r\nX: "] + [b"x" * 9999] * 99),
        Attack("wrong method", 405, lambda: [b"GET /predict HTTP/1.1\r\nHost: x\r\n\r\n"]),
        Attack("unknown path", 404, _whole("/predict/../../etc/passwd", b"")),
    ]


def _head(path: str, length: int | str, kind: str = "image/jpeg") -> bytes:
    return (f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {length}\r\n\r\n").encode()


def _whole(path: str, body: bytes, kind: str = "image/jpeg",
           length: int | str | None = None) -> Callable[[], Iterable[bytes]]:
    head = _head(path, len(body) if length is None else length, kind)
    return lambda: itertools.chain(
        [head], (body[i:i + 2**20] for i in range(0, len(body), 2**20)))


def _endless() -> Iterator[bytes]:
    yield b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    yield from itertools.repeat(b"10000\r\n" + bytes(65536) + b"\r\n")


def _slowly(start: bytes, drop: bytes) -> Iterator[bytes]:
    yield start
    while True:
        time.sleep(PAUSE_S)
        yield drop


def _part(content: bytes, name: bytes = b"pictures") -> bytes:
    return (b'--x\r\nContent-Disposition: form-data; name="%s"; filename="a.jpg"\r\n\r\n%s\r\n'
            % (name, content))


def _png(side: int) -> bytes:
    """A black PNG of one bit per pixel, whose data takes a thousandth of its pixels' size."""
    def chunk(kind: bytes, content: bytes) -> bytes:
        return (struct.pack(">I", len(content)) + kind + content
                + struct.pack(">I", zlib.crc32(kind + content)))

    rows = bytes((side + 7) // 8 + 1) * (side if side <= 7_000 else 1)
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def _gif(side: int) -> bytes:
    return (b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0) + bytes(6)
            + b"," + struct.pack("<HHHHB", 0, 0, side, side, 0) + b"\x02\x02D\x01\x00;")
