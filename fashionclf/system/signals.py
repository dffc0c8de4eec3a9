"""SIGTERM and SIGINT as a question that a loop asks between its steps."""
import contextlib
import signal
from collections.abc import Iterator

_received: list[int] = []


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Notes a first SIGTERM or SIGINT within the block; a second one ends the process at once."""
    def note(number: int, _) -> None:
        _received.append(number)
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        _received.clear()
        for number, handler in before.items():
            signal.signal(number, handler)


def requested() -> bool:
    """Whether a signal came: then save, and call `leave`."""
    return bool(_received)


def leave(saved: str) -> None:
    """Prints what is `saved` and raises SystemExit with the signal's usual code (130, 143)."""
    name = signal.Signals(_received[0]).name
    print(f"\n{name}: {saved}; run the same command to resume", flush=True)
    raise SystemExit(128 + _received[0])
