"""A server on loopback, with a network whose answers tell which picture they are of."""
import contextlib
import http.client
import io
import json
import threading
import time
from collections.abc import Iterator

import numpy as np
from PIL import Image

from tests.helpers.tiny import make_spec


class Colours:
    """An engine whose probabilities are the shares of red, green and blue in a picture."""
    name = "colours"
    spec = make_spec()

    def __init__(self, seconds: float = 0.0):
        self.seconds, self.batches, self.fails = seconds, [], False

    def outputs(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        time.sleep(self.seconds)
        if self.fails:
            raise MemoryError("no memory")
        self.batches.append(len(images))
        shares = images.mean(axis=(1, 2))
        return shares / (shares.sum(axis=1, keepdims=True) + 1e-6), shares


def drawn(colour: tuple[int, int, int]) -> bytes:
    """A PNG in one colour."""
    encoded = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(encoded, "png")
    return encoded.getvalue()


@contextlib.contextmanager
def serving(engine, *, token: str | None = None, max_batch: int = 4, **limits
            ) -> Iterator["Client"]:
    """Serves on a free port, in a thread."""
    from fashionclf.serving import server, server_app
    from fashionclf.serving.server_limits import Limits

    taken, limits = server.bound("127.0.0.1", 0), Limits(**limits)
    address = taken.getsockname()
    app = server_app.build(engine, limits, model="tiny", token=token, max_batch=max_batch)
    running = server.Server(app, limits, grace_s=10)
    thread = threading.Thread(target=running.run, args=([taken],))
    thread.start()
    try:
        while not running.started and thread.is_alive():
            time.sleep(0.01)
        yield Client(address)
    finally:
        running.should_exit = True
        thread.join(60)
    assert not thread.is_alive()


class Client:
    """Asks the server at an address, by one connection for each request."""

    def __init__(self, address: tuple[str, int]):
        self.address = address

    def ask(self, path: str, body: bytes | None = None, **headers: str
            ) -> tuple[int, object, dict[str, str]]:
        """Sends a POST, or without a body a GET; returns status, JSON or text, and headers."""
        connection = http.client.HTTPConnection(*self.address, timeout=60)
        with contextlib.closing(connection):
            connection.request("GET" if body is None else "POST", path, body,
                               {name.replace("_", "-"): text for name, text in headers.items()})
            answer = connection.getresponse()
            content, found = answer.read().decode(errors="replace"), dict(answer.getheaders())
        kind = found.get("content-type", "")
        return answer.status, json.loads(content) if kind.endswith("json") else content, found

    def form(self, *pictures: bytes, path: str = "/predict/batch") -> tuple[int, object, dict]:
        """Sends pictures in a form."""
        parts = [b'--b\r\nContent-Disposition: form-data; name="pictures"; filename="a"\r\n\r\n'
                 + picture + b"\r\n" for picture in pictures]
        return self.ask(path, b"".join(parts) + b"--b--\r\n",
                        content_type="multipart/form-data; boundary=b")
