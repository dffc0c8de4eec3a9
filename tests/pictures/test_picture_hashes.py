"""Promises of the hashes of a data set: what was seen before is found again, in any number."""
import numpy as np
import pytest

from fashionclf.pictures import near_duplicates, picture_hashes


def hashes(*pictures):
    """Of pictures given as (digest, perceptual hash), both numbers."""
    return picture_hashes.of(*([f"{part:064x}" for part in parts] for parts in zip(*pictures)))


A, B, C = (1 << 250, 0), (2 << 250, (1 << 128) - 1), (3 << 250, (1 << 256) - 1)


def test_copies_and_near_duplicates_are_told_from_the_unseen():
    most = near_duplicates.THRESHOLD
    resized, other = (4 << 250, (1 << most) - 1), (5 << 250, (1 << most + 1) - 1)
    found = picture_hashes.seen(hashes(C, resized, other, A), hashes(A, C))
    assert found.tolist() == [picture_hashes.COPY, picture_hashes.NEAR_DUPLICATE,
                              picture_hashes.UNSEEN, picture_hashes.COPY]
    nothing = picture_hashes.PictureHashes()
    assert picture_hashes.seen(hashes(A), nothing).tolist() == [picture_hashes.UNSEEN]
    assert picture_hashes.seen(nothing, hashes(A)).shape == (0,)


def test_a_union_has_each_picture_once():
    united = picture_hashes.united([hashes(A, B), hashes(B, C, A), picture_hashes.PictureHashes()])
    assert len(united.digests) == len(united.perceptual) == 3
    assert picture_hashes.seen(hashes(A, B, C), united).tolist() == [picture_hashes.COPY] * 3


def test_a_file_reads_back_and_another_is_refused(tmp_path):
    sha256 = picture_hashes.write(tmp_path / "h.npz", {"train": hashes(A, B), "test": hashes(C)})
    found = picture_hashes.read(tmp_path / "h.npz", sha256)
    assert list(found) == ["train", "test"]
    np.testing.assert_array_equal(found["train"].perceptual, hashes(A, B).perceptual)
    assert picture_hashes.write(tmp_path / "again.npz", found) == sha256

    picture_hashes.write(tmp_path / "h.npz", {"train": hashes(A)})
    with pytest.raises(ValueError, match="h.npz: not the file that was written"):
        picture_hashes.read(tmp_path / "h.npz", sha256)


def test_what_is_near_is_found_across_tiles_as_by_counting_bits(monkeypatch):
    monkeypatch.setattr(near_duplicates, "TILE", 16)
    draw = np.random.default_rng(0)
    others = draw.integers(256, size=(50, 32), dtype=np.uint8)
    tested = draw.integers(256, size=(40, 32), dtype=np.uint8)
    tested[::3] = others[:14] ^ np.packbits(draw.random((14, 256)) < 32 / 256, axis=1)
    bits = np.unpackbits(tested[:, None] ^ others[None], axis=2).sum(axis=2)
    expected = bits.min(axis=1) <= near_duplicates.THRESHOLD
    assert 3 < expected.sum() < 14
    np.testing.assert_array_equal(near_duplicates.near_any(tested, others), expected)
