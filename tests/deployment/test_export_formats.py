"""An export says what its run says, in its own runtime, or isn't there."""
import json
from importlib.util import find_spec

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from fashionclf.deployment import export_check, export_formats, export_graph
from fashionclf.model import network, weights
from fashionclf.model.spec import ARCHITECTURES
from fashionclf.pictures import decoding
from fashionclf.pictures import files as picture_files
from fashionclf.records.input_pipeline import Records
from fashionclf.system import files
from tests.helpers.checks import succeed
from tests.helpers.programs import start, start_code
from tests.helpers.tiny import frame, make_records, make_spec, save_run

IN_ITS_RUNTIME = """
import sys
sys.modules["fashionclf"] = None  # whoever imports it fails
import numpy as np
import tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
given = np.load(sys.argv[2])
files = tf.constant([open(name, "rb").read() for name in sys.argv[3:]])
of_images = loaded.signatures["images"](tf.constant(given["pictures"]))
of_files = loaded.signatures["serving_default"](files)
np.savez(given["answer"].item(),
         **{f"{name}_of_images": value for name, value in of_images.items()},
         **{f"{name}_of_files": value for name, value in of_files.items()},
         labels=open(loaded.labels.asset_path.numpy(), encoding="utf-8").read())
assert not [name for name in sys.modules if name.startswith("fashionclf.")]
"""
WITHOUT = """
import runpy, sys
sys.modules.update(dict.fromkeys(["tf2onnx", "onnxruntime", "ai_edge_litert"]))  # as if absent
runpy.run_module("fashionclf.export", run_name="__main__", alter_sys=True)
"""
MIXED_UP = """
import runpy
from fashionclf.deployment import export_runtimes
start = export_runtimes.start
def mixed_up(*place, **signature):
    run = start(*place, **signature)
    return lambda batch: [output[:, ::-1] for output in run(batch)]
export_runtimes.start = mixed_up
runpy.run_module("fashionclf.export", run_name="__main__", alter_sys=True)
"""


def needs(package, *modules):
    return pytest.mark.skipif(not all(map(find_spec, modules)),
                              reason=f"a library is absent: pip install '{package}'")


@pytest.fixture(scope="module")
def records_dir(tmp_path_factory):
    return make_records(tmp_path_factory.mktemp("export"), per_class={"train": 8, "test": 7})


def new_run(folder, architecture="baseline_cnn"):
    """A network with random weights that tells colours apart, mirrored and with a temperature."""
    keras.utils.set_random_seed(0)
    spec = make_spec(architecture, framing=frame(32, 0.1), mirrored=True, temperature=0.7)
    model = network.build(spec)
    kernel, bias = model.get_layer(network.PREDICTIONS).get_weights()
    model.get_layer(network.PREDICTIONS).set_weights([30 * kernel, bias])
    save_run(folder, spec, model)
    return folder


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    return new_run(tmp_path_factory.mktemp("run"))


def of_test(records_dir):
    return sorted((records_dir.parent / "source").rglob("test_*/*.png"))


def pictures(records_dir):
    """float32 [21, 32, 32, 3], by PIL alone, as these are of the model's size."""
    return np.stack([np.asarray(Image.open(file), np.float32) for file in of_test(records_dir)])


def expected(run_dir, batch):
    """The run's probabilities, float32 [B, 3], and features, float32 [B, D], by their names."""
    outputs = weights.load(run_dir).predictor(features=True).outputs(tf.constant(batch))
    return dict(zip(("probabilities", "features"), outputs, strict=True))


def assert_close(found, expected, atol):
    """Compares two dictionaries of arrays, with `atol` for probabilities; features are larger."""
    assert set(found) == set(expected) == {"probabilities", "features"}
    for name, array in expected.items():
        assert found[name].dtype == np.float32
        scale = max(1, np.abs(array).max())
        np.testing.assert_allclose(found[name], array, rtol=0, atol=atol * scale)


def exported(run_dir, records_dir, output, *more):
    said = succeed("fashionclf.export", f"--run={run_dir}", f"--records={records_dir}",
                   f"--output={output}", *more)
    assert (output / "labels.txt").read_text() == "Red\nGreen\nBlue\n"
    about = json.loads((output / "export.json").read_text())
    assert about["image_size"] == 32 and about["temperature"] == 0.7
    listed = {str(file.relative_to(output)) for file in output.rglob("*") if file.is_file()}
    assert listed == {*about["sha256"], "export.json"}
    assert all(files.sha256(output / name) == found for name, found in about["sha256"].items())
    return said, about["formats"]


@pytest.mark.slow
def test_a_saved_model_serves_files_and_pictures_where_fashionclf_is_not(run_dir, records_dir,
                                                                         tmp_path):
    said, about = exported(run_dir, records_dir, tmp_path / "out [1]", "--format=saved_model",
                           "--batch_size=8")
    (tmp_path / "out [1]").rename(tmp_path / "out")  # TensorFlow takes the first for a pattern
    for signature in ("images", "serving_default"):
        found = about["saved_model"][signature]
        assert found["pictures"] == 21 and found["largest_difference"] < 1e-5
        assert found["accuracy"] == found["run_accuracy"] and found["agreement"] == 1
    assert "saved_model, serving_default: " in said and "times the run's" in said

    jpeg = tmp_path / "large.jpg"
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (90, 60, 3), np.uint8)).save(jpeg)
    batch = pictures(records_dir)
    np.savez(tmp_path / "given.npz", pictures=batch, answer=str(tmp_path / "answer.npz"))
    alone = start_code(IN_ITS_RUNTIME, tmp_path / "out" / "saved_model" / "1",
                       tmp_path / "given.npz", *of_test(records_dir), jpeg, cwd=tmp_path)
    assert alone.returncode == 0, alone.stderr
    answer = np.load(tmp_path / "answer.npz")
    assert answer["labels"].item() == "Red\nGreen\nBlue\n"
    resized = decoding.load(tf.constant(jpeg.read_bytes()), decoding.NO_BOX, frame(box_margin=0.1))
    for signature, given in (("images", batch),
                             ("files", np.concatenate([batch, resized[None]]))):
        found = {name.removesuffix(f"_of_{signature}"): answer[name]
                 for name in answer if name.endswith(f"_of_{signature}")}
        assert_close(found, expected(run_dir, given), atol=1e-5)


@needs("fashionclf[onnx]", "tf2onnx", "onnxruntime")
@pytest.mark.slow
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_onnx_says_what_the_run_says_in_onnxruntime(records_dir, tmp_path, architecture):
    import onnxruntime

    run_dir = new_run(tmp_path, architecture)
    said, about = exported(run_dir, records_dir, tmp_path / "out", "--format=onnx")
    assert about["onnx"]["images"]["largest_difference"] < 1e-4 and "onnx: " in said
    session = onnxruntime.InferenceSession(tmp_path / "out" / "model.onnx")
    assert [one.name for one in session.get_inputs()] == ["images"]
    names = [one.name for one in session.get_outputs()]
    assert names == ["probabilities", "features"]
    assert {one.shape[0] for one in session.get_inputs() + session.get_outputs()} == {"batch"}
    for batch in (pictures(records_dir)[:1], pictures(records_dir)):
        found = dict(zip(names, session.run(None, {"images": batch})))
        assert_close(found, expected(run_dir, batch), atol=1e-4)


@needs("fashionclf[litert]", "ai_edge_litert", "ai_edge_quantizer")
@pytest.mark.slow
def test_litert_says_what_the_run_says_and_int8_nearly(run_dir, records_dir, tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    _, about = exported(run_dir, records_dir, tmp_path / "out", "--format=litert,litert_int8")
    assert about["litert"]["images"]["largest_difference"] < 1e-4
    assert about["litert_int8"]["images"]["agreement"] >= 0.95
    assert about["litert_int8"]["bytes"] < 0.5 * about["litert"]["bytes"]
    for name, tolerance in (("model.tflite", 1e-4), ("model_int8.tflite", 0.1)):
        interpreter = Interpreter(str(tmp_path / "out" / name))
        answer = interpreter.get_signature_runner("serving_default")
        for batch in (pictures(records_dir)[:1], pictures(records_dir)):
            assert_close(answer(images=batch), expected(run_dir, batch), atol=tolerance)
    kinds = {one["dtype"] for one in interpreter.get_tensor_details() if len(one["shape"]) == 4}
    assert np.int8 in kinds


@pytest.mark.slow
@pytest.mark.parametrize("name, extra, absent", [
    ("onnx", "onnx", "tf2onnx"), ("litert", "litert", "ai_edge_litert"),
    ("saved_model,litert_int8", "litert", "ai_edge_litert")])
def test_without_the_extra_the_error_names_the_pip_command(run_dir, records_dir, tmp_path, name,
                                                           extra, absent):
    done = start_code(WITHOUT, f"--run={run_dir}", f"--records={records_dir}", f"--format={name}",
                      f"--output={tmp_path / 'out'}")
    assert done.returncode == 1 and not list(tmp_path.iterdir())
    last = done.stderr.splitlines()[-1]
    assert absent in last and f"[{extra}]'" in last and "pip install" in last


@pytest.mark.slow
def test_an_export_that_says_something_else_is_an_error_and_leaves_nothing(run_dir, records_dir,
                                                                           tmp_path):
    done = start_code(MIXED_UP, f"--run={run_dir}", "--format=saved_model",
                      f"--output={tmp_path / 'out'}", records_dir.parent / "source")
    assert done.returncode == 1 and not list(tmp_path.iterdir())
    assert "above --tolerance=0.0001: nothing was exported" in done.stderr.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize("words, message", [
    (["README.md"], "README.md: not a picture"),
    (["--records={records}", "--split=validation"], "'validation' is empty")])
def test_what_holds_no_pictures_is_said_with_its_cure(run_dir, records_dir, tmp_path, words,
                                                      message):
    done = start("fashionclf.export", f"--run={run_dir}", "--format=saved_model",
                 f"--output={tmp_path / 'out'}",
                 *(word.format(records=records_dir) for word in words))
    assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


@needs("fashionclf[litert]", "ai_edge_litert")
@pytest.mark.slow
def test_litert_runs_an_efficientnet_in_one_part_whatever_the_batch(tmp_path):
    """No shape is computed at run time: XNNPACK would leave such operations, and each is a cut."""
    from ai_edge_litert.interpreter import Interpreter

    graph = export_graph.build(weights.load(new_run(tmp_path, "efficientnet_b0")))
    path = export_formats.write("litert", graph, frame(), tmp_path, calibrate_on=list)
    interpreter = Interpreter(str(path))
    for size in (1, 3):
        interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"],
                                        [size, 32, 32, 3])
        interpreter.allocate_tensors()
        kinds = [one["op_name"] for one in interpreter._get_ops_details()]
        assert kinds.count("DELEGATE") == 1 and not {"SHAPE", "PACK"} & set(kinds)
        assert not [kind for kind in kinds if kind.startswith("Flex")]


def stub(labels):
    """A runtime that is sure that the n-th picture it is shown is of the n-th of `labels`."""
    rows = iter(np.eye(3, dtype=np.float32)[labels])

    def run(batch):
        probabilities = np.stack([next(rows) for _ in batch])
        return [probabilities, probabilities + 1]
    return run


def test_the_comparison_counts_every_picture_and_the_worst_one(records_dir):
    examples = export_check.of_records(Records.open(records_dir, frame()), "test", 5)
    labels = [example.label for example in examples]
    run = stub(labels[:4] + labels)  # a first call is for warming up
    export = stub(labels[:4] + labels[:4] + [(labels[4] + 1) % 3])
    found = export_check.compare_on_pictures(run, export, frame(), examples, 4)
    assert (found.pictures, found.largest_difference, found.agreement) == (5, 1.0, 0.8)
    assert (found.run_accuracy, found.accuracy) == (1.0, 0.8)
    assert found.features_difference == pytest.approx((2 / 6) ** 0.5)  # of (2, 1, 1), (1, 2, 1)


@pytest.mark.parametrize("name, widths", [("probabilities", (2, 3)), ("features", (3, 2))])
def test_outputs_of_another_shape_are_refused(records_dir, name, widths):
    listed, _ = picture_files.find([str(records_dir.parent / "source")])
    examples = export_check.of_files(listed, 3)
    assert len({example.encoded for example in examples}) == 3
    with pytest.raises(ValueError, match=f"{name} .* can't be exported to that format"):
        export_check.compare_on_pictures(
            stub([0] * 6), lambda batch: [np.ones((len(batch), width)) for width in widths],
            frame(), examples, 4)
