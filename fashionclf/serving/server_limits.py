"""What a server accepts of its clients, and how it refuses the rest."""
import dataclasses
import hmac

from fashionclf.pictures import headers


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds on what clients may send; fields named max_* are counts or bytes, the others seconds.

    Attributes:
        max_picture_bytes: of one picture.
        max_request_bytes: of the body of one request.
        max_waiting_bytes: of the bodies of all requests that are not answered yet.
        max_pixels: width x height of one picture; up to headers.MAX_PIXELS.
        max_pictures: of one request.
        max_waiting: pictures of all requests that are not answered yet.
        max_connections: of all clients.
        receive_s: to send a request: its headers, and again its body.
        answer_s: to predict the pictures of a request.
    """
    max_picture_bytes: int = 20_000_000
    max_request_bytes: int = 50_000_000
    max_waiting_bytes: int = 400_000_000
    max_pixels: int = headers.MAX_PIXELS
    max_pictures: int = 64
    max_waiting: int = 256
    max_connections: int = 512
    receive_s: float = 30.0
    answer_s: float = 60.0

    def __post_init__(self):
        """Raises ValueError where an allowed request could never be accepted."""
        for whole, part in (("max_waiting", "max_pictures"),
                            ("max_waiting_bytes", "max_request_bytes")):
            if getattr(self, whole) < getattr(self, part):
                raise ValueError(f"--{whole}={getattr(self, whole)} is less than --{part}="
                                 f"{getattr(self, part)}, which one request may have")


class Refused(Exception):
    """A request that is answered with an error: the HTTP status, and the reason in one line."""

    def __init__(self, status: int, reason: str, **headers: str):
        super().__init__(reason)
        self.status, self.reason = status, reason
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def busy(reason: str) -> Refused:
    """Returns the refusal of a request that would have been accepted at another time."""
    return Refused(503, reason, retry_after="1")


def check_token(given: str, token: str) -> None:
    """Raises Refused unless `given`, the header Authorization, has the token."""
    scheme, _, word = given.partition(" ")
    same = hmac.compare_digest(word.strip().encode(), token.encode())  # in constant time
    if scheme.lower() != "bearer" or not same:
        raise Refused(401, "send the server's token in the header 'Authorization: Bearer TOKEN'",
                      www_authenticate="Bearer")
