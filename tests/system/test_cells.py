import pandas as pd
import pytest

from fashionclf.system import cells, tables


@pytest.mark.parametrize("cell, safe", [
    ("=HYPERLINK(1)", "'=HYPERLINK(1)"), ("+1", "'+1"), ("-1", "'-1"), ("@SUM", "'@SUM"),
    ("\t=1", "'\t=1"), ("img/a.jpg", "img/a.jpg"), ("", ""), (-1.5, -1.5), (None, None),
    ("caf\udce9.jpg", r"caf\udce9.jpg")])
def test_no_cell_starts_a_formula_or_is_no_utf8(cell, safe):
    assert cells.safe(cell) == safe


def test_what_a_safe_cell_was_is_told_from_it():
    for cell in ("=1", "-1", "'quoted'", "Tee", "", "'"):
        assert cells.original(cells.safe(cell)) == cell


def test_tables_are_written_safe_and_numbers_stay_numbers(tmp_path):
    table = pd.DataFrame({"path": ["=a.jpg", "b.jpg"], "x": [-0.25, 1.0]})
    tables.write(table, tmp_path / "x.csv", float_format="%.2f")
    assert (tmp_path / "x.csv").read_text() == "path,x\n'=a.jpg,-0.25\nb.jpg,1.00\n"
