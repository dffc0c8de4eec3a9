"""Reads the pictures out of a request, while it is sent."""
import logging
from collections.abc import AsyncIterator

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from fashionclf.serving.server_limits import Limits, Refused

FIELD = "pictures"  # of each picture in a form

logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it warns of each damaged form


async def single(stream: AsyncIterator[bytes], content_type: str, limits: Limits) -> bytes:
    """Returns the picture that is the body of a request.

    Raises:
        Refused: it is too large, or inside a form.
    """
    if content_type.startswith("multipart/"):
        raise Refused(415, "the body must be the bytes of a picture, not a form; send forms to "
                      "/predict/batch")
    picture = bytearray()
    async for chunk in stream:
        _extend(picture, chunk, limits)
    return bytes(picture)


async def several(stream: AsyncIterator[bytes], content_type: str, limits: Limits) -> list[bytes]:
    """Returns the pictures of a form (multipart/form-data), in order.

    Raises:
        Refused: it is no such form, or there are too many pictures, or one is too large.
    """
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        raise Refused(415, "the body must be a form (multipart/form-data) with a field "
                      f"{FIELD!r} for each picture")
    parts = _Parts(limits)
    try:
        parser = MultipartParser(options.get(b"boundary", b""), parts.callbacks())
        async for chunk in stream:
            parser.write(chunk)
        parser.finalize()
    except FormParserError as error:
        raise Refused(400, f"damaged form: {error}") from error
    if not parts.complete or not parts.pictures:
        raise Refused(400, "damaged form: it has no end" if parts.pictures else
                      f"the form has no field {FIELD!r}")
    return [bytes(picture) for picture in parts.pictures]


class _Parts:
    """The parts of a form, as MultipartParser announces them."""

    def __init__(self, limits: Limits):
        self._limits = limits
        self._name, self._value = bytearray(), bytearray()  # of a header of a part
        self._field = b""
        self.pictures: list[bytearray] = []
        self.complete = False

    def callbacks(self) -> dict:
        return {"on_part_begin": self._begin, "on_header_field": self._header_name,
                "on_header_value": self._header_value, "on_header_end": self._header_end,
                "on_headers_finished": self._headers_end, "on_part_data": self._data,
                "on_end": self._end}

    def _begin(self) -> None:
        self._field = b""

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._field = parse_options_header(bytes(self._value))[1].get(b"name", b"")
        self._name.clear()
        self._value.clear()

    def _headers_end(self) -> None:
        if self._field != FIELD.encode():
            name = self._field.decode(errors="replace")
            raise Refused(400, f"unknown field {name!r:.80}; each picture is a field {FIELD!r}")
        if len(self.pictures) == self._limits.max_pictures:
            raise Refused(413, f"more than {self._limits.max_pictures} pictures in a request")
        self.pictures.append(bytearray())

    def _data(self, data: bytes, start: int, end: int) -> None:
        _extend(self.pictures[-1], data[start:end], self._limits)

    def _end(self) -> None:
        self.complete = True


def _extend(picture: bytearray, data: bytes, limits: Limits) -> None:
    picture += data
    if len(picture) > limits.max_picture_bytes:
        raise Refused(413, f"a picture is over the limit of {limits.max_picture_bytes:,} bytes")
