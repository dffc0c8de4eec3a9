"""An export explains itself: to its runtime's tools, and to scripts that know nothing else."""
import ast
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from fashionclf.deployment import engines
from fashionclf.exporting import export_facts
from fashionclf.pictures import files as picture_files
from tests.helpers.exports import exported, needs, new_run
from tests.helpers.programs import ROOT, start_code
from tests.helpers.tiny import make_records

EXAMPLES = sorted((ROOT / "docs/examples").glob("*_alone.py"))
FACTS = {"producer", "version", "licence", "weights_sha256", "classes", "inputs", "outputs",
         "image_size", "box_margin", "resize", "preprocessing", "mirrored", "temperature"}
ALONE = """
import runpy, sys
sys.modules.update(dict.fromkeys(sys.argv[1].split(",")))  # whoever imports them fails
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def records_dir(tmp_path_factory):
    return make_records(tmp_path_factory.mktemp("records"), per_class={"train": 4, "test": 4})


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    return new_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """PNG files that need each step of the preprocessing: larger, smaller, turned, transparent."""
    folder, rng = tmp_path_factory.mktemp("photographs"), np.random.default_rng(3)
    for name, shape in {"large": (91, 70, 3), "small": (20, 27, 3), "turned": (50, 40, 3),
                        "transparent": (48, 64, 4), "grey": (40, 33)}.items():
        colours = rng.integers(0, 100, (3, 2, *shape[2:]), np.uint8)
        if shape[2:]:
            colours[..., shape[0] % 3] += 155
        picture = Image.fromarray(colours).resize(shape[1::-1], Image.Resampling.BICUBIC)
        exif = Image.Exif()
        if name == "turned":
            exif[0x0112] = 6
        picture.save(folder / f"{name}.png", exif=exif)
    return folder


def run_alone(script, without, export, photographs):
    """The rows that a script of docs/examples prints: name, class, probability."""
    done = start_code(ALONE, ",".join(["fashionclf", *without]), ROOT / "docs/examples" / script,
                      export, *sorted(photographs.iterdir()))
    assert done.returncode == 0, done.stderr
    return [line.split("\t") for line in done.stdout.splitlines()]


def assert_as_predicted(rows, run_dir, photographs):
    """The class is that of predict, the probability the same to its last printed digit or two."""
    engine = engines.load(run_dir, "tensorflow")
    listed, _ = picture_files.find([str(photographs)])
    (answers,) = engine.predict_batches(listed, batch_size=9)
    assert len(rows) == len(answers) == 5
    assert len({probability for *_, probability in rows}) == 5  # it tells the pictures apart
    for (name, found, probability), (_, probabilities, _) in zip(rows, answers):
        assert found == engine.spec.classes[probabilities.argmax()], name
        assert float(probability) == pytest.approx(probabilities.max(), abs=2e-4), name


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda script: script.stem)
def test_an_example_has_at_most_twenty_lines_of_code(script):
    code = ast.unparse(ast.parse(script.read_text(encoding="utf-8")))  # without comments
    docstrings = [node for node in ast.walk(ast.parse(code))
                  if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)]
    taken = sum(node.end_lineno - node.lineno + 1 for node in docstrings)
    assert len([line for line in code.splitlines() if line.strip()]) - taken <= 20


@pytest.mark.slow
def test_the_saved_models_example_agrees_with_predict(run_dir, records_dir, photographs, tmp_path):
    exported(run_dir, records_dir, tmp_path / "out", "--format=saved_model")
    rows = run_alone("saved_model_alone.py", ["keras"], tmp_path / "out", photographs)
    assert_as_predicted(rows, run_dir, photographs)


@needs("fashionclf[onnx]", "tf2onnx", "onnxruntime")
@pytest.mark.slow
def test_onnx_carries_its_facts_and_its_example_agrees_with_predict(run_dir, records_dir,
                                                                    photographs, tmp_path):
    import onnx
    import onnxruntime

    _, about = exported(run_dir, records_dir, tmp_path / "out", "--format=onnx")
    rows = run_alone("onnx_alone.py", ["tensorflow", "keras"], tmp_path / "out", photographs)
    assert_as_predicted(rows, run_dir, photographs)

    file = tmp_path / "out" / "model.onnx"
    meta = onnxruntime.InferenceSession(file).get_modelmeta()
    assert meta.producer_name == "fashionclf" and "3 classes" in meta.description
    found = meta.custom_metadata_map
    assert set(found) == FACTS and found["licence"] == "unknown"
    assert json.loads(found["classes"]) == ["Red", "Green", "Blue"]
    assert {name: value if isinstance(about[name], str) else json.loads(value)
            for name, value in found.items()} == {name: about[name] for name in FACTS}
    model = onnx.load(file)
    assert all(tensor.doc_string for tensor in [*model.graph.input, *model.graph.output])


@needs("fashionclf[litert]", "ai_edge_litert")
@pytest.mark.slow
def test_litert_carries_its_facts_and_its_example_agrees_with_predict(run_dir, records_dir,
                                                                      photographs, tmp_path):
    from ai_edge_litert import schema_py_generated as schema

    _, about = exported(run_dir, records_dir, tmp_path / "out", "--format=litert")
    rows = run_alone("litert_alone.py", ["tensorflow", "keras"], tmp_path / "out", photographs)
    assert_as_predicted(rows, run_dir, photographs)

    file = tmp_path / "out" / "model.tflite"
    with zipfile.ZipFile(file) as inside:
        assert inside.read("labels.txt").decode() == "Red\nGreen\nBlue\n"
        assert json.loads(inside.read("facts.json")) == {name: about[name] for name in FACTS}
    model = schema.Model.GetRootAs(file.read_bytes(), 0)
    entries = {model.Metadata(i).Name(): model.Buffers(model.Metadata(i).Buffer())
               for i in range(model.MetadataLength())}
    standard = entries[b"TFLITE_METADATA"].DataAsNumpy().tobytes()
    assert standard[4:8] == b"M001"
    for text in (b"labels.txt", b"images", b"probabilities", b"features", b"unknown"):
        assert text + b"\0" in standard


@pytest.mark.parametrize("card, licence", [
    (None, "unknown"), ("# A model\nlicense: mit\n", "unknown"),
    ("---\nlicense: apache-2.0\ntags:\n  - fashion\n---\n# A model\n", "apache-2.0")])
def test_the_licence_is_that_of_the_model_card_or_unknown(tmp_path, card, licence):
    if card:
        (tmp_path / "README.md").write_text(card)
    assert export_facts.licence_of(tmp_path) == licence


def test_the_released_models_licence_is_known():
    assert export_facts.licence_of(ROOT / "saved_models/fashion_b0") == "apache-2.0"


def test_the_document_explains_every_fact():
    text = (ROOT / "docs/exports.md").read_text(encoding="utf-8")
    keys = {key for line in text.splitlines() if line.startswith("| `")
            for key in line.split("|")[1].replace("`", "").replace(" ", "").split(",")}
    assert FACTS | {"run", "formats", "sha256"} <= keys
