"""What a stranger's files could do: nothing but fill arrays that fit, or be refused."""
import json
import pickle
import zipfile

import h5py
import numpy as np
import pytest

from fashionclf.model import network, weight_files, weights
from tests.helpers.tiny import make_spec, save_run

CNN = make_spec(classes=["a", "b"])
KERNEL = "layers/conv2d/vars/0"


class Bomb:
    def __reduce__(self):
        return print, ("this must never run",)


@pytest.fixture(scope="module")
def model():
    return network.build(CNN)


@pytest.fixture
def file(model, tmp_path):
    weight_files.save(model, tmp_path / "x.weights.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["x.weights.h5"]
    return tmp_path / "x.weights.h5"


def replace(file, make):
    with h5py.File(file, "a") as content:
        del content[KERNEL]
        make(content)


def test_what_was_saved_is_loaded(model, file):
    other = network.build(CNN)
    weight_files.load(other, file)
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("make, reason", [
    (lambda h5: h5.__setitem__(KERNEL, h5py.ExternalLink("/etc/passwd", "/x")), "is a link"),
    (lambda h5: h5.__setitem__(KERNEL, h5py.SoftLink("/layers")), "is a link"),
    (lambda h5: h5.create_dataset(KERNEL, shape=(10**7, 10**7), dtype="f4", chunks=(1, 1)),
     "more bytes than the model can hold"),
    (lambda h5: h5.create_dataset(KERNEL, shape=(864,), dtype="u1",
                                  external=[("/etc/passwd", 0, 864)]), "in another file"),
    (lambda h5: h5.create_virtual_dataset(KERNEL, h5py.VirtualLayout((3, 3, 3, 32), "f4")),
     "in another file"),
    (lambda h5: h5.create_dataset(KERNEL, data=[b"text"]), "not numbers"),
    (lambda h5: h5.create_dataset(KERNEL, data=np.zeros((3, 3, 3, 31))), "does not fit"),
    (lambda h5: None, "does not fit")])
def test_hostile_hdf5_is_refused_before_keras_sees_it(model, file, make, reason):
    before = [array.tobytes() for array in model.get_weights()]
    replace(file, make)
    with pytest.raises(ValueError, match=reason):
        weight_files.load(model, file)
    assert reason == "does not fit" or before == [a.tobytes() for a in model.get_weights()]


@pytest.mark.parametrize("content", [pickle.dumps(Bomb()), b"", b"\x89HDF\r\n\x1a\n" + b"\0" * 99])
def test_other_kinds_of_files_are_never_opened(model, tmp_path, capsys, content):
    (tmp_path / "x.weights.h5").write_bytes(content)
    with pytest.raises(ValueError, match="does not fit"):
        weight_files.load(model, tmp_path / "x.weights.h5")
    assert "never run" not in capsys.readouterr().out


def test_a_keras_archive_is_refused(model, tmp_path):
    with zipfile.ZipFile(tmp_path / "x.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(ValueError, match="not an HDF5 file"):
        weight_files.load(model, tmp_path / "x.keras")


@pytest.mark.parametrize("change", [
    {"architecture": "os.system"}, {"classes": "ab"}, {"classes": []}, {"classes": [1, 2]},
    {"classes": ["x"] * 10_001}, {"image_size": 10**9}, {"image_size": "224"}, {"image_size": True},
    {"box_margin": float("nan")}, {"box_margin": None}, {"mirrored": "yes"},
    {"weights_sha256": None}])
def test_a_hostile_description_is_refused(model, tmp_path, change):
    save_run(tmp_path, CNN, model)
    path = tmp_path / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ValueError, match=str(tmp_path)):
        weights.load(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", "nul", "[" * 100_000, "\ud800"])
def test_what_is_no_description_is_refused(model, tmp_path, text):
    save_run(tmp_path, CNN, model)
    (tmp_path / "model.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ValueError, match="does not describe a model"):
        weights.load(tmp_path)
