"""A Python that has loaded the large libraries and forks for each program that a test starts.

Importing TensorFlow and its company takes 5 seconds of CPU, forking this process 0.3. Modules
of fashionclf are not loaded here: each program imports its own, in its own order. No operation
of TensorFlow runs before a fork either, so each program makes its own devices and threads.
"""
import gc
import json
import os
import runpy
import signal
import socket
import sys

LOAD = ["tensorflow", "keras", "tensorflow_datasets", "pandas", "scipy.stats", "sklearn.metrics",
        "matplotlib.pyplot", "PIL.Image", "h5py", "tqdm", "jinja2", "tensorboard"]
MOST_BYTES = 1 << 20  # of a request


def next_program(channel: socket.socket) -> dict | None:
    """In the parent: serves requests, one after the other, until the channel closes: None.
    In each fork: returns the request that it is to run, on that request's outputs."""
    while True:
        content, outputs, *_ = socket.recv_fds(channel, MOST_BYTES, 2)
        if not content:
            return None

        child = os.fork()
        if child == 0:
            channel.close()
            for number, output in enumerate(outputs, start=1):
                os.dup2(output, number)
                os.close(output)
            return json.loads(content)

        for output in outputs:
            os.close(output)
        channel.send(str(child).encode())
        _, status = os.waitpid(child, 0)
        channel.send(str(os.waitstatus_to_exitcode(status)).encode())


def main() -> None:
    from fashionclf import cli  # noqa: F401 sets what every program sets before its imports

    for name in LOAD:
        __import__(name)
    for name in [name for name in sys.modules if name.partition(".")[0] == "fashionclf"]:
        del sys.modules[name]
    gc.collect()
    gc.freeze()  # else each fork's collector walks through all that is loaded, and copies its pages
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
    runpy.run_module(request["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
