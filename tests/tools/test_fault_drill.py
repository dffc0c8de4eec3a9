"""Kills lose and change nothing: a small drill here, the full one by -m drill."""
import pytest

from tests.helpers.programs import succeed


@pytest.mark.slow
@pytest.mark.parametrize("module, flags, kills, inside", [
    pytest.param("tests.helpers.forked_drill", ["--kills=6", "--part=head", "--part=end",
                                                "--images=240", "--epochs=4"], 3, 1, id="small"),
    pytest.param("tools.fault_drill", ["--kills=30"], 29, 5, id="full", marks=pytest.mark.drill),
    pytest.param("tools.fault_drill", ["--kills=20", "--training=everything", "--images=240",
                                       "--epochs=4"], 20, 1,
                 id="everything", marks=pytest.mark.drill)])
def test_kills_lose_and_change_nothing(module, flags, kills, inside):
    forked = module.startswith("tests.")
    drill = succeed(module, *flags, timeout=1800, starts_forks=forked)
    assert "lost or changed: nothing" in drill.stdout
    assert drill.stdout.count(": kill ") == kills
    assert drill.stdout.count("inside the writing of a checkpoint") >= inside
    assert "inside the writing of model.json" in drill.stdout
