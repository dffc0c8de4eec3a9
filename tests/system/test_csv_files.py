"""Promises of reading CSV files as shops write them."""
import pytest

from fashionclf.system import csv_files

ROWS = "id,name,price\n7,Bouclé,\"1,5\"\n8,\"a \"\"b\"\"\nc\",2\n"
CELLS = [["7", "Bouclé", "1,5"], ["8", 'a "b"\nc', "2"]]


def read(tmp_path, data, columns=("id",), **options):
    (tmp_path / "x.csv").write_bytes(data if isinstance(data, bytes) else data.encode())
    return csv_files.read(tmp_path / "x.csv", list(columns), cure="name it", others=True, **options)


def written(separator):
    quoted = "1,5" if separator != "," else '"1,5"'
    return ROWS.replace('"1,5"', "\0").replace(",", separator).replace("\0", quoted)


@pytest.mark.parametrize("separator", csv_files.SEPARATORS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be",
                                      "utf-32", "cp1252"])
def test_separator_and_encoding_are_found_and_reported(tmp_path, separator, encoding):
    rows = read(tmp_path, written(separator).encode(encoding))
    assert rows.table.to_numpy().tolist() == CELLS and not rows.faults
    assert rows.table.index.tolist() == [2, 3]
    assert rows.notes[0] == f"x.csv: separated by {csv_files.SEPARATORS[separator]}"
    assert encoding[:5].replace("-sig", "").upper() in rows.notes[1].upper()


def test_what_was_guessed_is_said_with_what_it_gave(tmp_path):
    note = read(tmp_path, ROWS.encode("cp1252")).notes[1]
    assert "a guess, as it is not UTF-8: it gives Bouclé" in note and "--csv_encoding" in note
    table = read(tmp_path, ROWS.encode("mac_roman"), encoding="mac_roman").table
    assert table.to_numpy().tolist() == CELLS


def test_a_first_line_that_names_the_separator_for_excel_is_no_row(tmp_path):
    rows = read(tmp_path, "sep=;\r\n" + written(";"))
    assert rows.table.to_numpy().tolist() == CELLS and rows.table.index[0] == 3


@pytest.mark.parametrize("data, options, message", [
    (ROWS.encode() + b"9,\xe9,\n", {}, r"x.csv:5: byte 0xe9 is not UTF-8 text; .*--csv_encoding$"),
    (b"id,x\n7,\x81\n", {}, "x.csv:2: byte 0x81 is not cp1252 text; name another --csv_encoding"),
    (ROWS.encode(), {"encoding": "ascii"}, "x.csv:2: byte 0xc3 is not ascii text"),
    ("name;x\n1;2\n", {}, "x.csv:1: has no column 'id', only name, x; name it"),
    ("id,id\n1,2\n", {}, "has column 'id' twice"), ("id,x\n", {}, "expected a header and at least"),
    ('id,"x\n1,2\n', {}, "x.csv:1: the row that begins here is not valid CSV")])
def test_a_file_that_cannot_be_read_is_named_with_the_cure(tmp_path, data, options, message):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, data, **options)


def test_every_bad_row_is_found_and_the_rows_after_it_are_good(tmp_path):
    rows = read(tmp_path, 'id,x\n1,a\n2,b,c\n3,"d\n4,e\n5,"f"g\n6,h\n,\n\n7\n8,"i\nj"\n')
    good = rows.table.drop(rows.faults)
    assert good.to_numpy().tolist() == [["1", "a"], ["4", "e"], ["6", "h"], ["8", "i\nj"]]
    assert list(rows.faults) == [3, 4, 6, 10]
    assert rows.table.loc[3].tolist() == ["2", "b"]  # its first cells tell which row it is
    assert "3 fields, but the header has 2; put double quotes around a field with a comma" in (
        rows.faults[3])
    with pytest.raises(ValueError) as error:
        csv_files.refuse(tmp_path / "x.csv", rows.faults, more=", or drop it")
    assert str(error.value).startswith(f"{tmp_path}/x.csv:3: has 3 fields")
    assert ", or drop it. 4 rows can't be used, this one and:" in str(error.value)
    assert "\n  line 10: has 1 fields" in str(error.value)


def test_an_error_lists_ten_rows_and_counts_the_others(tmp_path):
    with pytest.raises(ValueError) as error:
        csv_files.refuse(tmp_path, {line: "wrong; mend it" for line in range(1, 13)})
    assert str(error.value).count("\n") == 10 and str(error.value).endswith("and 2 more")


def test_columns_that_nobody_asked_for_are_no_reason_to_refuse(tmp_path):
    rows = read(tmp_path, "x,id,x,,\n1,2,3,4,\n")
    assert rows.table.iloc[0].to_dict() == {"id": "2", "x": "1", "x_2": "3", "column_4": "4"}
    assert rows.notes[-1] == ("columns with a repeated or empty name: 'x' as 'x_2', '' as "
                              "'column_4'")


def test_a_pattern_makes_a_path_of_several_cells(tmp_path):
    table = read(tmp_path, "id,Style No\n7,a\n,b\n").table
    assert csv_files.formatted("{Style No}/{id:0>3}.jpg", table).tolist() == ["a/007.jpg", ""]
    assert csv_files.pattern_columns("{Style No}/{id:0>3}.jpg") == ["Style No", "id"]


@pytest.mark.parametrize("pattern", ["a.jpg", "{}.jpg", "{id.jpg", "id}.jpg"])
def test_a_pattern_without_a_column_is_refused(pattern):
    with pytest.raises(ValueError, match=r"--path_pattern=.*write 'images/\{id\}.jpg', with the"):
        csv_files.pattern_columns(pattern)
