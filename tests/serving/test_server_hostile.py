"""A server answers hostile requests with the right status, and good ones during and after."""
import contextlib
import io
import json
import socket
import time

import numpy as np
import pytest
from PIL import Image

from tests.helpers.serving import Colours, drawn, serving
from tools.benchmark import hostile

pytest.importorskip("fastapi", reason="needs pip install 'fashionclf[serve]'")

PICTURE = (200, 30, 20)
LIMITS = {"max_picture_bytes": 200_000, "max_request_bytes": 3_000_000, "max_pictures": 5}


def photograph() -> bytes:
    encoded = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(encoded, "jpeg")
    return encoded.getvalue()


ATTACKS = hostile.attacks(photograph(), picture_bytes=LIMITS["max_picture_bytes"],
                          request_bytes=LIMITS["max_request_bytes"],
                          pictures=LIMITS["max_pictures"])


@pytest.fixture(scope="module")
def client():
    with serving(Colours(), receive_s=1.0, **LIMITS) as client:
        yield client


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_each_gets_its_status_and_reason_and_a_good_picture_its_answer(client, attack, caplog):
    status, reason = hostile.answer(client.address, attack)
    assert status == attack.status, reason
    assert bool(reason) == (status != 200) and "\n" not in reason
    assert client.ask("/predict", drawn(PICTURE))[1]["label"] == "Red"
    assert caplog.records == []  # nobody can fill it


def test_a_connection_serves_further_requests_after_one_that_was_refused(client):
    with socket.create_connection(client.address, timeout=60) as connection:
        stream = connection.makefile("rb")
        for body, wanted in [(bytes(LIMITS["max_picture_bytes"] + 1), b"413"),
                             (drawn(PICTURE), b"200"), (b"x", b"422"), (drawn(PICTURE), b"200")]:
            connection.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
                               % len(body) + body)
            assert wanted in stream.readline()
            headers = list(iter(stream.readline, b"\r\n"))
            length = next(line for line in headers if line.startswith(b"content-length: "))
            assert json.loads(stream.read(int(length.split()[1])))


def test_who_goes_on_sending_after_the_refusal_is_cut_off(client, caplog):
    with socket.create_connection(client.address, timeout=60) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                           b"\r\n")
        with pytest.raises(ConnectionError):
            for _ in range(200_000):
                connection.sendall(b"1000\r\n" + bytes(4096) + b"\r\n")
    assert caplog.records == []


def test_silent_connections_make_room_for_those_that_ask():
    with serving(Colours(), max_connections=5) as client, contextlib.ExitStack() as opened:
        silent = [opened.enter_context(socket.create_connection(client.address))
                  for _ in range(40)]
        assert client.ask("/predict", drawn(PICTURE))[1]["label"] == "Red"
        for connection in silent[:30]:
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(1) == b""


def test_connections_that_all_have_requests_are_kept_and_others_sent_away():
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"
    with serving(Colours(), max_connections=2) as client, contextlib.ExitStack() as opened:
        for _ in range(2):
            connection = opened.enter_context(socket.create_connection(client.address))
            connection.sendall(head)
        connection.sendall(b"abc")
        assert connection.recv(999).startswith(b"HTTP/1.1 422")
        connection.sendall(head)
        time.sleep(0.2)
        with socket.create_connection(client.address) as other:
            assert b'"over 2 connections are open"' in other.recv(999)
