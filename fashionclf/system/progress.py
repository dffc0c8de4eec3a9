"""How far long work is: a bar on a terminal, elsewhere a plain line for each ten per cent."""
import os
import sys
import time
from collections.abc import Iterable, Iterator

from tqdm import tqdm

PAUSE = 1.0  # seconds: work that takes less shows nothing, and lines come no faster


def progress_bar(items: Iterable | None = None, *, total: int | None = None, initial: int = 0,
                 desc: str = "", unit: str = "", disable: bool = False) -> "tqdm | Lines":
    """Counts `items` as they are taken or, as a context, what its `update` is told.

    `total` is the length of `items` where it is None; `initial` were done before. `desc` is the
    work, as "opening pictures", and `unit`, which a bar shows, is in the plural, as "pictures".
    """
    if total is None and hasattr(items, "__len__"):
        total = len(items)
    disable = disable or os.environ.get("TQDM_DISABLE", "") not in ("", "0")
    if sys.stderr is not None and sys.stderr.isatty():
        return tqdm(items, total=total, initial=initial, desc=desc, unit=f" {unit}", delay=PAUSE,
                    disable=disable)
    return Lines(items, total=0 if disable else total or 0, done=initial, desc=desc)


class Lines:
    """What `progress_bar` gives where standard error is no terminal: as much of tqdm as is used."""

    def __init__(self, items: Iterable | None, *, total: int, done: int, desc: str):
        """A `total` of 0 is unknown, and prints nothing."""
        self._items, self._total, self._done, self._desc = items, total, done, desc
        self._postfix, self._printed = "", False
        self._tenths, self._time = self._tenths_done(), time.monotonic()

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __iter__(self) -> Iterator:
        for item in self._items:
            yield item
            self.update()

    def set_postfix_str(self, text: str, refresh: bool = True) -> None:
        """Sets what the next lines end with."""
        self._postfix = text

    def update(self, count: int = 1) -> None:
        """Adds to what is done, and prints a line where one is due."""
        self._done += count
        tenths, now = self._tenths_done(), time.monotonic()
        last = self._printed and self._done == self._total  # or it would look as if it had stopped
        if tenths == self._tenths or (now - self._time < PAUSE and not last):
            return

        self._tenths, self._time, self._printed = tenths, now, True
        done = 100 * self._done // self._total
        line = f"{self._desc}: {done} % ({self._done:,} of {self._total:,})"
        print(", ".join(filter(None, [line, self._postfix])), file=sys.stderr, flush=True)

    def _tenths_done(self) -> int:
        return 10 * self._done // self._total if self._total else 0
