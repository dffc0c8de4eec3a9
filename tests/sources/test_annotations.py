import pytest

from fashionclf.sources import shop_csv
from fashionclf.system.csv_files import Form


def read_rows(tmp_path, text, *, form=Form(), **columns):
    file = tmp_path / "rows.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return shop_csv.read(file, form, images_root=tmp_path, category_column="kind", **columns)


@pytest.mark.parametrize("text", [
    "path,kind\na.jpg,Tee\n", "path,kind\r\na.jpg,Tee\r\n", "path,kind\ra.jpg,Tee",
    "\ufeffpath,kind\n\na.jpg,Tee\n\n", 'kind,"path"\n"Tee",a.jpg\nTee,a.jpg\n'])
def test_csv_is_read_whatever_its_line_ends_and_quotes(tmp_path, text):
    table = read_rows(tmp_path, text).table
    assert table[["path", "category"]].to_numpy().tolist() == [["a.jpg", "Tee"]]


@pytest.mark.parametrize("text, message", [
    ("", ":1: expected a header and at"), ("path,kind\n", ":1: expected a header and at"),
    ("path,kind,path\na,b,c\n", ":1: has column 'path' twice"),
    ("path,kind\na.jpg,Tee,1\n", ":2: has 3 fields, but the header has 2; put double quotes"),
    ("path,kind\na.jpg\n", ":2: has 1 fields, but the header has 2"),
    ('path,kind\na.jpg,Tee\nb.jpg,"Tee\nc.jpg,Tee\n', ":3: the row that begins here is not"),
    ('path,kind,text\na.jpg,Tee,"two\r\nlines"\nb.jpg,Tee\n', ":4: has 2 fields"),
    ("path,kind\na\0.jpg,Tee\n", ":2: byte 0x00 is not UTF-8 text"),
    ("path,kind\na.jpg,Caf\u00e9\n".encode() + b"b.jpg,\xe9\n",
     ":3: byte 0xe9 is not UTF-8 text; save the file as .* --csv_encoding"),
    ("path,kind\n,Tee\n", ":2: '' is not a plain path"),
    ("path,kind\n/a/rows.csv,Tee\n", r":2: .* leads out .* \('rows.csv' is there: the list"),
    ("path,kind\nhttps://x.org/a.jpg,Tee\n", ":2: .* not a plain path.* an address on the web"),
    ("path,kind\n./a,Tee\n", ":2: './a' is not a plain"),
    ('path,kind\n"a\n/../b.jpg",Tee\n', ":2: .* leads out"),
    ("path,kind\na.jpg,Tee\na.jpg,Dress\n", r":3: .* \(first on line 2\)")])
def test_a_bad_csv_is_named_with_file_line_and_cure(tmp_path, text, message):
    with pytest.raises(ValueError, match=f"rows.csv{message}"):
        read_rows(tmp_path, text)


@pytest.mark.parametrize("row, message", [
    ("a.jpg,Tee,,train,1,2,3,4", "has no item"),
    ("a.jpg,Tee,i,trian,1,2,3,4", "'trian' is not train"),
    ("a.jpg,Tee,i,,1,2,3,", "expected a whole number .* got ''"),
    ("a.jpg,Tee,i,,1,2,3,4.5", "expected a whole number .* got '4.5'")])
def test_bad_items_parts_and_boxes_of_a_csv_are_named(tmp_path, row, message):
    with pytest.raises(ValueError, match=f"rows.csv:2: {message}"):
        read_rows(tmp_path, f"path,kind,item,part,l,t,r,b\n{row}\n", item_column="item",
                  partition_column="part", bbox_columns=["l", "t", "r", "b"])


def test_a_box_needs_four_columns_that_differ(tmp_path):
    with pytest.raises(ValueError, match="--bbox_columns needs the four columns"):
        read_rows(tmp_path, "path,kind,l\na.jpg,Tee,1\n", bbox_columns=["l", "l", "l", "l"])
