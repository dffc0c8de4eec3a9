import subprocess
import sys
from pathlib import Path

import pytest

from tools.fuzz_readers import properties

INPUTS = {"list": 7500, "tree": 2500, "csv": 2500, "csv_short": 2500, "category_map": 2500,
          "classes": 2500}


def test_every_reader_is_fuzzed_with_twenty_thousand_inputs_in_all():
    assert INPUTS.keys() == properties.READ.keys() == properties.WANTED.keys()
    assert sum(INPUTS.values()) >= 20_000


@pytest.mark.slow
@pytest.mark.parametrize("reader, inputs", INPUTS.items())
def test_a_reader_is_right_or_names_file_line_and_cure(reader, inputs, tmp_path):
    tried = properties.fuzz(reader, tmp_path, count=inputs)
    assert tried.total() >= inputs
    assert min(tried["accepted"], tried["refused"]) > 0.2 * tried.total()


@pytest.mark.slow
def test_the_tool_counts_what_it_tried(tmp_path):
    tool = subprocess.run([sys.executable, "-m", "tools.fuzz_readers", "--seconds=1",
                           f"--failures={tmp_path}"], cwd=Path(__file__).parents[2],
                          capture_output=True, text=True)
    assert tool.returncode == 0, tool.stdout + tool.stderr
    assert all(f"{reader}: " in tool.stdout for reader in INPUTS)
