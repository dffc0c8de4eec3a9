"""Programs, started as a user starts them: every one has a time limit."""
import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def start(module: str, *words, timeout: float = 300, cwd: Path = ROOT,
          env: dict[str, str] | None = None, fresh: bool = False) -> subprocess.CompletedProcess:
    """Runs `python -m module words...` to its end, with its output as text.

    It runs in a fork of a Python that has already loaded TensorFlow, which saves 5 seconds of
    CPU; with `fresh`, or with variables `env` to add, in a new Python.
    """
    if not fresh and env is None:
        return _forked(module, list(map(str, words)), timeout, cwd)
    return subprocess.run(_command(module, words), cwd=cwd, env=_environment(env),
                          capture_output=True, text=True, timeout=timeout)


def start_code(code: str, *words, timeout: float = 300, cwd: Path = ROOT,
               env: dict[str, str] | None = None) -> subprocess.CompletedProcess:
    """Runs `python -c code words...` to its end in a new Python, with its output as text."""
    return subprocess.run([sys.executable, "-c", code, *map(str, words)], cwd=cwd,
                          env=_environment(env), capture_output=True, text=True, timeout=timeout)


@contextlib.contextmanager
def begin(module: str, *words, cwd: Path = ROOT, env: dict[str, str] | None = None,
          **options) -> Iterator[subprocess.Popen]:
    """Starts `python -m module words...` in a new Python; if it still runs at the end, kills it.

    Its outputs are pipes, as text, unless `options` of Popen say otherwise.
    """
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    process = subprocess.Popen(_command(module, words), cwd=cwd, env=_environment(env), text=True,
                               **options)
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=60)


def wait_until(happened: Callable[[], object], process: subprocess.Popen, limit: float = 120
               ) -> None:
    """Waits until `happened()` is true; fails if the process ends before, or after `limit` seconds.

    The failure shows what the process wrote.
    """
    deadline = time.monotonic() + limit
    while not happened():
        ended = process.poll() is not None
        if ended or time.monotonic() > deadline:
            process.kill()
            outputs = process.communicate(timeout=60)
            why = (f"ended with exit code {process.returncode}" if ended
                   else f"did not get there within {limit} seconds")
            pytest.fail("\n".join([f"{process.args} {why}", *filter(None, outputs)]))
        time.sleep(0.005)


def _command(module: str, words) -> list[str]:
    return [sys.executable, "-m", module, *map(str, words)]


def _environment(more: dict[str, str] | None = None) -> dict[str, str]:
    """This process's variables, with which every program finds this checkout's package."""
    return {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT), **(more or {})}


@functools.cache
def _forks() -> socket.socket:
    """The channel to a process that forks for each request; that process ends when this one does.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        subprocess.Popen(_command("tests.helpers.forking", [theirs.fileno()]), cwd=ROOT,
                         env=_environment(), stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
    return ours


def _forked(module: str, words: list[str], timeout: float, cwd: Path
            ) -> subprocess.CompletedProcess:
    """`start` in a fork. Output goes to files: a full pipe would stop the program."""
    request = {"module": module, "words": words, "cwd": str(cwd), "env": _environment()}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        channel = _forks()
        socket.send_fds(channel, [json.dumps(request).encode()], [out.fileno(), err.fileno()])
        channel.settimeout(60)
        pid = int(channel.recv(100))

        channel.settimeout(timeout)
        try:
            code = int(channel.recv(100))
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            channel.settimeout(60)
            channel.recv(100)
            raise subprocess.TimeoutExpired(_command(module, words), timeout) from None

        outputs = []
        for file in (out, err):
            file.seek(0)
            outputs.append(file.read().decode(errors="surrogateescape"))
    return subprocess.CompletedProcess(_command(module, words), code, *outputs)
