"""Promises of a job that stops: nothing lost but its last batch, nothing twice, nothing mixed."""
import json
import os
from pathlib import Path

import numpy as np
import pytest

from fashionclf.deployment import prediction_job, prediction_table
from tests.helpers.checks import killed_after

NAMES = prediction_table.COLUMNS
TOTAL, BATCH, WIDTH = 7, 3, 4
WHAT = {"model": "abc", "--batch_size": BATCH}


def row(i):
    return [f"{i}.jpg", "Tee", 0.5, None, None, None, None, "bad" if i == 4 else None, False]


def features(i):
    return None if i == 4 else np.full(WIDTH, i, np.float32)


def work(folder, *, until=TOTAL, what=WHAT, repaired=()):
    """Resumes the job up to about the row `until`; gives rows found done and rows bad.

    Pictures that are `repaired` have another stamp than before, and good rows.
    """
    embeddings = prediction_job.Embeddings(folder / "e.npy", (TOTAL, WIDTH))
    with prediction_job.opened(folder / "out.csv", what, total=TOTAL, batch_size=BATCH,
                               stamp=lambda i: [i, i in repaired], embeddings=embeddings) as job:
        done, stale = job.done, list(job.stale)
        while stale or job.done < until:
            start = stale.pop(0) if stale else job.done
            batch = range(start, min(start + BATCH, TOTAL))
            job.add(start, [[f"{i}.jpg", "Tee", *row(i)[2:7], None, False] if i in repaired
                            else row(i) for i in batch],
                    [np.full(WIDTH, -i, np.float32) if i in repaired else features(i)
                     for i in batch], [[i, i in repaired] for i in batch])
        return done, job.finish(NAMES, "csv") if until == TOTAL else None


def files(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture
def whole(tmp_path):
    (tmp_path / "whole").mkdir()
    assert work(tmp_path / "whole") == (0, 1)
    return files(tmp_path / "whole")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


def test_a_whole_job_leaves_its_two_files_alone(whole, tmp_path):
    assert sorted(whole) == ["e.npy", "out.csv"]
    found = np.load(tmp_path / "whole" / "e.npy", allow_pickle=False)
    assert found.shape == (TOTAL, WIDTH) and found.dtype == np.float32
    assert np.isnan(found[4]).all() and (found[[0, 6], 0] == [0, 6]).all()
    assert whole["out.csv"].decode().splitlines()[5] == "4.jpg,Tee,0.500000,,,,,bad,"


@pytest.mark.slow
def test_wherever_rows_are_cut_off_the_result_is_the_same(whole, folder):
    work(folder, until=6)
    left = files(folder)
    rows, embeddings = left["out.csv.incomplete"], left["e.npy.incomplete"]
    for size in (*range(0, len(rows), 5), len(rows)):
        for kept in (len(embeddings), len(embeddings) - 1, 40, 0):
            for file in folder.iterdir():
                file.unlink()
            (folder / "out.csv.incomplete").write_bytes(rows[:size])
            (folder / "e.npy.incomplete").write_bytes(embeddings[:kept])
            lines = max(0, rows[:size].count(b"\n") - 1)
            done, bad = work(folder)
            expected = min(lines, max(0, kept - len(embeddings) + 6 * WIDTH * 4) // (WIDTH * 4))
            assert (done, bad) == (expected // BATCH * BATCH, 1)
            assert files(folder) == whole


@pytest.mark.parametrize("calls, owner, name, named", [
    (0, os, "replace", set()), (1, os, "replace", {"e.npy"}),
    (1, Path, "unlink", {"e.npy", "out.csv"})])  # the first is of a name that is free again
def test_a_kill_while_the_files_are_named_costs_nothing(whole, folder, calls, owner, name, named):
    with killed_after(calls, owner, name):
        work(folder)
    assert whole.keys() & files(folder).keys() == named
    assert "out.csv.incomplete" in files(folder)
    assert work(folder) == (TOTAL, 1) and files(folder) == whole


def test_an_older_file_of_embeddings_is_not_taken_for_this_jobs(whole, folder):
    work(folder, until=3)
    (folder / "e.npy.incomplete").unlink()
    (folder / "e.npy").write_bytes(bytes(len(whole["e.npy"])))
    assert work(folder) == (0, 1) and files(folder) == whole


def test_rows_of_another_job_or_a_foreign_file_are_refused_and_stay(folder):
    work(folder, until=3)
    before = files(folder)
    with pytest.raises(ValueError, match="another job: model was abc, is xyz. Repeat the command "
                                         "that started it to resume, or remove that file"):
        work(folder, what={**WHAT, "model": "xyz"})
    assert files(folder) == before
    for foreign in (b"path,class\na.jpg,Tee\n", b"7\n"):
        (folder / "out.csv.incomplete").write_bytes(foreign)
        with pytest.raises(ValueError, match="was not written by predict"):
            work(folder)
        assert (folder / "out.csv.incomplete").read_bytes() == foreign


def test_a_damaged_row_is_named(folder):
    work(folder, until=6)
    part = folder / "out.csv.incomplete"
    lines = part.read_bytes().splitlines(keepends=True)
    part.write_bytes(b"".join([*lines[:2], b"}" + lines[2][1:], *lines[3:]]))
    with pytest.raises(ValueError, match=r"incomplete: damaged line at byte \d+; remove it"):
        work(folder)


def test_two_processes_never_write_one_job(folder):
    with prediction_job.opened(folder / "out.csv", WHAT, total=1, batch_size=1, stamp=int):
        with pytest.raises(FileExistsError, match="wait for it to end, or choose another --output"):
            work(folder)


def test_the_first_line_describes_the_job(folder):
    work(folder, until=3)
    lines = (folder / "out.csv.incomplete").read_text().splitlines()
    assert json.loads(lines[0]) == WHAT and len(lines) == 4
    assert json.loads(lines[1]) == [0, [0, False], row(0)]


@pytest.mark.parametrize("until", [6, TOTAL])
def test_a_picture_repaired_after_a_kill_gets_a_new_row_and_the_others_keep_theirs(
        whole, folder, until):
    if until == TOTAL:  # killed when only the names were missing
        with killed_after(1, Path, "unlink"):
            work(folder)
    else:
        work(folder, until=until)
    assert work(folder, repaired={4}) == (until, 0)

    expected = whole["out.csv"].decode().splitlines()
    expected[5] = "4.jpg,Tee,0.500000,,,,,,"
    assert (folder / "out.csv").read_text().splitlines() == expected
    assert sorted(files(folder)) == ["e.npy", "out.csv"]
    assert np.load(folder / "e.npy")[:, 0].tolist() == [0, 1, 2, 3, -4, 5, 6]


def test_a_kill_between_the_new_rows_of_repaired_pictures_loses_none(folder):
    work(folder, until=6)
    with killed_after(1, prediction_job.Job, "add"):
        work(folder, repaired={1, 4})
    with killed_after(0, prediction_job.Job, "finish"):
        work(folder, repaired={1, 4})
    assert work(folder, repaired={1, 4}) == (TOTAL, 0)
    assert np.load(folder / "e.npy")[:, 0].tolist() == [0, -1, 2, 3, -4, 5, 6]


def test_rows_go_to_what_a_link_leads_to_and_the_link_stays(whole, folder):
    (folder / "there").mkdir()
    for name in ("out.csv", "e.npy"):
        (folder / name).symlink_to(folder / "there" / name)
    work(folder, until=3)
    assert work(folder) == (3, 1) and files(folder / "there") == whole
    assert all((folder / name).is_symlink() for name in whole)
