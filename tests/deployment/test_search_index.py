"""Promises of an index: the right neighbours, whole or not there, refused when damaged."""
import sys

import numpy as np
import pytest

from fashionclf.deployment import search_index
from fashionclf.system import files

PICTURES = [{"path": f"{i}.jpg"} for i in range(200)]


def drawn(count=200, width=16, seed=0):
    return np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)


@pytest.fixture
def faiss():
    return pytest.importorskip("faiss", reason="fashionclf[search] is missing")


def test_exact_neighbours_are_those_of_all_cosines(faiss, tmp_path):
    vectors, queries = drawn(), drawn(5, seed=1)
    facts = search_index.write(tmp_path / "index", vectors * 7, PICTURES, facts={"root": "x"})
    assert facts["search"] == "exact" and facts["root"] == "x" and facts["pictures"] == 200
    index = search_index.read(tmp_path / "index")
    similarities, places = index.nearest(queries * 0.3, 3)
    cosines = queries @ vectors.T / np.outer(np.linalg.norm(queries, axis=1),
                                             np.linalg.norm(vectors, axis=1))
    assert (places == np.argsort(-cosines, axis=1)[:, :3]).all()
    np.testing.assert_allclose(similarities, -np.sort(-cosines, axis=1)[:, :3], atol=1e-6)
    assert index.pictures == PICTURES and index.facts == facts
    assert (index.nearest(queries, 300)[1][:, 200:] == -1).all()
    assert index.nearest(queries[:0], 3)[1].shape == (0, 3)


def test_beyond_the_limit_the_search_is_approximate_and_finds_what_is_near(faiss, tmp_path,
                                                                           monkeypatch):
    monkeypatch.setattr(search_index, "EXACT_UP_TO", 1999)
    centres = drawn(40, seed=2)
    vectors = np.repeat(centres, 50, axis=0) + 0.05 * drawn(2000)
    pictures = [{"path": str(i)} for i in range(2000)]
    facts = search_index.write(tmp_path / "index", vectors, pictures, facts={})
    assert facts["search"] == "approximate"
    index = search_index.read(tmp_path / "index")
    assert index.vectors.nprobe == round(45 / 16)
    _, places = index.nearest(centres, 10)
    assert (places // 50 == np.arange(40)[:, None]).mean() > 0.95
    assert search_index.write(tmp_path / "few", vectors[:1999], pictures[:1999],
                              facts={})["search"] == "exact"


def test_the_same_vectors_give_the_same_approximate_index(faiss, tmp_path):
    for name in "ab":
        search_index.write(tmp_path / name, drawn(2000), PICTURES * 10, facts={}, approximate=True)
    one, other = ((tmp_path / name / search_index.VECTORS).read_bytes() for name in "ab")
    assert one == other


def test_an_index_is_there_whole_or_not_at_all_and_never_overwritten(faiss, tmp_path, monkeypatch):
    folder = tmp_path / "index"
    monkeypatch.setattr(search_index.json, "dumps", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        search_index.write(folder, drawn(), PICTURES, facts={})
    assert not folder.exists()
    monkeypatch.undo()
    search_index.write(folder, drawn(), PICTURES, facts={})
    assert [file.name for file in tmp_path.iterdir()] == ["index"]
    with pytest.raises(FileExistsError, match="remove it or choose another --index"):
        search_index.write(folder, drawn(), PICTURES, facts={})
    with files.exclusive(tmp_path / "other.lock", otherwise=""):
        with pytest.raises(FileExistsError, match="another build is writing"):
            search_index.write(tmp_path / "other", drawn(), PICTURES, facts={})


@pytest.mark.parametrize("name", [search_index.VECTORS, search_index.PICTURES, search_index.FACTS])
@pytest.mark.parametrize("damage", ["cut", "changed", "removed"])
def test_a_damaged_index_is_refused(faiss, tmp_path, name, damage):
    search_index.write(tmp_path / "index", drawn(), PICTURES, facts={})
    file = tmp_path / "index" / name
    data = file.read_bytes()
    if damage == "removed":
        file.unlink()
    else:
        file.write_bytes(data[:-20] if damage == "cut" else b"xxxxxxxx" + data[8:])
    with pytest.raises((ValueError, FileNotFoundError), match="damaged|contains no index.json"):
        search_index.read(tmp_path / "index")


def test_vectors_without_a_direction_or_of_another_width_are_refused(faiss, tmp_path):
    for wrong in (0, np.nan, np.inf):
        vectors = drawn()
        vectors[7] = wrong
        with pytest.raises(ValueError, match="vector 7 is zero or not finite"):
            search_index.write(tmp_path / "index", vectors, PICTURES, facts={})
    search_index.write(tmp_path / "index", drawn(), PICTURES, facts={})
    with pytest.raises(ValueError, match="features of 16 numbers, not"):
        search_index.read(tmp_path / "index").nearest(drawn(width=8), 1)


def test_without_faiss_the_error_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(ValueError, match=r"pip install '.*\[search\]'"):
        search_index.build(drawn())
