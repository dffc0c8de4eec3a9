"""What several tests ask in the same words: of programs, of weights, of TensorBoard's logs."""
import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.helpers.programs import start


def succeed(module: str, *words, **options) -> str:
    """Runs a program that has to succeed, as `start` does; gives its standard output."""
    done = start(module, *words, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_same(found: Iterable, expected: Iterable, atol: float = 0.0) -> None:
    """Compares arrays in pairs: bit for bit, or up to `atol`."""
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=atol)


def events(folder: Path) -> EventAccumulator:
    """The logs in a folder of TensorBoard."""
    accumulator = EventAccumulator(str(folder))
    accumulator.Reload()
    return accumulator


class Killed(KeyboardInterrupt):
    """Stands for the end of a process."""


@contextlib.contextmanager
def killed_after(calls: int, owner: object, name: str, *, of_result: bool = False
                 ) -> Iterator[None]:
    """Lets the call after `calls` calls of `owner.name` raise Killed, which the block has to do.

    Args:
        of_result: count calls of the functions that `owner.name` returns instead.
    """
    real, made = getattr(owner, name), []

    def counted(function: Callable) -> Callable:
        def call(*args, **options):
            if len(made) == calls:
                raise Killed
            made.append(function)
            return function(*args, **options)
        return call
    replacement = (lambda *args: counted(real(*args))) if of_result else counted(real)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(owner, name, replacement)
        yield


@contextlib.contextmanager
def mixed_precision() -> Iterator[None]:
    """Networks that the block builds compute in bfloat16."""
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy("float32")
