"""Runs an application on a port until it is told to stop, by uvicorn."""
import asyncio
import contextlib
import functools
import json
import logging
import resource
import socket
import sys
from collections.abc import Iterator
from http import HTTPStatus

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from fashionclf.serving.server_limits import Limits
from fashionclf.system import signals

BACKLOG = 64  # connections that are accepted at once; asyncio floods the log where files run out
OWN_FILES = 64 + 4 * BACKLOG  # that may be open beside the connections: some are still closing


def bound(host: str, port: int) -> socket.socket:
    """Takes a port, without listening yet: a client is told to wait by its refused connection.

    Raises:
        OSError: it is taken, or not of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)[0]
        taken = socket.socket(family, kind, protocol)  # asyncio needs to see that it is TCP

        # An answer's body would wait 40 ms for the client to confirm its headers.
        taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
    except OSError as error:
        raise OSError(f"--host={host} --port={port}: {error.strerror.lower()}; "
                      "choose another") from error
    return taken


def url(taken: socket.socket) -> str:
    """Returns the address of a server by its socket."""
    host, port, *_ = taken.getsockname()
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


class Server(uvicorn.Server):
    """An application behind uvicorn, with limits on connections and on the time to send headers.

    Args:
        grace_s: seconds to answer what is in flight at a stop.

    Raises:
        ValueError: this process may not have so many connections.
    """

    def __init__(self, app: FastAPI, limits: Limits, *, grace_s: int, access_log: bool = False):
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if limits.max_connections + OWN_FILES > files:
            raise ValueError(f"--max_connections={limits.max_connections}: 'ulimit -n' allows "
                             f"{files} open files, of which {OWN_FILES} are left for others; "
                             "lower the one or raise the other")
        super().__init__(uvicorn.Config(
            app, http=functools.partial(_Protocol, limits=limits), ws="none", loop="asyncio",
            lifespan="on", log_config=None, log_level="error", access_log=False,
            backlog=BACKLOG, server_header=False, timeout_graceful_shutdown=grace_s))
        if access_log:
            handler = logging.StreamHandler(sys.stdout)
            handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
            logger = logging.getLogger("uvicorn.access")
            logger.addHandler(handler)
            logger.setLevel(logging.INFO)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals to `until_signalled`; uvicorn would end the process by them."""
        yield

    async def on_tick(self, counter: int) -> bool:
        """Tells uvicorn, ten times a second, whether to stop."""
        return await super().on_tick(counter) or signals.requested()


def until_signalled(server: Server, taken: socket.socket) -> None:
    """Serves until SIGTERM or SIGINT, then answers what is in flight; a second one ends at once."""
    with signals.deferred():
        server.run([taken])


class _Protocol(H11Protocol):
    """HTTP on one connection, which closes where a client sends headers too slowly, or garbage."""

    def __init__(self, *args, limits: Limits, **options):
        super().__init__(*args, **options)
        self._limits, self._timer = limits, None

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        if len(self.connections) > self._limits.max_connections:
            self._make_room()
        self._watch()

    def _make_room(self) -> None:
        """Closes the connection that has waited longest for headers; without one, this one."""
        waiting = [other for other in self.connections if other._timer]
        if waiting:
            oldest = min(waiting, key=lambda other: other._timer.when())
            oldest.transport.abort()
            self.connections.discard(oldest)  # now, as many may come at once
        else:
            self._refuse(503, f"over {self._limits.max_connections} connections are open")

    def data_received(self, data: bytes) -> None:
        with contextlib.suppress(h11.LocalProtocolError):
            super().data_received(data)
            self._watch()
            return
        self.transport.abort()  # garbage where the answer has been sent already

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Runs a timer while a request is expected whose headers are not complete.

        It also ends a client that goes on sending a body after the answer.
        """
        if self.cycle and not self.cycle.response_complete:
            self._unwatch()
        elif not self._timer:
            self._timer = self.loop.call_later(self._limits.receive_s, self._too_slow)

    def _unwatch(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        if self.conn.our_state is h11.IDLE:
            self._refuse(408, f"the headers took over {self._limits.receive_s:g} seconds "
                         "to send")
        else:
            self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """Answers a request that is not valid HTTP."""
        self._refuse(400, msg)

    def _refuse(self, status: int, reason: str) -> None:
        body = json.dumps({"error": reason}).encode()
        self.transport.write(
            b"HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
            b"Connection: close\r\n\r\n%s" % (status, HTTPStatus(status).phrase.encode(),
                                              len(body), body))
        self.transport.close()
