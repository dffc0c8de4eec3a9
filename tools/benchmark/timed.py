"""A command in a process of its own, timed from start to exit, stage by stage."""
import os
import re
import subprocess
import time
from pathlib import Path

TAIL = 2_000  # characters of the output that an error shows


def run(command: list[str], *, marks: dict[str, str], log: Path,
        environment: dict[str, str] | None = None) -> dict[str, float]:
    """Runs `command` and times its stages.

    Args:
        marks: stage -> regular expression of what the command prints, on either stream, when the
            stage begins; in the order of the stages.
        log: file for all its output.
        environment: variables for the command beside ours.

    Returns:
        Seconds: "total", "set-up" (start to the first mark) and each stage, from its mark to the
        next or to the exit.

    Raises:
        RuntimeError: it failed, or a mark never came; the message ends with its output.
    """
    begun, stages, output = [time.perf_counter()], list(marks), ""
    with log.open("w", buffering=1) as file, subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})}) as process:
        while chunk := os.read(process.stdout.fileno(), 65_536):
            output += chunk.decode(errors="replace")
            file.write(chunk.decode(errors="replace"))
            while len(begun) <= len(stages) and re.search(marks[stages[len(begun) - 1]], output):
                begun.append(time.perf_counter())

    ends = [*begun[1:], time.perf_counter()]
    if process.returncode or len(begun) <= len(stages):
        why = (f"exit code {process.returncode}" if process.returncode
               else f"it never printed {marks[stages[len(begun) - 1]]!r}")
        raise RuntimeError(f"{' '.join(command)}\nfailed ({why}); see {log}:\n{output[-TAIL:]}")

    seconds = dict(zip(["set-up", *stages], (end - start for start, end in zip(begun, ends))))
    return {"total": ends[-1] - begun[0], **seconds}
