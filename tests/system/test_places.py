"""What output may go to is known before the work begins, and nothing else is replaced."""
import os
import socket

import pytest

from fashionclf.system import files, places


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with what an output may meet."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text("old")
    (tmp_path / "inner").mkdir()
    for name, target in [("link", "rows.csv"), ("to_new", "inner/new.csv"), ("to_folder", "inner"),
                         ("dangling", "absent/new.csv"), ("loop", "loop")]:
        (tmp_path / name).symlink_to(target)
    os.mkfifo("fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        yield tmp_path


@pytest.mark.parametrize("file", ["rows.csv", "new.csv", "link", "to_new", "inner/../a [1]*.csv"])
def test_a_plain_file_can_be_written_also_through_a_link(folder, file):
    places.check_file(file)
    assert not places.is_stream(file)
    files.write_text(file, "new")
    assert open(file).read() == "new" and os.path.islink(file) == (file in ("link", "to_new"))


@pytest.mark.parametrize("file, message", [
    ("inner", "name a file in a folder that exists"), ("absent/new.csv", "folder that exists"),
    ("to_folder", "it is a link to .*inner"), ("dangling", "it is a link to .*absent/new.csv"),
    ("loop", "leads to itself"), ("socket", "not a plain file"),
    ("rows.csv/new.csv", "folder that exists")])
def test_what_cannot_be_written_is_refused_with_the_reason(folder, file, message):
    for streams in (False, True):
        with pytest.raises((OSError, ValueError), match=message):
            places.check_file(file, streams=streams)


@pytest.mark.parametrize("file", ["fifo", "/dev/null", "/dev/stdout", "/dev/fd/1"])
def test_rows_go_to_a_stream_and_what_needs_a_file_is_refused(folder, file):
    assert places.is_stream(file)
    places.check_file(file, streams=True)
    with pytest.raises(ValueError, match="not a plain file"):
        places.check_file(file)
    with pytest.raises(ValueError, match="never replaced"), files.replaced(file):
        pass


def test_a_place_without_permission_is_refused(folder, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: os.path.basename(path) != "inner")
    with pytest.raises(PermissionError, match="no permission to write .*inner"):
        places.check_file("inner/new.csv")
    with pytest.raises(PermissionError, match="--run=inner/new: no permission"):
        places.check_folder("inner/new", flag="--run")


def test_a_folder_can_be_created_below_folders_alone(folder):
    places.check_folder("new/deeper", flag="--run")
    places.check_folder("to_folder/new", flag="--run")
    for place in ("rows.csv/new", "dangling", "fifo"):
        with pytest.raises(NotADirectoryError, match=f"--run={place}: .* is not a folder"):
            places.check_folder(place, flag="--run")
