"""What a stranger's files could do: nothing but fill arrays that fit, or be refused."""
import json
import pickle

import h5py
import numpy as np
import pytest

from fashionclf.model import network, weight_files, weights
from tests.helpers.checks import assert_same
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


def test_what_was_saved_is_loaded(model, file):
    other = network.build(CNN)
    weight_files.load(other, file)
    assert_same(model.get_weights(), other.get_weights())


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
    with h5py.File(file, "a") as content:
        del content[KERNEL]
        make(content)
    with pytest.raises(ValueError, match=reason):
        weight_files.load(model, file)
    assert reason == "does not fit" or before == [a.tobytes() for a in model.get_weights()]


@pytest.mark.parametrize("name, content, reason", [
    *(("x.weights.h5", content, "does not fit")
      for content in (pickle.dumps(Bomb()), b"", b"\x89HDF\r\n\x1a\n" + b"\0" * 99)),
    ("x.keras", b"PK\5\6" + b"\0" * 18, "not an HDF5 file")])  # an archive without a file
def test_other_kinds_of_files_are_never_opened(model, tmp_path, capsys, name, content, reason):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=reason):
        weight_files.load(model, tmp_path / name)
    assert "never run" not in capsys.readouterr().out


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
