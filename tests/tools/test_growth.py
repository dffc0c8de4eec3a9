import json
import subprocess
import sys
from pathlib import Path

import pytest

STEPS = ["read, label, split", "build", "train", "evaluate", "compare look-alikes"]


@pytest.mark.slow
def test_every_step_is_measured_at_two_sizes_of_which_one_is_ten_times_the_other(tmp_path):
    tool = subprocess.run([sys.executable, "-m", "tools.benchmark.growth", "--rows=1000",
                           "--pictures=240", "--hashes=100", f"--output={tmp_path / 'out.json'}"],
                          cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert tool.returncode == 0, tool.stderr
    found = json.loads((tmp_path / "out.json").read_text())
    assert [row["step"] for row in found["growth"]] == STEPS
    for step in STEPS:
        low, high = (row for row in found["measured"] if row["step"] == step)
        assert high["n"] == 10 * low["n"]
        assert min(low["seconds"], high["seconds"]) > 0 and high["peak_mib"] > 50
        assert tool.stdout.count(f"| {step} |") == 2
