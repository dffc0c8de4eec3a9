"""A server gives each picture its own answer, whoever else asks and whatever they send."""
import contextlib
import itertools
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fashionclf.deployment import engines
from fashionclf.deployment.classifier import Classifier
from tests.helpers.serving import Colours, drawn, serving
from tests.helpers.tiny import CLASSES, frame, make_spec, save_run

pytest.importorskip("fastapi", reason="needs pip install 'fashionclf[serve]'")
from fashionclf.serving import server  # noqa: E402

COLOURS = [(10 * r + 5, 10 * g + 5, 10 * b + 5)
           for r, g, b in itertools.product(range(0, 24, 4), repeat=3)]
RED = drawn((200, 30, 20))


@pytest.fixture
def engine():
    return Colours()


@pytest.fixture
def client(engine):
    with serving(engine) as client:
        yield client


def shares(answer: dict) -> list[float]:
    """The probabilities in the order of the classes."""
    found = {each["class"]: each["probability"] for each in answer["top"]}
    return [found[name] for name in CLASSES]


def wait_for(happened) -> None:
    deadline = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_picture_is_answered_as_the_classifier_does(tmp_path):
    run = save_run(tmp_path / "run", make_spec(framing=frame(32, 0.1), mirrored=True)).folder
    engine = engines.load(run)
    expected = Classifier(engine)(RED, top=2)
    with serving(engine) as client:
        status, answer, _ = client.ask("/predict?top=2", RED)
    assert status == 200 and answer["label"] == expected.label == answer["top"][0]["class"]
    assert [each["class"] for each in answer["top"]] == [name for name, _ in expected.top]
    np.testing.assert_allclose([each["probability"] for each in answer["top"]],
                               [probability for _, probability in expected.top], atol=1e-6)


def test_a_bad_picture_has_its_reason_and_in_a_form_the_place_of_its_answer(client):
    status, answer, _ = client.ask("/predict", b"hello")
    assert status == 422 and answer["error"].startswith("not a picture that is read")
    status, answers, _ = client.form(RED, b"hello", drawn((0, 90, 0)), b"", path="/predict/batch"
                                     "?top=1")
    assert status == 200
    assert [each.get("label") or each["error"][:5] for each in answers] == [
        "Red", "not a", "Green", "empty"]
    assert [len(each["top"]) for each in answers[::2]] == [1, 1]


def test_a_probability_that_rounds_above_one_is_an_answer(engine, monkeypatch):
    row = np.array([[np.nextafter(np.float32(1), np.float32(2)), 0, 0]], np.float32)
    monkeypatch.setattr(engine, "outputs", lambda images: (row.repeat(len(images), 0), None))
    with serving(engine) as client:
        assert client.ask("/predict?top=1", RED)[1]["probability"] == row.max()


@pytest.mark.parametrize("top, status", [("1", 200), ("3", 200), ("4", 422), ("0", 422),
                                         ("x", 422)])
def test_top_is_between_one_and_the_number_of_classes(client, top, status):
    found, answer, _ = client.ask(f"/predict?top={top}", RED)
    assert found == status and (len(answer["top"]) == int(top) if status == 200 else
                                answer["error"].startswith("top: Input should be"))


def test_of_many_at_once_each_gets_its_own_answer(engine):
    engine.seconds = 0.002
    with serving(engine, max_batch=4) as client, ThreadPoolExecutor(16) as pool:
        def ask(number: int) -> np.ndarray:
            if number % 5:
                return [client.ask("/predict", drawn(COLOURS[number]))[1]]
            others = [COLOURS[number], COLOURS[-number], COLOURS[number]]
            return client.form(*map(drawn, others))[1]

        found = list(pool.map(ask, range(len(COLOURS))))
    for number, answers in enumerate(found):
        wanted = [COLOURS[number]] if number % 5 else [
            COLOURS[number], COLOURS[-number], COLOURS[number]]
        np.testing.assert_allclose(list(map(shares, answers)),
                                   [np.divide(colour, sum(colour)) for colour in wanted], atol=1e-3)
    warm_up = 3
    assert sum(engine.batches) - warm_up == sum(map(len, found))
    assert max(engine.batches) == 4  # those that wait go together, up to max_batch


def test_a_client_that_leaves_costs_no_other_its_answer(engine):
    with serving(engine, max_batch=1) as client, ThreadPoolExecutor(2) as pool:
        engine.seconds = 0.5
        first = pool.submit(client.ask, "/predict", RED)
        wait_for(lambda: "waiting_pictures 1.0" in client.ask("/metrics")[1])
        with socket.create_connection(client.address) as leaver:
            leaver.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
                           % len(RED) + RED)
            wait_for(lambda: "waiting_pictures 2.0" in client.ask("/metrics")[1])
        last = pool.submit(client.ask, "/predict", drawn((0, 0, 80)))
        assert first.result()[1]["label"] == "Red" and last.result()[1]["label"] == "Blue"
        counted = client.ask("/metrics")[1]
    assert 'requests_total{path="/predict",status="499"} 1.0' in counted
    assert engine.batches == [1, 2, 1, 1]  # nobody predicts what was left behind


def test_pictures_beyond_those_that_may_wait_are_sent_away_for_a_while(engine):
    with serving(engine, max_waiting=2, max_pictures=2) as client, ThreadPoolExecutor(2) as pool:
        engine.seconds = 0.5
        asked = [pool.submit(client.ask, "/predict", RED) for _ in range(2)]
        wait_for(lambda: "waiting_pictures 2.0" in client.ask("/metrics")[1])
        status, answer, headers = client.ask("/predict", RED)
        assert (status, headers["retry-after"]) == (503, "1")
        assert answer["error"] == "2 pictures are waiting, and 1 more are over the limit of 2"
        assert [future.result()[0] for future in asked] == [200, 200]
        assert client.form(RED, RED)[0] == 200


def test_requests_beyond_the_bytes_that_may_wait_are_sent_away(engine):
    most = len(RED) + 5
    with serving(engine, max_waiting_bytes=most, max_request_bytes=most) as client:
        with socket.create_connection(client.address) as holder:
            holder.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
                           b"sixsix")
            wait_for(lambda: "in_flight 2.0" in client.ask("/metrics")[1])
            status, answer, _ = client.ask("/predict", RED)
            assert status == 503 and "bytes are waiting" in answer["error"]
        wait_for(lambda: "in_flight 1.0" in client.ask("/metrics")[1])
        assert client.ask("/predict", RED)[0] == 200


def test_an_answer_that_takes_too_long_is_given_up(engine):
    with serving(engine, answer_s=0.2) as client:
        engine.seconds = 1
        status, answer, _ = client.ask("/predict", RED)
        assert (status, answer) == (504, {"error": "there was no answer within 0.2 seconds"})
        engine.seconds = 0
        wait_for(lambda: client.ask("/predict", RED)[0] == 200)


def test_a_failure_of_the_network_is_answered_and_the_next_picture_too(engine, caplog):
    with serving(engine) as client:
        engine.fails = True
        status, answer, _ = client.ask("/predict", RED)
        assert (status, answer["error"]) == (500, "an error of the server; its log has the cause")
        engine.fails = False
        assert client.ask("/predict", RED)[0] == 200
    assert "MemoryError: no memory" in caplog.text


@pytest.mark.parametrize("limits", [
    {"max_waiting": 63}, {"max_waiting_bytes": 10, "max_request_bytes": 11}])
def test_limits_that_no_request_could_ever_meet_are_refused(engine, limits):
    with pytest.raises(ValueError, match="--max_waiting.* is less than --max_.*=(64|11), which"):
        with serving(engine, **limits):
            pass


def test_fewer_pixels_can_be_allowed(engine):
    with serving(engine, max_pixels=1199) as client:
        assert client.ask("/predict", RED)[:2] == (
            422, {"error": "40 x 30 pixels is over the limit of 1,199"})


def test_only_who_has_the_token_gets_more_than_the_health(engine):
    token = "a-token-of-some-length"
    with serving(engine, token=token) as client:
        for path, body in [("/predict", RED), ("/docs", None), ("/metrics", None),
                           ("/openapi.json", None), ("/nothing", None)]:
            for given in ("", f"Bearer {token}x", f"Basic {token}", "Bearer ", "Bearer \xe9"):
                status, answer, headers = client.ask(path, body, authorization=given)
                assert (status, headers["www-authenticate"]) == (401, "Bearer")
                assert "Authorization: Bearer" in answer["error"]
        assert client.ask("/healthz")[0] == 200
        for path in ("/metrics", "/docs"):
            assert client.ask(path, authorization=f"bearer {token}")[0] == 200
        assert client.ask("/predict", RED, authorization=f"Bearer {token}")[0] == 200
        assert "HTTPBearer" in str(client.ask("/openapi.json", authorization=f"Bearer {token}"))


def test_health_names_what_runs_and_metrics_count_it(client):
    status, health, _ = client.ask("/healthz")
    assert status == 200 and health == {
        "ready": True, "model": "tiny", "engine": "colours", "classes": CLASSES,
        "version": health["version"]}
    client.form(RED, RED, b"x")
    client.ask("/nothing/else")
    text = client.ask("/metrics")[1]
    for line in ('requests_total{path="/predict/batch",status="200"} 1.0',
                 'requests_total{path="other",status="404"} 1.0',
                 'request_seconds_count{path="/predict/batch"} 1.0', "pictures_total 2.0",
                 "refused_pictures_total 1.0", "batch_pictures_sum 2.0",
                 "requests_in_flight 1.0"):
        assert f"fashionclf_{line}\n" in text
    assert re.search(r"process_resident_memory_bytes [\d.]+e\+\d\d", text)  # whatever it is


def test_the_documentation_has_types_and_errors_and_asks_no_other_host(client):
    schema = client.ask("/openapi.json")[1]
    batch = schema["paths"]["/predict/batch"]["post"]
    assert set(batch["responses"]) == {
        "200", "400", "401", "408", "413", "415", "422", "500", "503", "504"}
    assert "multipart/form-data" in batch["requestBody"]["content"]
    assert "example" in str(batch["responses"]["200"]) and "$ref" in str(batch["responses"]["503"])
    status, page, _ = client.ask("/docs")
    places = re.findall(r"(?:src|href)=\"([^\"]+)\"", page)
    assert len(places) > 2 and all(place.startswith("/static-offline-docs/") for place in places)
    assert {client.ask(place)[0] for place in places} == {status} == {200}


def test_answers_are_sent_at_once():
    """Without TCP_NODELAY the body waits 40 ms; asyncio sets it where the protocol is named."""
    with contextlib.closing(server.bound("127.0.0.1", 0)) as taken:
        taken.listen()
        with socket.create_connection(taken.getsockname()):
            accepted, _ = taken.accept()
            with accepted:
                assert accepted.proto == socket.IPPROTO_TCP
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
