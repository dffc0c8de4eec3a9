"""Every reader of annotation keeps its promise on made-up files: some here, 20,000 by -m drill."""
import pytest

from tests.helpers.programs import succeed
from tools.fuzz_readers import properties


@pytest.mark.slow
@pytest.mark.parametrize("count", [
    pytest.param(200, id="some"), pytest.param(3500, id="many", marks=pytest.mark.drill)])
@pytest.mark.parametrize("reader", properties.READ)
def test_a_reader_is_right_or_names_file_line_and_cure(reader, count, tmp_path):
    tried = properties.fuzz(reader, tmp_path, count=count)
    assert tried.total() >= count
    assert min(tried["accepted"], tried["refused"]) > 0.2 * tried.total()


@pytest.mark.slow
def test_the_tool_counts_what_it_tried(tmp_path):
    tool = succeed("tools.fuzz_readers", "--seconds=1", "--round=20", f"--failures={tmp_path}")
    assert all(f"{reader}: " in tool.stdout for reader in properties.READ)
