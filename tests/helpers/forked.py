"""Stands for `python`: runs a program of ours in a fork that has loaded TensorFlow.

    FORKS=3 MORE_FLAGS='{"train": ["--head_epochs=1"]}' python -S forked.py -m fashionclf.train ...

asks the process of tests/helpers/forking.py, whose channel is the open file FORKS, for a program
with this process's input and outputs, and ends with its exit code. MORE_FLAGS are added to those
of a program, "*" to those of all. Whatever else Python is called for, it is called.
"""
import json
import os
import socket
import sys


def main(words: list[str]) -> int:
    program = words[1] if words[:1] == ["-m"] and len(words) > 1 else ""
    if program.partition(".")[0] not in ("fashionclf", "tools"):
        os.execv(sys.executable, [sys.executable, *words])

    words = words[2:]
    verb = words[0] if program == "fashionclf" and words else program.rpartition(".")[2]
    more = json.loads(os.environ.get("MORE_FLAGS", "{}"))
    request = {"module": program, "words": [*words, *more.get(verb, ()), *more.get("*", ())],
               "cwd": os.getcwd(), "env": dict(os.environ)}

    forks = socket.socket(fileno=int(os.environ["FORKS"]))
    status, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        socket.send_fds(forks, [json.dumps(request).encode()], [1, 2, theirs.fileno(), 0])
    status.recv(100)  # the program's number
    return int(status.recv(100))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
