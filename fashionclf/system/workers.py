"""Runs a function on each part of a table: in this process, or in several beside it."""
import concurrent.futures
import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, forkserver

import pandas as pd

from fashionclf.system.progress import progress_bar

# run(function, parts, desc=...): function(part) of each part of a table, in their order. Function,
# part and result travel between processes: a function of a module, results that JSON can hold.
Run = Callable[..., list]


def here(function: Callable[[pd.DataFrame], list], parts: Sequence[pd.DataFrame], *,
         desc: str) -> list:
    """Calls `function` with one part after the other."""
    return list(_counted(map(function, parts), parts, desc=desc))


def processes(count: int | None = None, *, preload: Sequence[str] = ()) -> Run:
    """Returns a `Run` on `count` processes (None: one per core), which end when this one does.

    They are forked from a server, which starts now, so that it loads the modules `preload`, once
    for all of them, while the caller reads lists. Threads would wait for each other: half of
    the work on a picture of 300 pixels is Python's.
    """
    count = count or os.cpu_count()
    if count == 1:
        return here

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    forkserver.ensure_running()

    def run(function: Callable[[pd.DataFrame], list], parts: Sequence[pd.DataFrame], *,
            desc: str) -> list:
        pool = concurrent.futures.ProcessPoolExecutor(
            min(count, len(parts)) or 1, mp_context=context, initializer=_start_worker)
        try:
            return list(_counted(pool.map(function, parts), parts, desc=desc))
        except BrokenProcessPool as error:
            raise OSError(f"a process died while {desc}; if memory ran out, use fewer --workers"
                          ) from error
        finally:
            pool.shutdown(cancel_futures=True)
    return run


def _start_worker() -> None:
    """Leaves Ctrl-C to the program, and ends this worker when the program was killed."""
    gc.freeze()  # what the server loaded is never garbage: each collection skips it
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    program = multiprocessing.parent_process().sentinel
    threading.Thread(target=lambda: (connection.wait([program]), os._exit(1)), daemon=True).start()


def _counted(results: Iterable[list], parts: Sequence[pd.DataFrame], *,
             desc: str) -> Iterator[list]:
    """Passes the results on, and counts the rows of their parts."""
    with progress_bar(total=sum(map(len, parts)), desc=desc, unit="pictures") as bar:
        for part, result in zip(parts, results, strict=True):
            bar.update(len(part))
            yield result
