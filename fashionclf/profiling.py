"""Profiles a few steps of training, for TensorBoard's profile page."""
import contextlib
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf


def parse_steps(text: str | None) -> tuple[int, int] | None:
    """The first and last step that "FIRST,LAST" names, counted from 1; None for None.

    Raises:
        ValueError: it isn't that, or TensorBoard's page for it isn't installed.
    """
    if text is None:
        return None
    found = re.fullmatch(r"(\d+),(\d+)", text)
    first, last = map(int, found.groups()) if found else (0, 0)
    if not 1 <= first <= last:
        raise ValueError(f"--profile_steps={text}: expected FIRST,LAST, two steps counted from 1, "
                         "such as 20,24")
    if not importlib.util.find_spec("tensorboard_plugin_profile"):
        raise ValueError("--profile_steps needs TensorBoard's profile page: "
                         "pip install 'fashionclf[profile]', or leave the flag out")
    return first, last


class Profile:
    """Records the steps `first` to `last` of a phase; a context, at whose end it ends as well.

    Args:
        folder: the phase's logs in TensorBoard's.
        steps: (first, last), counted from 1; None to record nothing.
    """

    def __init__(self, folder: Path, steps: tuple[int, int] | None):
        self._folder, (self._first, self._last) = str(folder), steps or (0, 0)
        self._running = False

    def __enter__(self) -> "Profile":
        return self

    def __exit__(self, *_) -> None:
        if self._running:
            tf.profiler.experimental.stop()
            self._running = False

    @contextlib.contextmanager
    def step(self, number: int) -> Iterator[None]:
        """What the block does is step `number` of the phase."""
        if number == self._first:
            tf.profiler.experimental.start(self._folder)
            self._running = True
        if not self._running:
            yield
            return
        with tf.profiler.experimental.Trace("train", step_num=number, _r=1):
            yield
        if number == self._last:
            self.__exit__()
