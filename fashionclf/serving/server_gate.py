"""What each request passes before the application: the token, the limits, the metrics."""
import asyncio
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fashionclf.serving.server_limits import Limits, Refused, busy, check_token
from fashionclf.serving.server_metrics import Metrics

OPEN = "/healthz"  # without a token, for whoever watches the server


def answer(error: Refused) -> JSONResponse:
    """Returns the answer to a request that is refused."""
    return JSONResponse({"error": error.reason}, error.status, error.headers)


class Gate:
    """Lets a request through to `app`, while its body is within the limits.

    Args:
        token: that every request but OPEN must have, or None.
    """

    def __init__(self, app: ASGIApp, *, limits: Limits, metrics: Metrics, token: str | None):
        self._app, self._limits, self._metrics, self._token = app, limits, metrics, token
        self._bytes = 0  # in memory, of all requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        body = _Body(receive, self._limits, self._hold)
        with self._metrics.request(scope["path"], send) as send:
            try:
                self._check(Headers(scope=scope), scope["path"])
                await self._app(scope, body.receive, send)
            except Refused as error:
                await answer(error)(scope, receive, send)
            except asyncio.CancelledError:  # at a stop, when the time of grace is over
                await answer(busy("the server has stopped"))(scope, receive, send)
            finally:
                self._bytes -= body.bytes

    def _check(self, given: Headers, path: str) -> None:
        """Raises Refused for what the headers already rule out."""
        if self._token and path != OPEN:
            check_token(given.get("authorization", ""), self._token)
        length = given.get("content-length", "")
        if length.isdigit() and int(length) > self._limits.max_request_bytes:
            raise _too_large(self._limits)

    def _hold(self, more: int) -> None:
        self._bytes += more
        if self._bytes > self._limits.max_waiting_bytes:
            raise busy(f"requests of over {self._limits.max_waiting_bytes:,} bytes are waiting")


class _Body:
    """The body of one request as it comes, whatever its headers announce."""

    def __init__(self, receive: Receive, limits: Limits, hold: Callable[[int], None]):
        self._receive, self._limits, self._hold = receive, limits, hold
        self._deadline = asyncio.get_running_loop().time() + limits.receive_s
        self.bytes, self._complete = 0, False

    async def receive(self) -> Message:
        """Returns the next message; once the body is complete, that the client has left.

        Raises:
            Refused: the client is too slow, or sends too much.
        """
        if self._complete:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise Refused(408, f"the request took over {self._limits.receive_s:g} seconds to send",
                          connection="close") from None

        self._complete = not message.get("more_body", False)
        more = len(message.get("body", b""))
        self.bytes += more
        self._hold(more)
        if self.bytes > self._limits.max_request_bytes:
            raise _too_large(self._limits)
        return message


def _too_large(limits: Limits) -> Refused:
    return Refused(413, f"the request is over the limit of {limits.max_request_bytes:,} bytes")
