"""Promises of the files that predictions go to."""
import csv
import io
import json
import sys

import numpy as np
import pytest

from fashionclf.deployment import prediction_table
from fashionclf.deployment.confidence import Judge
from fashionclf.deployment.prediction_table import (COLUMNS, columns, format_of, row, write,
                                                    write_text)

CLASSES = ["Tee", "Coat"]
NAMES = [*COLUMNS, "sku"]


def rows():
    found = {"=a.jpg": np.array([.25, .75], np.float32), "caf\udce9.jpg": "missing file",
             'a,"b"\n.jpg': np.array([.9, .1], np.float32)}
    judged = [(True, False, "Coat|Tee"), (True, None, None), (False, True, "Tee")]
    return [[*row(path, answer, CLASSES, check=check, outlier=outlier, labels=labels), sku]
            for (path, answer), (check, outlier, labels), sku in zip(
                found.items(), judged, ["-7", "", "é"])]


def test_a_row_has_the_most_probable_classes_or_the_reason_and_blanks_where_classes_are_few():
    found = row("a.jpg", np.array([.1, .2, .4, .3], np.float32), list("ABCD"))
    assert found == ["a.jpg", "C", 0.4, "D", 0.3, "B", 0.2, None, False, None, None]
    assert row("a.jpg", np.array([.25, .75], np.float32), CLASSES) == [
        "a.jpg", "Coat", 0.75, "Tee", 0.25, None, None, None, False, None, None]
    assert row("a", np.array([1 / 3, 2 / 3], np.float32), CLASSES)[2] == 0.666667
    assert row("a", np.array([1., 0.], np.float32), CLASSES)[4] == 0
    assert row("a.jpg", "empty file", CLASSES) == [
        "a.jpg", *[None] * 6, "empty file", False, None, None]
    assert len(found) == len(COLUMNS)


@pytest.mark.parametrize("least, found, marked", [
    (0.0, [.5, .5], False), (0.5, [.5, .5], False), (0.6, [.5, .5], True), (1.0, [0, 1], False),
    (0.0, "empty file", False), (0.1, "empty file", True)])
def test_rows_below_the_least_probability_or_without_one_are_marked(least, found, marked):
    found = found if isinstance(found, str) else np.array(found, np.float32)
    assert Judge(min_probability=least).cells(found, None, CLASSES) == (marked, None, None)


def test_csv_is_right_whatever_the_name_and_no_cell_starts_a_formula():
    stream = io.StringIO()
    write_text(rows(), NAMES, stream, "csv")
    found = list(csv.reader(io.StringIO(stream.getvalue())))
    assert found == [NAMES,
                     ["'=a.jpg", "Coat", "0.750000", "Tee", "0.250000", "", "", "", "yes", "",
                      "Coat|Tee", "'-7"],
                     [r"caf\udce9.jpg", *[""] * 6, "missing file", "yes", "", "", ""],
                     ['a,"b"\n.jpg', "Tee", "0.900000", "Coat", "0.100000", "", "", "", "", "yes",
                      "Tee", "é"]]


def test_json_lines_hold_a_value_of_its_kind_for_every_column(tmp_path):
    write(rows(), NAMES, tmp_path / "x.jsonl", "jsonl")
    lines = (tmp_path / "x.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[0]) == dict(zip(NAMES, rows()[0]))
    assert json.loads(lines[1])["path"] == r"caf\udce9.jpg" and '"sku": "é"' in lines[2]
    assert json.loads(lines[1])["class"] is None and len(lines) == 3


def test_parquet_has_the_same_rows_with_types_also_over_row_groups(tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet", reason="fashionclf[parquet] is missing")
    monkeypatch.setattr(prediction_table, "ROW_GROUP", 2)
    write(iter(rows()), NAMES, tmp_path / "x.parquet", "parquet")
    found = parquet.read_table(tmp_path / "x.parquet")
    assert found.column_names == NAMES and parquet.ParquetFile(
        tmp_path / "x.parquet").num_row_groups == 2
    assert {str(found.schema.field(name).type) for name in prediction_table.FLOATS[:3]} == {
        "double"}
    expected = [[r"caf\udce9.jpg" if cell == "caf\udce9.jpg" else cell for cell in cells]
                for cells in rows()]
    assert [list(line.values()) for line in found.to_pylist()] == expected
    assert found["check"].to_pylist() == [True, True, False]
    assert found["outlier"].to_pylist() == [False, None, True]


def test_columns_of_a_csv_that_ours_have_too_are_renamed():
    assert columns(["sku", "class", "csv_class", "path"])[len(COLUMNS):] == [
        "sku", "csv_class", "csv_csv_class", "csv_path"]


def test_the_suffix_says_the_format_unless_it_is_chosen(monkeypatch):
    assert [format_of(f"x/a.{name}", None) for name in ("csv", "JSONL")] == ["csv", "jsonl"]
    assert format_of("-", None, stream=True) == "csv" and format_of("a.txt", "jsonl") == "jsonl"
    assert format_of("a.csv", None, bom=True) == "csv"
    for output, chosen, message in (("a.txt", None, "use one of .csv, .jsonl, .parquet, .xlsx "),
                                    ("-", "parquet", "parquet needs a plain file"),
                                    ("-", "xlsx", "xlsx needs a plain file"),
                                    ("-", "jsonl", "--excel is for CSV")):
        with pytest.raises(ValueError, match=message):
            format_of(output, chosen, stream=output == "-", bom=chosen == "jsonl")
    for library, suffix in (("pyarrow", "parquet"), ("openpyxl", "xlsx")):
        monkeypatch.setitem(sys.modules, library, None)
        extra = {"xlsx": "excel"}.get(suffix, suffix)
        with pytest.raises(ValueError, match=rf"pip install '.*\[{extra}\]'"):
            format_of(f"a.{suffix}", None)


def test_a_byte_order_mark_begins_the_csv_and_only_where_it_is_wanted(tmp_path):
    for bom in (False, True):
        write(rows(), NAMES, tmp_path / "x.csv", "csv", bom=bom)
        assert (tmp_path / "x.csv").read_bytes().startswith(b"\xef\xbb\xbfpath,"[0 if bom else 3:])


def test_a_workbook_has_text_as_text_never_a_formula_and_numbers_as_numbers(tmp_path):
    openpyxl = pytest.importorskip("openpyxl", reason="fashionclf[excel] is missing")
    odd = [["=1+1", "007", 0.25, None, None, None, None, "a\x07\n", True, None, None, "+7"]]
    write(rows() + odd, NAMES, tmp_path / "x.xlsx", "xlsx")

    sheet = openpyxl.load_workbook(tmp_path / "x.xlsx").active
    found = list(sheet.values)
    assert found[0] == tuple(NAMES) and len(found) == 5
    assert found[1] == ("=a.jpg", "Coat", 0.75, "Tee", 0.25, None, None, None, True, False,
                        "Coat|Tee", "-7")
    assert found[2][0] == r"caf\udce9.jpg" and found[4][7] == "a\\x07\n"
    assert "f" not in {cell.data_type for cells in sheet for cell in cells}
    assert [sheet["B5"].data_type, sheet["C5"].data_type] == ["s", "n"]


def test_what_excel_cannot_show_is_refused_before_the_work():
    prediction_table.check_fits("xlsx", "a.xlsx", 1_048_575, [["x" * 32_767]])
    prediction_table.check_fits("csv", "a.csv", 1_048_576)
    with pytest.raises(ValueError, match="1,048,576 rows and a header do not fit.*write .csv"):
        prediction_table.check_fits("xlsx", "a.xlsx", 1_048_576)
    with pytest.raises(ValueError, match="32,768 characters.*write .csv"):
        prediction_table.check_fits("xlsx", "a.xlsx", 1, [["x" * 32_768]])
