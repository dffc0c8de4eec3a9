"""Promises of the check that listed files are there."""
import pytest

from fashionclf.system import missing_files


@pytest.fixture
def shop(tmp_path):
    for name in ("images/p1.JPG", "images/p 2.jpeg", "images/coats/p3.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize("path, hint", [
    ("images/p1.jpg", "'images/p1.JPG' is there: its name is in another case"),
    ("Images/P1.JPG", "'images/p1.JPG' is there: its name is in another case"),
    ("images/p1.webp", "'images/p1.JPG' is there: it has another suffix"),
    ("images/p1", "'images/p1.JPG' is there: it has another suffix"),
    ("images/p1.JPG ", "'images/p1.JPG' is there: the list has blanks at the ends"),
    ("images\\p1.JPG", "'images/p1.JPG' is there: the list has backslashes; write '/'"),
    ("images/p%202.jpeg", "'images/p 2.jpeg' is there: the list has it as in a web address"),
    ("C:\\shop\\images\\p1.JPG", "'images/p1.JPG' is there: the list has an absolute path"),
    ("/home/me/images/coats/p3.png", "'images/coats/p3.png' is there: the list has an absolute"),
    ("shop/images/p1.JPG", "'images/p1.JPG' is there: without the first folders"),
    ("p1.JPG", "--source_dir={root}/images has it"),
    ("https://example.org/p1.JPG", "it is an address on the web"), ("images/p9.jpg", "")])
def test_a_missing_file_that_is_there_under_another_name_is_hinted_at(shop, path, hint):
    assert missing_files.hint(str(shop), path).startswith(hint.format(root=shop))
    assert bool(missing_files.hint(str(shop), path)) == bool(hint)


def test_none_found_is_an_error_and_some_missing_a_note(shop):
    assert missing_files.check(["images/p1.JPG"], root=shop, file="x.csv") == []
    some = missing_files.check(["images/p1.JPG", "images/p9.jpg"], root=shop, file="x.csv")
    assert some == [f"1 of 2 pictures are not below {shop}; the first is 'images/p9.jpg'"]
    with pytest.raises(FileNotFoundError, match="x.csv: none of 601 pictures was found below "
                       f"{shop}; --source_dir says where they are. .*: --source_dir=.*images has"):
        missing_files.check(["p1.JPG"] * 601, root=shop, file="x.csv")
