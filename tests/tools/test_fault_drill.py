import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_five_kills_lose_and_change_nothing():
    drill = subprocess.run([sys.executable, "-m", "tools.fault_drill", "--kills=5"],
                           cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert drill.returncode == 0, drill.stdout + drill.stderr
    assert drill.stdout.count("kill") >= 5 and "lost or changed: nothing" in drill.stdout
    assert drill.stdout.count("inside the writing of a checkpoint") >= 2
    assert "inside the writing of model.json" in drill.stdout
