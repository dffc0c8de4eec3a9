"""TensorFlow's start without the lines that it prints on each machine that has no GPU.

Version 2.21 prints them at TF_CPP_MIN_LOG_LEVEL=2 too: its log is not set up yet.
"""
import contextlib
import glob
import os
import re
import sys
import tempfile
from collections.abc import Iterator

START_LINES = re.compile("|".join([
    r"WARNING: All log messages before absl::InitializeLog\(\) is called are written to STDERR",
    r"[IWE]\d{4} .*\] oneDNN custom operations are on\.",
    r"[IWE]\d{4} .*\] Could not find cuda drivers on your machine, GPU will not be used\.",
    r"[IWE]\d{4} .*\] failed call to cuInit: .*",
    r"INFO: Created TensorFlow Lite XNNPACK delegate for CPU\."]).encode())
NVIDIA = ("/dev/nvidia*", "/dev/dxg", "/proc/driver/nvidia")  # dxg: under Windows' Linux


@contextlib.contextmanager
def tensorflow_start() -> Iterator[None]:
    """Drops START_LINES of what the block, which imports TensorFlow, prints on standard error.

    All other lines come out when the block ends, also where it raises (not where the process
    dies in it). On a machine with an NVIDIA device nothing is held back, as an error of its driver
    must be seen, nor is it where TF_CPP_MIN_LOG_LEVEL asks for more than warnings. Standard error
    is that of the whole process: call this before there are threads.
    """
    level = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    wanted = level in ("0", "1") or any(map(glob.glob, NVIDIA))
    with contextlib.nullcontext() if wanted else _filtered_stderr():
        yield

        # The first look for devices prints the last of the lines.
        if not wanted and "tensorflow" in sys.modules:
            sys.modules["tensorflow"].config.list_physical_devices()


@contextlib.contextmanager
def _filtered_stderr() -> Iterator[None]:
    """Keeps START_LINES out of file descriptor 2, to which C++ writes."""
    if sys.__stderr__ is None:  # it was closed, and its number may be that of another file now
        yield
        return
    sys.stderr.flush()
    original = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(original, 2)
            os.close(original)
            held.seek(0)
            with open(2, "wb", closefd=False) as stderr:
                stderr.writelines(line for line in held if not START_LINES.match(line))
