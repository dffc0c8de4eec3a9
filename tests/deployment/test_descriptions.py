"""A picture is described once: whatever its name, and whatever was killed in between."""
import numpy as np
import pytest
from PIL import Image

from fashionclf.deployment import descriptions, engines
from fashionclf.pictures import files as picture_files
from tests.helpers.tiny import frame, make_spec, save_run


class Counting:
    """An engine that counts the pictures it predicts."""

    def __init__(self, engine):
        self._engine, self.count = engine, 0

    def __getattr__(self, name):
        return getattr(self._engine, name)

    def predict_batches(self, pictures, *, batch_size):
        self.count += len(pictures)
        return self._engine.predict_batches(pictures, batch_size=batch_size)


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = save_run(tmp_path_factory.mktemp("run"), make_spec(framing=frame(32))).folder
    return engines.load(folder, "tensorflow")


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(5):
        pixels = rng.integers(0, 256, (40, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    (tmp_path / "4a.jpg").write_bytes(b"no picture")
    return tmp_path


def described(engine, folder, cache_dir):
    counting = Counting(engine)
    pictures = picture_files.find([str(folder), str(folder / "absent.jpg")])[0]
    found = descriptions.describe(counting, pictures, cache_dir=cache_dir, batch_size=2)
    return counting.count, found


def test_what_the_cache_holds_is_not_computed_again_and_is_the_same(engine, folder, tmp_path):
    cache_dir = tmp_path / "cache"
    count, first = described(engine, folder, cache_dir)
    assert count == 6 and first.usable.tolist() == [True] * 5 + [False] * 2
    assert np.allclose(first.probabilities[:5].sum(axis=1), 1) and "missing" in first.errors[6]
    assert np.isnan(first.features[5:]).all() and first.digests[6] == ""

    (folder / "0.png").rename(folder / "3a.png")  # found by its bytes
    count, second = described(engine, folder, cache_dir)
    assert count == 1  # the damaged one
    order = [3, 0, 1, 2, 4]
    assert np.array_equal(second.probabilities[order], first.probabilities[:5])
    assert np.array_equal(second.features[order], first.features[:5])


def test_torn_and_damaged_rows_are_computed_again(engine, folder, tmp_path):
    cache_dir = tmp_path / "cache"
    _, first = described(engine, folder, cache_dir)
    (file,) = cache_dir.glob("*.descriptions")
    content = bytearray(file.read_bytes())
    content[100] ^= 1  # in the first row
    file.write_bytes(content[:-7])  # the last row is torn

    count, second = described(engine, folder, cache_dir)
    assert count == 3 and np.array_equal(second.features[:5], first.features[:5])
    assert described(engine, folder, cache_dir)[0] == 1


def test_features_are_the_engines(engine, folder, tmp_path):
    _, found = described(engine, folder, tmp_path / "cache")
    pictures = picture_files.find([str(folder)])[0][:5]
    (answers,) = engine.predict_batches(pictures, batch_size=8)
    assert np.array_equal(found.probabilities[:5], [p for _, p, _ in answers])
    assert np.allclose(found.features[:5].astype(float), [f for *_, f in answers], rtol=1e-3)
