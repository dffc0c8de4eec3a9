"""A Python that has loaded the large libraries and forks for each program that a test starts.

Importing TensorFlow and its company takes 5 seconds of CPU, a fork of this process 0.1. Modules
of fashionclf are not loaded here: each program imports its own, in its own order. TensorFlow does
nothing before a fork either, so each program makes its own devices and threads.
"""
import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import threading
from typing import NoReturn

LOAD = ["tensorflow", "keras", "tensorflow_datasets", "pandas", "scipy.stats", "sklearn.metrics",
        "matplotlib.pyplot", "PIL.Image", "h5py", "tqdm", "jinja2", "tensorboard"]
MOST_BYTES = 1 << 20  # of a request


def next_program(channel: socket.socket) -> dict | None:
    """In this process: serves requests until the channel closes, and returns None. In a program's
    process: returns the request, with its two outputs in place, and its input where one came."""
    while True:
        content, handles, *_ = socket.recv_fds(channel, MOST_BYTES, 4)
        if not content:
            return None

        if os.fork() == 0:
            channel.close()
            out, err, status, *given = handles
            if started_by_keeper(status):
                os.dup2(out, 1)
                os.dup2(err, 2)
                for handle in given:
                    os.dup2(handle, 0)
                    reopen()
                for handle in handles:
                    os.close(handle)
                return json.loads(content)

        for handle in handles:
            os.close(handle)


def reopen() -> None:
    """Makes Python's streams anew, as the first ones remember whether they could seek."""
    for number, name in enumerate(["stdin", "stdout", "stderr"]):
        stream = open(number, "w" if number else "r", encoding="utf-8", closefd=False)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def started_by_keeper(status: int) -> bool:
    """Forks once more: returns True in the program's process. This one, its keeper, writes the
    program's number to `status`, waits for it, writes its exit code, and ends here."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    program = os.fork()
    if program == 0:
        return True

    os.write(status, b"%d" % program)
    _, how = os.waitpid(program, 0)
    os.write(status, b"%d" % os.waitstatus_to_exitcode(how))
    os._exit(0)


def main() -> None:
    for name in LOAD:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # else each fork's collector walks through all that is loaded, and copies its pages
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers leave no zombies
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the test, which closes the channel

    request = next_program(socket.socket(fileno=int(sys.argv[1])))
    if request is None:
        return

    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.path[0] = request["cwd"]  # as `python -m` does
    sys.argv = [request["module"], *request["words"]]
    try:
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if isinstance(ended.code, int):
            end(ended.code)
        raise


def end(code: int) -> NoReturn:
    """Ends as Python does, but lets the system free the memory: freeing TensorFlow's objects one
    by one takes 0.3 seconds of CPU, more than the fork."""
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
