"""Programs, started as a user starts them: every wait has a limit."""
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
          env: dict[str, str] | None = None, fresh: bool = False, starts_forks: bool = False
          ) -> subprocess.CompletedProcess:
    """Runs `python -m module words...`, with `env` added to its variables, to its end.

    It runs in a fork of a Python that has loaded TensorFlow, which saves 5 seconds of CPU; with
    `fresh` in a new Python, as with `starts_forks`, which gives it the channel of `forks`.
    """
    command = _command(module, words)
    if starts_forks:
        channel = forks().fileno()
        return subprocess.run(command, cwd=cwd, env=_environment({"FORKS": str(channel)}),
                              pass_fds=[channel], capture_output=True, text=True, timeout=timeout)
    if fresh:
        return subprocess.run(command, cwd=cwd, env=_environment(env), capture_output=True,
                              text=True, timeout=timeout)
    with begin(module, *words, cwd=cwd, env=env) as program:
        outputs = program.communicate(timeout)
    return subprocess.CompletedProcess(command, program.returncode, *outputs)


def succeed(module: str, *words, **options) -> subprocess.CompletedProcess:
    """As `start`; a program that fails fails the test with all that it wrote."""
    done = start(module, *words, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def start_code(code: str, *words, timeout: float = 300, cwd: Path = ROOT,
               env: dict[str, str] | None = None) -> subprocess.CompletedProcess:
    """Runs `python -c code words...` in a new Python to its end."""
    return subprocess.run([sys.executable, "-c", code, *map(str, words)], cwd=cwd,
                          env=_environment(env), capture_output=True, text=True, timeout=timeout)


class Program:
    """A program that runs in a fork; what subprocess.Popen calls so does the same here."""

    def __init__(self, module: str, words: list[str], cwd: Path, env: dict[str, str] | None):
        self.args, self.returncode = _command(module, words), None
        request = {"module": module, "words": words, "cwd": str(cwd), "env": _environment(env)}

        # Files take its output: it never waits for a reader.
        self._files = [tempfile.TemporaryFile(), tempfile.TemporaryFile()]
        self._status, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            socket.send_fds(forks(), [json.dumps(request).encode()],
                            [*(file.fileno() for file in self._files), theirs.fileno()])
        self._status.settimeout(120)
        self.pid = int(self._status.recv(100))

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float) -> int:
        if self.returncode is None:
            self._status.settimeout(timeout)
            try:
                self.returncode = int(self._status.recv(100))
            except (TimeoutError, BlockingIOError):  # the latter where it is 0
                raise subprocess.TimeoutExpired(self.args, timeout) from None
        return self.returncode

    def communicate(self, timeout: float) -> list[str]:
        self.wait(timeout)
        return self.outputs()

    def outputs(self) -> list[str]:
        """Standard output and standard error so far."""
        # pread: the program shares the position at which it writes.
        content = [os.pread(file.fileno(), os.stat(file.fileno()).st_size, 0)
                   for file in self._files]
        return [encoded.decode().replace("\r\n", "\n").replace("\r", "\n") for encoded in content]

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        self._status.close()
        for file in self._files:
            file.close()


@contextlib.contextmanager
def begin(module: str, *words, cwd: Path = ROOT, env: dict[str, str] | None = None
          ) -> Iterator[Program]:
    """Starts `python -m module words...` as `start` does; kills it if it runs at the end."""
    program = Program(module, list(map(str, words)), cwd, env)
    try:
        yield program
    finally:
        program.kill()
        program.wait(60)
        program.close()


def wait_until(happened: Callable[[], object], program: Program, limit: float = 120) -> None:
    """Waits until `happened()` is true; fails if the program ends before, or after `limit` seconds.

    The failure shows what the program wrote.
    """
    deadline = time.monotonic() + limit
    while not happened():
        ended = program.poll() is not None
        if ended or time.monotonic() > deadline:
            program.kill()
            outputs = program.communicate(60)
            why = (f"ended with exit code {program.returncode}" if ended
                   else f"did not get there within {limit} seconds")
            pytest.fail("\n".join([f"{program.args} {why}", *outputs]))
        time.sleep(0.005)


def _command(module: str, words) -> list[str]:
    return [sys.executable, "-m", module, *map(str, words)]


def _environment(more: dict[str, str] | None = None) -> dict[str, str]:
    """This process's variables, with which every program finds this checkout's package."""
    return {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT), **(more or {})}


@functools.cache
def forks() -> socket.socket:
    """The channel to a process that forks for each request, and ends when this process does.

    It is the open file FORKS where a test hands its own on.
    """
    if given := os.environ.get("FORKS"):
        return socket.socket(fileno=int(given))
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        subprocess.Popen(_command("tests.helpers.forking", [theirs.fileno()]), cwd=ROOT,
                         env=_environment(), stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
    return ours
