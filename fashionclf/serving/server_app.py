"""The application of `fashionclf serve`: its paths and what they answer."""
import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Annotated, Any

import numpy as np
from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse
from fastapi.security import HTTPBearer
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

import fashionclf
from fashionclf.deployment.engines import Engine
from fashionclf.serving import server_gate, server_parts, server_schema
from fashionclf.serving.server_batching import Batcher
from fashionclf.serving.server_limits import Limits, Refused
from fashionclf.serving.server_metrics import Metrics
from fashionclf.serving.server_schema import ClassProbability, Error, Health, Label, documented


def build(engine: Engine, limits: Limits, *, model: str, token: str | None = None,
          max_batch: int = 8) -> FastAPI:
    """Builds the application.

    Args:
        model: its name, for /healthz.
        token: that requests must have, or None.
        max_batch: pictures that are predicted together.
    """
    metrics = Metrics()
    batcher = Batcher(engine, limits, metrics, max_batch=max_batch)

    @contextlib.asynccontextmanager
    async def lifespan(_):
        async with batcher.running():
            yield

    app = FastAPIOffline(
        title="fashionclf", description=server_schema.ABOUT, version=fashionclf.__version__,
        redoc_url=None,  # it would fetch a logo from the network
        dependencies=[Depends(HTTPBearer(auto_error=False))] if token else [], lifespan=lifespan)
    app.add_middleware(server_gate.Gate, limits=limits, metrics=metrics, token=token)
    _answer_errors(app)
    _add_labels(app, batcher, limits, tuple(engine.spec.classes))

    @app.get("/healthz", tags=["operation"], responses={
        503: {"model": Health, "description": "Pictures are not predicted."}})
    async def health(response: Response) -> Health:
        """Tells whether the server is ready, and what it runs; needs no token."""
        ready = batcher.ready()
        response.status_code = 200 if ready else 503
        return Health(ready=ready, model=model, engine=engine.name,
                      version=fashionclf.__version__, classes=engine.spec.classes)

    @app.get("/metrics", tags=["operation"], response_class=PlainTextResponse,
             responses=documented(401))
    async def prometheus() -> Response:
        """Returns counters and histograms for Prometheus."""
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return app


def _add_labels(app: FastAPI, batcher: Batcher, limits: Limits, classes: tuple[str, ...]) -> None:
    """Adds the paths that label pictures."""
    Top = Annotated[int, Query(ge=1, le=len(classes), description="Number of classes in `top`.")]
    default = min(3, len(classes))
    errors = set(server_schema.REASONS)

    async def predicted(request: Request, pictures: list[bytes]) -> list[np.ndarray | str]:
        with batcher.places(len(pictures)):
            return await _unless_lost(request, limits.answer_s, asyncio.gather(
                *map(batcher.predict, pictures)))

    @app.post("/predict", tags=["labels"], openapi_extra=server_schema.SINGLE,
              responses=documented(*errors - {400}, example=server_schema.LABEL))
    async def predict(request: Request, top: Top = default) -> Label:
        """Labels one picture, whose bytes are the body."""
        kind = request.headers.get("content-type", "")
        picture = await server_parts.single(request.stream(), kind, limits)
        row, = await predicted(request, [picture])
        if isinstance(row, str):
            raise Refused(422, row)
        return _label(row, classes, top)

    @app.post("/predict/batch", tags=["labels"], openapi_extra=server_schema.SEVERAL,
              responses=documented(*errors, example=server_schema.LABELS))
    async def predict_batch(request: Request, top: Top = default) -> list[Label | Error]:
        """Labels the pictures of a form, in order; a bad one has its error in its place."""
        kind = request.headers.get("content-type", "")
        pictures = await server_parts.several(request.stream(), kind, limits)
        return [Error(error=row) if isinstance(row, str) else _label(row, classes, top)
                for row in await predicted(request, pictures)]


def _label(probabilities: np.ndarray, classes: tuple[str, ...], top: int) -> Label:
    best = np.argsort(-probabilities, kind="stable")[:top]
    named = [ClassProbability(class_=classes[i], probability=float(probabilities[i]))
             for i in best]
    return Label(label=named[0].class_, probability=named[0].probability, top=named)


async def _unless_lost(request: Request, limit_s: float, work: Coroutine | asyncio.Future) -> Any:
    """Returns the result of `work`, and cancels it where nobody waits for it any more.

    Raises:
        ClientDisconnect: the client has left.
        Refused: it took over `limit_s` seconds.
    """
    work, left = asyncio.ensure_future(work), asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait({work, left}, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        if left.done():
            raise ClientDisconnect
        raise Refused(504, f"there was no answer within {limit_s:g} seconds")
    finally:
        work.cancel()
        left.cancel()


def _answer_errors(app: FastAPI) -> None:
    """Lets all errors be answered alike."""
    @app.exception_handler(Refused)
    async def refused(_, error: Refused) -> Response:
        return server_gate.answer(error)

    @app.exception_handler(HTTPException)
    async def unknown(_, error: HTTPException) -> Response:
        return server_gate.answer(Refused(error.status_code, str(error.detail),
                                          **(error.headers or {})))

    @app.exception_handler(RequestValidationError)
    async def invalid(_, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return server_gate.answer(Refused(422, f"{first['loc'][-1]}: {first['msg']}"))

    @app.exception_handler(ClientDisconnect)
    async def lost(*_) -> Response:
        return Response(status_code=499)  # nobody reads it; nginx counts such requests so

    @app.exception_handler(Exception)
    async def failed(*_) -> Response:
        return server_gate.answer(Refused(500, "an error of the server; its log has the cause"))
