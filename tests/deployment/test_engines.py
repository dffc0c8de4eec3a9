"""Whatever runs a model, its answers are the same, and an export of another model runs never."""
import json
import shutil
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image

from fashionclf.deployment import engines, exported
from fashionclf.pictures import files as picture_files
from fashionclf.system import files
from tests.helpers.programs import start_code, succeed
from tests.helpers.tiny import frame, make_records, make_spec, save_run

ONNX = pytest.param("onnx", marks=pytest.mark.skipif(
    not find_spec("onnxruntime"), reason="needs pip install 'fashionclf[onnx]'"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Some of each format and size, with two that can't be used."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for number, suffix in enumerate(["jpg", "png", "webp", "jpg", "png"]):
        pixels = rng.integers(0, 256, (40 + 30 * number, 60, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.{suffix}")
    (folder / "2a.jpg").write_bytes(b"no picture")
    words = [*sorted(map(str, folder.iterdir())), "absent.jpg"]
    return picture_files.find(words)[0]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory, pictures):
    """A run with exports, whose mirror image and temperature matter."""
    spec = make_spec(framing=frame(32, 0.1), mirrored=True, temperature=0.5)
    folder = save_run(tmp_path_factory.mktemp("run"), spec).folder
    usable = [picture.path for picture in pictures if picture.path[-5].isdigit()]
    succeed("fashionclf.export", f"--run={folder}", f"--format=litert{',onnx' * bool(find_spec('tf2onnx'))}",
            f"--output={folder / exported.FOLDER}", *usable)
    return folder


def answers(engine, pictures, batch_size=2):
    batches = list(engine.predict_batches(pictures, batch_size=batch_size))
    assert [len(batch) for batch in batches] == [2, 2, 2, 1]
    return [answer for batch in batches for answer in batch]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["litert", ONNX])
def test_an_export_answers_as_tensorflow_does_in_order_with_the_same_reasons(
        run_dir, pictures, name):
    expected = answers(engines.load(run_dir, "tensorflow"), pictures)
    engine = engines.load(run_dir, name)
    found = answers(engine, pictures)
    assert engine.name == name and [picture for picture, *_ in found] == pictures
    for (_, wanted, features), (_, answer, same) in zip(expected, found):
        if isinstance(wanted, str):
            assert (answer, same) == (wanted, None)
            continue
        assert answer.dtype == same.dtype == np.float32 and answer.shape == (3,)
        np.testing.assert_allclose(answer, wanted, atol=1e-4)
        np.testing.assert_allclose(same, features, rtol=1e-3, atol=1e-3)
    assert sum(isinstance(answer, str) for _, answer, _ in found) == 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tensorflow", "litert", ONNX])
def test_pictures_in_memory_have_the_same_answers_in_any_batch(run_dir, name):
    engine = engines.load(run_dir, name)
    images = np.random.default_rng(0).uniform(0, 255, (3, 32, 32, 3)).astype(np.float32)
    probabilities, features = engine.outputs(images)
    assert probabilities.shape == (3, 3) and features.shape == (3, engines.num_features(engine))
    np.testing.assert_allclose(engine.outputs(images[1:2])[0][0], probabilities[1], atol=1e-5)


@pytest.mark.slow
def test_auto_takes_litert_then_onnx_then_tensorflow(run_dir, tmp_path, monkeypatch, capsys):
    pytest.importorskip("onnxruntime", reason="needs pip install 'fashionclf[onnx]'")
    assert engines.load(run_dir).name == "litert"
    run = shutil.copytree(run_dir, tmp_path / "run")
    (run / exported.FOLDER / "model.tflite").unlink()
    assert engines.load(run).name == "onnx"
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    assert engines.load(run_dir).name == "tensorflow"
    assert capsys.readouterr().err == ""


@pytest.mark.slow
@pytest.mark.parametrize("change, reason", [
    (lambda folder: (folder / "exports/model.tflite").write_bytes(b"x"), "sha256 differs"),
    (lambda folder: (folder / "exports/export.json").write_text("{}"), "is damaged"),
    (lambda folder: files.write_json(folder / "model.json", {
        **json.loads((folder / "model.json").read_text()), "temperature": 2.0}),
     "is of another model: temperature differ")])
def test_an_export_of_something_else_is_refused_and_auto_says_so(
        run_dir, tmp_path, capsys, change, reason):
    run = shutil.copytree(run_dir, tmp_path / "run")
    change(run)
    with pytest.raises(ValueError, match=f"{reason}.*'fashionclf export --run="):
        engines.load(run, "litert")
    shutil.rmtree(run / "exports" / "model.onnx", ignore_errors=True)
    engines.load(run)
    assert reason in capsys.readouterr().err


@pytest.mark.slow
def test_predict_starts_without_tensorflow_and_prints_rows_alone(run_dir, pictures):
    code = f"""if True:
        import atexit, runpy, sys
        sys.argv = ["predict", "--run={run_dir}", {pictures[0].path!r}]
        heavy = {{"tensorflow", "pandas", "matplotlib"}}
        atexit.register(lambda: print("heavy:", heavy & set(sys.modules)))
        runpy.run_module("fashionclf.predict", run_name="__main__", alter_sys=True)"""
    done = start_code(code)
    assert done.returncode == 0 and done.stderr.splitlines() == ["predicting: 100 % (1 of 1)"] or (
        done.stderr == ""), done.stderr
    rows = done.stdout.splitlines()
    assert len(rows) == 3 and rows[-1] == "heavy: set()"


def test_an_export_that_is_not_there_is_named_with_the_command_that_writes_it(tmp_path):
    run = save_run(tmp_path / "run", make_spec()).folder
    with pytest.raises(ValueError, match="model.tflite is missing.*--format=litert --output="):
        engines.load(run, "litert")


@pytest.mark.slow
def test_train_exports_what_it_trained_also_a_finished_run(tmp_path):
    records = make_records(tmp_path, per_class={"train": 8, "test": 2})
    command = ("fashionclf.train", f"--records={records}", f"--run={tmp_path / 'run'}",
               "--architecture=baseline_cnn", "--weights=none", "--image_size=32",
               "--batch_size=8", "--head_epochs=1", "--fine_tune_epochs=0", "--cache_views=0")
    succeed(*command)
    assert engines._fastest(tmp_path / "run") == "tensorflow"
    succeed(*command, "--export=litert")
    assert engines._fastest(tmp_path / "run") == "litert"
    before = (tmp_path / "run/exports/export.json").stat().st_mtime_ns
    succeed(*command, "--export=litert")
    assert (tmp_path / "run/exports/export.json").stat().st_mtime_ns == before


@pytest.mark.slow
def test_real_photographs_are_predicted_alike_by_the_released_models_export(shared):
    words = sorted(map(str, (shared / "clothing_cc0/img").glob("*/*.jpg")))[::150]
    found = picture_files.find(words)[0]
    by_tensorflow, by_litert = (
        sum(engines.load("saved_models/fashion_b0", name).predict_batches(found, batch_size=32), [])
        for name in ("tensorflow", "litert"))
    for (_, wanted, _), (_, answer, _) in zip(by_tensorflow, by_litert):
        np.testing.assert_allclose(answer, wanted, atol=1e-4)
