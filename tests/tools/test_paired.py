"""Promises of the paired comparison of reports, on tables small enough to count by hand."""
import math

import pandas as pd
import pytest

from tests.helpers.programs import start
from tools.studies import paired

BEFORE = [("a.jpg", "1", "Coat", "Coat", 0.5), ("b.jpg", "1", "Coat", "Tee", 0.25),
          ("c.jpg", "2", "Tee", "Coat", 0.125), ("d.jpg", "3", "Tee", "Tee", 1.0)]
AFTER = [("d.jpg", "3", "Tee", "Tee", 1.0), ("a.jpg", "1", "Coat", "Coat", 0.5),
         ("b.jpg", "1", "Coat", "Coat", 0.5), ("c.jpg", "2", "Tee", "Coat", 0.0)]


def report(folder, rows):
    folder.mkdir()
    pd.DataFrame(rows, columns=["path", "item", "true", "predicted", "probability_of_true"]).to_csv(
        folder / "predictions.csv", index=False)
    return folder


def test_pictures_are_paired_by_path_and_the_error_is_that_of_garments(tmp_path):
    before, after = (paired.pictures(report(tmp_path / name, rows))
                     for name, rows in (("before", BEFORE), ("after", AFTER)))
    gain = paired.difference(before, after, ("before", "after"))
    assert gain["right"].sum() == 1
    # of 6 digits, so that 0 is 1e-6 at least
    assert gain["log loss"].sum() == pytest.approx(math.log(0.125 / 1e-6) - math.log(2))

    # Residuals 1/2 (two pictures), -1/4, -1/4: variance (1/4 + 1/16 + 1/16) * 3/2 / 4**2
    assert paired.with_error(gain["right"], gain["item"]) == (
        f"+0.250 ± {math.sqrt(3 / 8 * 3 / 2) / 4:.3f}")
    assert paired.with_error(gain["right"], pd.Series(["1"] * 4)) == "+0.250"


@pytest.mark.parametrize("other", [
    AFTER[:3], [*AFTER[:3], ("e.jpg", "2", "Tee", "Coat", 0.5)],
    [*AFTER[:3], ("c.jpg", "2", "Coat", "Coat", 0.5)]], ids=["fewer", "another", "another label"])
def test_other_pictures_are_refused(tmp_path, other):
    reports = [paired.pictures(report(tmp_path / name, rows))
               for name, rows in (("before", BEFORE), ("after", other))]
    with pytest.raises(ValueError, match="not of the same pictures.*c.jpg.*evaluate both"):
        paired.difference(*reports, ("before", "after"))


@pytest.mark.slow
def test_the_program_prints_a_row_for_each_report_and_the_gain(tmp_path):
    before, after = report(tmp_path / "before", BEFORE), report(tmp_path / "after", AFTER)
    found = start("tools.studies.paired", f"--before={before}", f"--after={after}")
    lines = found.stdout.splitlines()
    assert lines[2].startswith(f"| {before} | 4 | 0.500 | 0.500 |")
    assert lines[3].startswith(f"| {after} | 4 | 0.750 |")
    assert lines[4].startswith("| gain | 4 | +0.250 ± 0.188 |")
