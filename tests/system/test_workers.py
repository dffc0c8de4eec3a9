"""Processes give the results of one, in order, and neither outlive the program nor hide a death."""
import os
import signal
import time

import pandas as pd
import pytest

from fashionclf.system import workers
from tests.helpers.programs import begin, wait_until


def doubled(part):
    return [int(value) * 2 for value in part["value"]]


def killed(part):
    os.kill(os.getpid(), signal.SIGKILL)


def parts(count):
    return [pd.DataFrame({"value": [number, number + 100]}) for number in range(count)]


@pytest.mark.slow
def test_results_stand_in_the_order_of_the_parts():
    expected = [[2 * number, 2 * number + 200] for number in range(9)]
    assert workers.here(doubled, parts(9), desc="") == expected
    assert workers.processes(2)(doubled, parts(9), desc="") == expected
    assert workers.processes(2)(doubled, [], desc="") == []


@pytest.mark.slow
def test_a_worker_that_dies_is_an_error_with_a_cure():
    with pytest.raises(OSError, match="a process died while opening; .* fewer --workers"):
        workers.processes(2)(killed, parts(3), desc="opening")


@pytest.mark.slow
def test_workers_end_when_the_program_is_killed(tmp_path):
    lines = ("import os, time, pathlib, pandas as pd", "from fashionclf.system import workers",
             "def work(part):",
             f"    pathlib.Path({str(tmp_path)!r}, str(os.getpid())).touch(); time.sleep(600)",
             "if __name__ == '__main__':",
             "    workers.processes(2)(work, [pd.DataFrame({'a': [1]})] * 2, desc='')")
    (tmp_path / "program.py").write_text("\n".join(lines))

    def workers_pids():
        return [file.name for file in tmp_path.iterdir() if file.name.isdigit()]
    with begin("program", cwd=tmp_path) as program:
        wait_until(lambda: len(workers_pids()) == 2, program)
        program.kill()

    deadline = time.monotonic() + 60
    while any(os.path.exists(f"/proc/{pid}") for pid in workers_pids()):
        assert time.monotonic() < deadline, "the workers outlive their program"
        time.sleep(0.05)
