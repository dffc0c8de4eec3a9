"""What a server counts, for Prometheus."""
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator

from prometheus_client import (CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector,
                               disable_created_metrics, generate_latest)

PATHS = ("/predict", "/predict/batch", "/healthz", "/metrics", "/docs")  # others are one: "other"
SECONDS = (.005, .01, .02, .03, .05, .075, .1, .15, .2, .3, .5, .75, 1, 2, 5, 10, 30, 60)
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)

disable_created_metrics()  # a time of creation beside each counter

Send = Callable[[dict], Awaitable[None]]  # of ASGI: a message to the client


class Metrics:
    """The metrics of one server, in a registry of its own."""

    def __init__(self):
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter("fashionclf_requests", "Requests by path and status; status 499: "
                                 "the client left before the answer.",
                                 ["path", "status"], registry=registry)
        self._seconds = Histogram("fashionclf_request_seconds", "Time from the headers of a "
                                  "request to its answer.", ["path"], buckets=SECONDS,
                                  registry=registry)
        self._in_flight = Gauge("fashionclf_requests_in_flight", "Requests that are not answered "
                                "yet.", registry=registry)
        self.waiting = Gauge("fashionclf_waiting_pictures", "Pictures that are not predicted yet.",
                             registry=registry)
        self.predicted = Counter("fashionclf_pictures", "Pictures that were predicted.",
                                 registry=registry)
        self.refused = Counter("fashionclf_refused_pictures", "Pictures that can't be used.",
                               registry=registry)
        self.batches = Histogram("fashionclf_batch_pictures", "Pictures that were predicted "
                                 "together.", buckets=BATCHES, registry=registry)

    def text(self) -> bytes:
        """Returns all of them in Prometheus' text format."""
        return generate_latest(self._registry)

    @contextlib.contextmanager
    def request(self, path: str, send: Send) -> Iterator[Send]:
        """Counts a request; the block answers it by the `send` that it gets."""
        path, began, status = path if path in PATHS else "other", time.perf_counter(), 500

        async def noting(message: dict) -> None:
            nonlocal status
            status = message.get("status", status)  # the first message of an answer has it
            await send(message)

        self._in_flight.inc()
        try:
            yield noting
        finally:
            self._in_flight.dec()
            self._requests.labels(path, status).inc()
            self._seconds.labels(path).observe(time.perf_counter() - began)
