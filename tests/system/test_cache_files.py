"""What is in a cache was written whole for just this purpose, whatever a kill left beside it."""
import numpy as np
import pytest

from fashionclf.system.cache_files import CacheFiles

NAMES = ["a.npy", "b.npy"]
A, B = np.arange(12).reshape(4, 3), np.ones((4, 2, 2))


def fill(parent, made_from=None):
    with CacheFiles.opened(parent, made_from or {"seed": 0}) as cache:
        with cache.writing(NAMES, 4) as add:
            add([A[:3], B[:3]])
            add([A[3:], B[3:]])
    return cache


def test_rows_come_back_as_they_were_added(tmp_path):
    cache = fill(tmp_path)
    assert cache.hold(NAMES) and not cache.hold(["c.npy"])
    np.testing.assert_array_equal(cache.array("a.npy"), A)
    np.testing.assert_array_equal(cache.array("b.npy"), B)
    assert sorted(file.name for file in cache.folder.iterdir()) == [*NAMES, "cache.json"]


def test_what_a_killed_process_began_is_not_continued(tmp_path):
    with CacheFiles.opened(tmp_path, {"seed": 0}) as cache:
        (cache.folder / "incomplete-a.npy").write_bytes(b"torn")
    np.testing.assert_array_equal(fill(tmp_path).array("a.npy"), A)


def test_a_writer_that_fails_lists_nothing(tmp_path):
    with CacheFiles.opened(tmp_path, {"seed": 0}) as cache:
        with pytest.raises(KeyError):
            with cache.writing(NAMES, 4) as add:
                add([A[:3], B[:3]])
                raise KeyError
        assert not cache.hold(NAMES)
        assert [file.name for file in cache.folder.iterdir()] == [".lock"]


@pytest.mark.parametrize("value", [1e5, np.nan, np.inf])
def test_what_does_not_fit_float16_is_refused(tmp_path, value):
    with CacheFiles.opened(tmp_path, {}) as cache:
        with pytest.raises(ValueError, match="do not fit float16: train with --cache_views=0"):
            with cache.writing(["a.npy"], 1) as add:
                add([np.array([[value]])])


def test_another_purpose_has_another_folder(tmp_path):
    assert fill(tmp_path).folder != fill(tmp_path, {"seed": 1}).folder
