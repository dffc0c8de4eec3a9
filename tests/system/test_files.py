"""A file or folder is whole or not there, and two processes never write one at a time."""
import json
import os
import signal
import subprocess
import sys

import pytest
from filelock import FileLock

from fashionclf.system import files
from tests.helpers.programs import ROOT, start_code


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_a_file_has_its_name_only_once_it_is_whole(tmp_path):
    file = tmp_path / "a.png"
    with files.replaced(file) as partial:
        partial.write_text("half")
        assert names(tmp_path) == ["incomplete-a.png"]
    assert names(tmp_path) == ["a.png"]


def test_a_writer_that_fails_leaves_the_file_that_was_there(tmp_path):
    files.write_text(tmp_path / "a.txt", "old")
    with pytest.raises(KeyError):
        with files.replaced(tmp_path / "a.txt") as partial:
            partial.write_text("half")
            raise KeyError
    assert names(tmp_path) == ["a.txt"] and (tmp_path / "a.txt").read_text() == "old"


def test_rivals_write_one_file_under_names_of_their_own(tmp_path):
    with files.replaced(tmp_path / "a", rivals=True) as one:
        with files.replaced(tmp_path / "a", rivals=True) as other:
            assert one != other
            one.write_text("same")
            other.write_text("same")
    assert names(tmp_path) == ["a"]


def test_json_is_read_as_it_was_written_and_ends_its_last_line(tmp_path):
    value = {"classes": ["Café"], "n": 2, "empty": None}
    files.write_json(tmp_path / "a.json", value)
    text = (tmp_path / "a.json").read_text()
    assert json.loads(text) == value and text.endswith("}\n")


def test_a_lock_that_is_held_is_refused_and_a_lock_that_is_released_leaves_no_file(tmp_path):
    lock = tmp_path / ".lock"
    with files.exclusive(lock, otherwise=""):
        with pytest.raises(FileExistsError, match="come back later"):
            with files.exclusive(lock, otherwise="come back later"):
                pass
        assert names(tmp_path) == [".lock"]
    assert names(tmp_path) == []


def test_a_lock_file_that_was_removed_meanwhile_does_not_fail_its_holder(tmp_path):
    with files.exclusive(tmp_path / ".lock", otherwise=""):
        (tmp_path / ".lock").unlink()
    assert names(tmp_path) == []


def test_a_process_that_waits_says_so_and_goes_on_when_the_lock_is_free(tmp_path):
    code = ("import sys; from fashionclf.system import files\n"
            "with files.waiting(sys.argv[1], until='waiting'): print('mine', flush=True)")
    with FileLock(tmp_path / ".lock"):
        second = subprocess.Popen([sys.executable, "-c", code, tmp_path / ".lock"], cwd=ROOT,
                                  stdout=subprocess.PIPE, text=True)
        assert second.stdout.readline() == "waiting\n"
    assert second.communicate(timeout=30) == ("mine\n", None)
    assert names(tmp_path) == []


def test_a_kill_releases_the_lock_and_leaves_what_the_next_build_clears(tmp_path):
    code = ("import os, signal, sys; from pathlib import Path\n"
            "from fashionclf.system import files\n"
            "with files.staging(Path(sys.argv[1])) as folder:\n"
            "    (folder / 'half').touch()\n"
            "    os.kill(os.getpid(), signal.SIGKILL)")
    assert start_code(code, tmp_path / "records").returncode == -signal.SIGKILL
    assert names(tmp_path) == ["records.incomplete", "records.lock"]

    with files.staging(tmp_path / "records") as folder:
        assert names(folder) == []
        (folder / "whole").touch()
    assert names(tmp_path) == ["records"] and names(tmp_path / "records") == ["whole"]
    with pytest.raises(FileExistsError, match="never overwritten"):
        with files.staging(tmp_path / "records"):
            pass


def test_a_build_leaves_the_one_that_runs_alone_and_nothing_where_it_fails(tmp_path):
    with pytest.raises(KeyError):
        with files.staging(tmp_path / "records") as folder:
            (folder / "half").touch()
            with pytest.raises(FileExistsError, match="another build"):
                with files.staging(tmp_path / "records"):
                    pass
            assert names(folder) == ["half"]
            raise KeyError
    assert names(tmp_path) == []


def test_of_processes_that_take_turns_no_two_hold_a_lock_at_once(tmp_path):
    """Each removes the lock file while the others wait for it, which must not let two in."""
    code = ("import os, sys; from fashionclf.system import files\n"
            "lock, room = sys.argv[1:]\n"
            "for _ in range(100):\n"
            "    with files.waiting(lock, until=''):\n"
            "        os.close(os.open(room, os.O_CREAT | os.O_EXCL))\n"
            "        os.unlink(room)\n")
    workers = [subprocess.Popen([sys.executable, "-c", code, tmp_path / ".lock", tmp_path / "room"],
                                cwd=ROOT, stdout=subprocess.DEVNULL) for _ in range(3)]
    assert [worker.wait(timeout=60) for worker in workers] == [0, 0, 0]
    assert os.listdir(tmp_path) == []


def test_pictures_are_found_by_suffix_in_order_and_not_through_links(tmp_path):
    for path in ("b/1.jpg", "a-b/2.PNG", "a/3.webp", "a/4.jpeg", "a/notes.txt", "5.jpg.part"):
        (tmp_path / "root" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / path).touch()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "6.jpg").touch()
    (tmp_path / "root" / "link").symlink_to(tmp_path / "outside")
    paths, others, unreadable = files.walk_pictures(tmp_path / "root")
    assert [os.path.relpath(path, tmp_path / "root") for path in paths] == [
        "a/3.webp", "a/4.jpeg", "a-b/2.PNG", "b/1.jpg"]
    assert others == 2
    assert [(error.filename, error.strerror) for error in unreadable] == [
        (str(tmp_path / "root/link"), f"link to the folder {tmp_path}/outside: --follow_links "
         "enters it")]
    assert len(files.walk_pictures(tmp_path / "none")[2]) == 1
