"""A call never loses the rows of an earlier one, unless it is told to."""
import pytest

from fashionclf.deployment import earlier_output, prediction_table

NAMES = ["a.jpg", "=b.jpg", "'c.jpg", 'd,"\n.jpg', "caf\udce9.jpg", "é.jpg"]


@pytest.fixture(params=["csv", "jsonl", "parquet", "xlsx"])
def earlier(tmp_path, request):
    """A finished output, and its format."""
    pytest.importorskip({"parquet": "pyarrow", "xlsx": "openpyxl"}.get(request.param, "csv"))
    rows = [prediction_table.row(name, "missing file", ["Tee"]) for name in NAMES]
    output = tmp_path / f"found.{request.param}"
    prediction_table.write(rows, prediction_table.COLUMNS, output, request.param,
                           bom=request.param == "csv")
    return str(output), request.param


def test_rows_of_the_same_pictures_and_of_more_are_replaced(earlier, tmp_path):
    earlier_output.check(*earlier, "path", NAMES)
    earlier_output.check(*earlier, "path", ["new.jpg", *reversed(NAMES)])
    earlier_output.check(str(tmp_path / "absent"), earlier[1], "path", ["new.jpg"])
    (tmp_path / "empty").touch()
    earlier_output.check(str(tmp_path / "empty"), earlier[1], "path", ["new.jpg"])


@pytest.mark.parametrize("gone", NAMES)
def test_rows_of_a_picture_that_is_not_named_now_are_not_lost(earlier, tmp_path, gone):
    (tmp_path / "link").symlink_to(earlier[0])
    for output in (earlier[0], str(tmp_path / "link")):
        with pytest.raises(FileExistsError, match="rows of 1 pictures that are not named now.*"
                                                  "--files_from.*--overwrite"):
            earlier_output.check(output, earlier[1], "path", [x for x in NAMES if x != gone])


@pytest.mark.parametrize("content", [b"path,price\na.jpg,3\n", b"\x89PNG\r\n\x1a\n", b"[]\n",
                                     b'{"path": 1\n', b'"', b"PK\x03\x04"])
def test_a_file_that_is_no_such_table_is_not_replaced(earlier, tmp_path, content):
    file = tmp_path / "other"
    file.write_bytes(content)
    with pytest.raises(FileExistsError, match="exists and is no .* table.*--overwrite"):
        earlier_output.check(str(file), earlier[1], "path", NAMES)


def test_embeddings_are_replaced_with_the_rows_they_belong_to(tmp_path):
    output, array = tmp_path / "found.csv", tmp_path / "e.npy"
    earlier_output.check_embeddings(str(array), str(output))
    array.write_bytes(earlier_output.NPY)
    with pytest.raises(FileExistsError, match="does not belong to"):
        earlier_output.check_embeddings(str(array), str(output))
    output.touch()
    earlier_output.check_embeddings(str(array), str(output))
    array.write_bytes(b"notes")
    with pytest.raises(FileExistsError, match="--overwrite"):
        earlier_output.check_embeddings(str(array), str(output))
