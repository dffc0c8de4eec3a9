"""An export says what its run says, in its own runtime, or isn't there."""
import base64
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from fashionclf.exporting import export_facts, export_formats, export_graph
from fashionclf.model import weights
from fashionclf.model.spec import ARCHITECTURES
from fashionclf.pictures import decoding
from tests.helpers.exports import (assert_close, expected, exported, needs, new_run, of_test,
                                   pictures)
from tests.helpers.programs import start, start_code
from tests.helpers.tiny import frame, make_records

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
sys.modules.update(dict.fromkeys(["tf2onnx", "onnxruntime", "ai_edge_quantizer"]))  # as if absent
runpy.run_module("fashionclf.export", run_name="__main__", alter_sys=True)
"""
MIXED_UP = """
import runpy
from fashionclf.exporting import export_runtimes
start = export_runtimes.start
def mixed_up(*place, **signature):
    run = start(*place, **signature)
    return lambda batch: [output[:, ::-1] for output in run(batch)]
export_runtimes.start = mixed_up
runpy.run_module("fashionclf.export", run_name="__main__", alter_sys=True)
"""


@pytest.fixture(scope="module")
def records_dir(tmp_path_factory):
    return make_records(tmp_path_factory.mktemp("export"), per_class={"train": 8, "test": 7})


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    return new_run(tmp_path_factory.mktemp("run"))


@pytest.mark.slow
def test_a_saved_model_serves_files_and_pictures_where_fashionclf_is_not(run_dir, records_dir,
                                                                         tmp_path):
    said, about = exported(run_dir, records_dir, tmp_path / "out [1]", "--format=saved_model",
                           "--batch_size=8")
    (tmp_path / "out [1]").rename(tmp_path / "out")  # TensorFlow takes the first for a pattern
    for signature in ("images", "serving_default"):
        found = about["formats"]["saved_model"][signature]
        assert found["pictures"] == 21 and found["largest_difference"] < 1e-5
        assert found["accuracy"] == found["run_accuracy"] and found["agreement"] == 1
        assert 0 < found["latency_ms"]["median"] <= found["latency_ms"]["p90"]
    assert [line.split("  ")[0] for line in said.splitlines()[:3]] == [
        "format", "saved_model, images", "saved_model, serving_default"]

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
    _, about = exported(run_dir, records_dir, tmp_path / "out", "--format=onnx")
    assert about["formats"]["onnx"]["images"]["largest_difference"] < 1e-4
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

    _, about = exported(run_dir, records_dir, tmp_path / "out",
                        "--format=litert,litert_float16,litert_int8")
    found = about["formats"]
    assert found["litert"]["images"]["largest_difference"] < 1e-4
    assert found["litert_int8"]["images"]["agreement"] >= 0.95
    assert found["litert_int8"]["bytes"] < 0.5 * found["litert"]["bytes"]
    assert found["litert_float16"]["bytes"] < 0.6 * found["litert"]["bytes"]
    for name, tolerance in (("model.tflite", 1e-4), ("model_float16.tflite", 0.02),
                            ("model_int8.tflite", 0.1)):
        interpreter = Interpreter(str(tmp_path / "out" / name))
        outputs = [one["name"] for one in interpreter.get_output_details()]
        assert outputs == ["probabilities", "features"]
        answer = interpreter.get_signature_runner("serving_default")
        for batch in (pictures(records_dir)[:1], pictures(records_dir)):
            assert_close(answer(images=batch), expected(run_dir, batch), atol=tolerance)
    kinds = {one["dtype"] for one in interpreter.get_tensor_details() if len(one["shape"]) == 4}
    assert np.int8 in kinds


@needs("fashionclf[onnx]", "tf2onnx", "onnxruntime")
@pytest.mark.slow
def test_onnx_in_float16_has_half_the_size_and_nearly_the_same_answers(run_dir, records_dir,
                                                                       tmp_path):
    import onnxruntime

    _, about = exported(run_dir, records_dir, tmp_path / "out", "--format=onnx,onnx_float16")
    found = about["formats"]
    assert found["onnx_float16"]["bytes"] < 0.6 * found["onnx"]["bytes"]
    assert 0 < found["onnx_float16"]["images"]["largest_difference"] < 0.02
    session = onnxruntime.InferenceSession(tmp_path / "out" / "model_float16.onnx")
    assert {one.type for one in session.get_inputs() + session.get_outputs()} == {"tensor(float)"}


@pytest.mark.slow
def test_without_the_mirror_image_the_export_is_that_of_the_run_without_it(run_dir, records_dir,
                                                                           tmp_path):
    _, about = exported(run_dir, records_dir, tmp_path / "out", "--format=saved_model",
                        "--nomirrored", "--licence=CC0-1.0")
    assert about["mirrored"] is False and about["licence"] == "CC0-1.0"
    assert about["formats"]["saved_model"]["images"]["largest_difference"] < 1e-5
    loaded = tf.saved_model.load(str(tmp_path / "out" / "saved_model" / "1"))
    batch = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    one, other = (loaded.signatures["images"](tf.constant(given))["features"].numpy()
                  for given in (batch, np.ascontiguousarray(batch[:, :, ::-1])))
    assert np.abs(one - other).max() > 1e-3
    both = expected(run_dir, batch)["features"]
    np.testing.assert_allclose((one + other) / 2, both, rtol=0, atol=1e-4)


@pytest.mark.slow
def test_a_request_as_documented_gets_the_documented_answer(run_dir, records_dir, tmp_path):
    """TensorFlow Serving decodes an object that has only the key b64, for the one input, and
    returns an object for each instance where there are several outputs (its api_rest.md)."""
    exported(run_dir, records_dir, tmp_path / "out", "--format=saved_model")
    names = of_test(records_dir)[::7]
    request = json.dumps({"instances": [
        {"b64": base64.b64encode(name.read_bytes()).decode()} for name in names]})

    serving = tf.saved_model.load(str(tmp_path / "out" / "saved_model" / "1"))
    function = serving.signatures["serving_default"]
    (given,) = function.structured_input_signature[1].values()
    assert (given.name, given.dtype, given.shape.rank) == ("encoded", tf.string, 1)
    answer = function(tf.constant([base64.b64decode(instance["b64"])
                                   for instance in json.loads(request)["instances"]]))
    predictions = [{name: rows[i].numpy().tolist() for name, rows in answer.items()}
                   for i in range(len(names))]
    batch = np.stack([np.asarray(Image.open(name), np.float32) for name in names])
    for found, probabilities in zip(predictions, expected(run_dir, batch)["probabilities"]):
        assert set(found) == {"probabilities", "features"}
        np.testing.assert_allclose(found["probabilities"], probabilities, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name, extra, absent", [
    ("onnx", "onnx", "tf2onnx"), ("onnx_float16", "onnx", "onnxruntime"),
    ("saved_model,litert_int8", "litert", "ai_edge_quantizer")])
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

    run = weights.load(new_run(tmp_path, "efficientnet_b0"))
    path = export_formats.write("litert", export_graph.build(run), export_facts.of_run(run),
                                tmp_path, calibrate_on=list)
    interpreter = Interpreter(str(path))
    for size in (1, 3):
        interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"],
                                        [size, 32, 32, 3])
        interpreter.allocate_tensors()
        kinds = [one["op_name"] for one in interpreter._get_ops_details()]
        assert kinds.count("DELEGATE") == 1 and not {"SHAPE", "PACK"} & set(kinds)
        assert not [kind for kind in kinds if kind.startswith("Flex")]
