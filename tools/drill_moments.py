"""The moments at which tools.fault_drill kills: what a program has written, and waiting for it."""
import contextlib
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

LIMIT = 600  # seconds, of a program and of the wait for a moment
PAUSE, SHORT_PAUSE = 0.02, 0.0005  # seconds between two looks; a short moment needs short ones


def begun(files: Iterable[Path], since: float) -> bool:
    """Tells whether one was written after `since`: an earlier kill may have left others."""
    try:
        return any(file.stat().st_mtime > since for file in files)
    except FileNotFoundError:  # one was renamed meanwhile
        return True


def checkpoints(folder: Path) -> set[str]:
    return {file.stem for file in folder.glob("ckpt-*.index")}


def number_of(checkpoint: str) -> int:
    return int(checkpoint.removeprefix("ckpt-"))


def writing(folder: Path, began: float) -> bool:
    """Tells whether a process started at `began` writes a checkpoint, or did when it was killed."""
    for file in folder.glob("*_temp"):
        with contextlib.suppress(FileNotFoundError):  # it was finished in between
            if file.stat().st_mtime > began:
                return True
    return False


def wait_until(happened: Callable[[], object], victim: subprocess.Popen,
               pause: float = PAUSE) -> None:
    end = time.monotonic() + LIMIT
    while not happened():
        if victim.poll() is not None:
            raise RuntimeError(f"the program ended with exit code {victim.returncode} before it "
                               "could be killed: if it is 0, fewer --kills or more --epochs help")
        if time.monotonic() > end:
            victim.kill()
            victim.wait(LIMIT)
            raise TimeoutError(f"the moment for a kill did not come within {LIMIT} seconds")
        time.sleep(pause)
