"""A growing .npy is the file that np.save writes, whenever its rows came."""
import io

import numpy as np
import pytest

from fashionclf.system.arrays import GrowingArray

ROWS = np.arange(30, dtype=np.float32).reshape(5, 3, 2)


def saved(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_rows_that_are_appended_make_the_file_of_np_save(tmp_path, dtype):
    array = GrowingArray(tmp_path / "a.npy", ROWS.shape, dtype)
    array.cut(0)
    for rows in (ROWS[:2], ROWS[2:3], ROWS[3:]):
        array.append(rows)
    written = (tmp_path / "a.npy").read_bytes()
    assert written == saved(ROWS.astype(dtype)) and len(written) == array.whole_bytes


def test_after_a_kill_whole_rows_are_counted_and_the_torn_one_is_cut(tmp_path):
    file = tmp_path / "a.npy"
    for size in range(len(saved(ROWS)) + 1):
        file.write_bytes(saved(ROWS)[:size])
        array = GrowingArray(file, ROWS.shape, np.float32)
        rows = array.rows()
        assert rows == max(0, size - len(saved(ROWS[:0]))) // 24
        array.cut(rows)
        array.append(ROWS[rows:])
        assert file.read_bytes() == saved(ROWS)


def test_a_file_that_does_not_exist_has_no_rows(tmp_path):
    assert GrowingArray(tmp_path / "a.npy", (5, 3), np.float32).rows() == 0
