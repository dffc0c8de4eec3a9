"""Predicts the pictures of all requests of a server: decodes in threads, predicts in batches."""
import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from fashionclf.deployment.engines import Engine
from fashionclf.pictures import headers, reading
from fashionclf.serving.server_limits import Limits, busy
from fashionclf.serving.server_metrics import Metrics


class Batcher:
    """Predicts pictures that wait together, up to `max_batch`; one alone is predicted at once.

    All methods belong to one event loop.
    """

    def __init__(self, engine: Engine, limits: Limits, metrics: Metrics, *, max_batch: int):
        self._engine, self._limits, self._metrics = engine, limits, metrics
        self._max_batch, self._waiting = max_batch, 0
        self._decoded: asyncio.Queue[tuple[np.ndarray, asyncio.Future]] = asyncio.Queue()
        self._decoders = ThreadPoolExecutor(os.cpu_count(), "decode")
        self._network = ThreadPoolExecutor(1, "network")

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Predicts while the block runs, after a first batch, which is slower than others."""
        size = self._engine.spec.framing.image_size
        for count in (1, 2):
            await self._outputs(np.zeros((count, size, size, 3), np.float32))
        self._task = asyncio.create_task(self._predict_batches())
        try:
            yield
        finally:
            self._task.cancel()
            for pool in (self._decoders, self._network):
                pool.shutdown(wait=False, cancel_futures=True)

    def ready(self) -> bool:
        """Whether pictures are being predicted."""
        return not self._task.done()

    @contextlib.contextmanager
    def places(self, count: int) -> Iterator[None]:
        """Holds the places of a request's pictures among those that wait.

        Raises:
            Refused: too many are waiting.
        """
        if self._waiting + count > self._limits.max_waiting:
            raise busy(f"{self._waiting} pictures are waiting, and {count} more are over the "
                       f"limit of {self._limits.max_waiting}")
        self._add_waiting(count)
        try:
            yield
        finally:
            self._add_waiting(-count)

    def _add_waiting(self, count: int) -> None:
        self._waiting += count
        self._metrics.waiting.set(self._waiting)

    async def predict(self, encoded: bytes) -> np.ndarray | str:
        """Returns the probabilities, float32 [C], or the reason why the picture can't be used."""
        loop = asyncio.get_running_loop()
        pixels = await loop.run_in_executor(self._decoders, self._input_or_reason, encoded)
        if isinstance(pixels, str):
            self._metrics.refused.inc()
            return pixels

        answer = loop.create_future()
        self._decoded.put_nowait((pixels, answer))
        return await answer

    def _input_or_reason(self, encoded: bytes) -> np.ndarray | str:
        header = headers.header_or_reason(encoded)
        if isinstance(header, str):
            return header
        width, height = header.size
        if width * height > self._limits.max_pixels:
            return headers.too_many(header.size, self._limits.max_pixels)
        pixels = reading.decoded_or_reason(encoded)
        return pixels if isinstance(pixels, str) else reading.fit(pixels, self._engine.spec.framing)

    async def _predict_batches(self) -> None:
        while True:
            batch = [await self._decoded.get()]
            while len(batch) < self._max_batch and not self._decoded.empty():
                batch.append(self._decoded.get_nowait())
            # A client that has left, or waited too long, has cancelled its own answers alone.
            batch = [(pixels, answer) for pixels, answer in batch if not answer.done()]
            if batch:
                await self._answer(batch)

    async def _answer(self, batch: list[tuple[np.ndarray, asyncio.Future]]) -> None:
        try:
            rows = await self._outputs(np.stack([pixels for pixels, _ in batch]))
        except Exception as error:  # each request of the batch reports it; the next batch may work
            rows = [error] * len(batch)
        else:
            self._metrics.predicted.inc(len(batch))
            self._metrics.batches.observe(len(batch))

        for (_, answer), row in zip(batch, rows, strict=True):
            if answer.done():
                continue
            if isinstance(row, Exception):
                answer.set_exception(row)
            else:
                answer.set_result(row)

    async def _outputs(self, images: np.ndarray) -> np.ndarray:
        """Maps float32 [B, S, S, 3] to probabilities [B, C], off the event loop."""
        loop = asyncio.get_running_loop()
        return (await loop.run_in_executor(self._network, self._engine.outputs, images))[0]
