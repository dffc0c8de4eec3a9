"""Long work shows a bar on a terminal and plain lines elsewhere; short work shows nothing."""
import sys

import pytest
from tqdm import tqdm

from fashionclf.system import progress
from fashionclf.system.progress import progress_bar


@pytest.fixture
def clock(monkeypatch):
    """Lets each look at the clock come `clock.step` seconds after the one before."""
    class Clock:
        step, now = 5.0, 0.0

        def monotonic(self):
            self.now += self.step
            return self.now
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def lines(capsys):
    shown = capsys.readouterr()
    assert shown.out == "" and "\r" not in shown.err and "\x1b" not in shown.err
    return shown.err.splitlines()


def test_a_file_gets_a_line_for_each_ten_per_cent(clock, capsys):
    assert sum(progress_bar(range(4097), desc="opening pictures", unit="pictures")) == 8390656
    shown = lines(capsys)
    assert shown[0] == "opening pictures: 10 % (410 of 4,097)"
    assert shown[-1] == "opening pictures: 100 % (4,097 of 4,097)" and len(shown) == 10


def test_lines_end_with_the_latest_figures(clock, capsys):
    with progress_bar(total=4, desc="head 1/2", unit="steps") as bar:
        bar.update()
        bar.set_postfix_str("loss 0.5")
        bar.update(2)
    assert lines(capsys) == ["head 1/2: 25 % (1 of 4)", "head 1/2: 75 % (3 of 4), loss 0.5"]


@pytest.mark.parametrize("step, arguments, numbers", [
    (0.4, {"total": 10}, [3, 6, 9, 10]), (5, {"total": 10, "initial": 8}, [9, 10]),
    (0.01, {"total": 10}, []), (5, {"total": 10, "disable": True}, []), (5, {}, []),
    (5, {"total": 0}, [])],
    ids=["one a second but the last", "resumed", "short", "disabled", "unknown length", "empty"])
def test_lines_come_slowly_and_none_of_what_is_done_short_disabled_or_of_unknown_length(
        clock, capsys, step, arguments, numbers):
    clock.step = step
    with progress_bar(desc="reading", **arguments) as bar:
        for _ in range(10 - arguments.get("initial", 0)):
            bar.update()
    assert lines(capsys) == [f"reading: {number}0 % ({number} of 10)" for number in numbers]


def test_the_variable_that_silences_tqdm_silences_lines_too(clock, capsys, monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")
    assert list(progress_bar(range(9), desc="reading")) == list(range(9))
    assert lines(capsys) == []


def test_a_terminal_gets_a_bar(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress_bar(range(3), desc="reading", unit="shards") as bar:
        assert isinstance(bar, tqdm) and list(bar) == [0, 1, 2]
        assert (bar.total, bar.desc, bar.unit) == (3, "reading", " shards")
    assert capsys.readouterr().err == ""  # three items take less than a second
