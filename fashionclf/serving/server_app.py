"""The application of `fashionclf serve`: its paths, what they answer, and their documentation."""
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
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

import fashionclf
from fashionclf.deployment.engines import Engine
from fashionclf.serving import server_gate, server_parts
from fashionclf.serving.server_batching import Batcher
from fashionclf.serving.server_limits import Limits, Refused
from fashionclf.serving.server_metrics import Metrics

ABOUT = ("Labels photographs of garments. An answer with an error is one line of JSON: "
         '`{"error": "the reason"}`.')
REASONS = {  # status: when it is answered, and an example of its reason
    400: ("The form is damaged, empty, or has a field of another name.",
          "the form has no field 'pictures'"),
    401: ("The server has a token that the request lacks.",
          "send the server's token in the header 'Authorization: Bearer TOKEN'"),
    408: ("The request took too long to send.", "the request took over 30 seconds to send"),
    413: ("A picture or the request has too many bytes, or the request too many pictures.",
          "a picture is over the limit of 20,000,000 bytes"),
    415: ("A form where a picture is expected, or the reverse.",
          "the body must be the bytes of a picture, not a form; send forms to /predict/batch"),
    422: ("The picture can't be used, or a parameter is out of range.",
          "50000 x 50000 pixels is over the limit of 50,000,000"),
    500: ("A fault of the server.", "an error of the server; its log has the cause"),
    503: ("Too many pictures are waiting; Retry-After has the seconds after which to try again.",
          "256 pictures are waiting, and 1 more are over the limit of 256"),
    504: ("The answer took too long.", "there was no answer within 60 seconds")}
KINDS = ("image/jpeg", "image/png", "image/webp", "application/octet-stream")
BYTES = {"type": "string", "format": "binary"}
LABEL = {"label": "T-Shirt", "probability": 0.93, "top": [
    {"class": "T-Shirt", "probability": 0.93}, {"class": "Top", "probability": 0.04}]}
SINGLE = {"requestBody": {"required": True, "content": {
    kind: {"schema": BYTES} for kind in KINDS}}}
SEVERAL = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": {
    "type": "object", "required": [server_parts.FIELD],
    "properties": {server_parts.FIELD: {"type": "array", "items": BYTES}}}}}}}


class ClassProbability(BaseModel):
    """A class and its probability."""
    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True)
    class_: str = Field(alias="class")
    probability: float = Field(ge=0, le=1)


class Label(BaseModel):
    """The most probable class of a picture, and the first ones, falling."""
    label: str
    probability: float = Field(ge=0, le=1)
    top: list[ClassProbability]


class Error(BaseModel):
    """Why there is no answer."""
    error: str


class Health(BaseModel):
    """What the server runs."""
    ready: bool
    model: str
    engine: str
    version: str
    classes: list[str]


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
    classes = tuple(engine.spec.classes)

    @contextlib.asynccontextmanager
    async def lifespan(_):
        async with batcher.running():
            yield

    app = FastAPIOffline(
        redoc_url=None,  # it would fetch a logo from the network
        title="fashionclf", description=ABOUT, version=fashionclf.__version__, lifespan=lifespan,
        dependencies=[Depends(HTTPBearer(auto_error=False))] if token else [])
    app.add_middleware(server_gate.Gate, limits=limits, metrics=metrics, token=token)
    _answer_errors(app)
    Top = Annotated[int, Query(ge=1, le=len(classes), description="Number of classes in `top`.")]

    async def predicted(request: Request, pictures: list[bytes]) -> list[np.ndarray | str]:
        with batcher.places(len(pictures)):
            return await _unless_lost(request, limits.answer_s, asyncio.gather(
                *map(batcher.predict, pictures)))

    @app.post("/predict", tags=["labels"], openapi_extra=SINGLE,
              responses=_documented(*REASONS.keys() - {400}, example=LABEL))
    async def predict(request: Request, top: Top = min(3, len(classes))) -> Label:
        """Labels one picture, whose bytes are the body."""
        kind = request.headers.get("content-type", "")
        picture = await server_parts.single(request.stream(), kind, limits)
        row, = await predicted(request, [picture])
        if isinstance(row, str):
            raise Refused(422, row)
        return _label(row, classes, top)

    @app.post("/predict/batch", tags=["labels"], openapi_extra=SEVERAL, responses=_documented(
        *REASONS, example=[LABEL, {"error": REASONS[422][1]}]))
    async def predict_batch(request: Request, top: Top = min(3, len(classes))
                            ) -> list[Label | Error]:
        """Labels the pictures of a form, in order; a bad one has its error in its place."""
        kind = request.headers.get("content-type", "")
        pictures = await server_parts.several(request.stream(), kind, limits)
        return [Error(error=row) if isinstance(row, str) else _label(row, classes, top)
                for row in await predicted(request, pictures)]

    @app.get("/healthz", tags=["operation"], responses={
        503: {"model": Health, "description": "Pictures are not predicted."}})
    async def health(response: Response) -> Health:
        """Tells whether the server is ready, and what it runs; needs no token."""
        ready = batcher.ready()
        response.status_code = 200 if ready else 503
        return Health(ready=ready, model=model, engine=engine.name,
                      version=fashionclf.__version__, classes=list(classes))

    @app.get("/metrics", tags=["operation"], response_class=PlainTextResponse,
             responses=_documented(401))
    async def prometheus() -> Response:
        """Returns counters and histograms for Prometheus."""
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return app


def _label(probabilities: np.ndarray, classes: tuple[str, ...], top: int) -> Label:
    best = np.argsort(-probabilities, kind="stable")[:top]
    named = [ClassProbability(class_=classes[i], probability=float(probabilities[i]))
             for i in best]
    return Label(label=named[0].class_, probability=named[0].probability, top=named)


def _documented(*statuses: int, example: Any = None) -> dict[int, dict[str, Any]]:
    """Describes the answers of a path: errors, and by an example what it answers else."""
    answers = {200: {"content": {"application/json": {"example": example}}}} if example else {}
    for status in sorted(statuses):
        description, reason = REASONS[status]
        answers[status] = {"model": Error, "description": description, "content": {
            "application/json": {"example": {"error": reason}}}}
    return answers


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
