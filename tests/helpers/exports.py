"""Exports of small runs, and what they have to return."""
import json
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from fashionclf.model import network, weights
from fashionclf.system import files
from tests.helpers.checks import succeed
from tests.helpers.tiny import frame, make_spec, save_run


def needs(package: str, *modules: str) -> pytest.MarkDecorator:
    """Skips a test where a module of an extra is missing."""
    return pytest.mark.skipif(not all(map(find_spec, modules)),
                              reason=f"a library is absent: pip install '{package}'")


def new_run(folder: Path, architecture: str = "baseline_cnn") -> Path:
    """A network with random weights that tells colours apart, mirrored and with a temperature."""
    keras.utils.set_random_seed(0)
    spec = make_spec(architecture, framing=frame(32, 0.1), mirrored=True, temperature=0.7)
    model = network.build(spec)
    kernel, bias = model.get_layer(network.PREDICTIONS).get_weights()
    model.get_layer(network.PREDICTIONS).set_weights([30 * kernel, bias])
    save_run(folder, spec, model)
    return folder


def of_test(records_dir: Path) -> list[Path]:
    """The pictures of the test split, 32 x 32 pixels."""
    return sorted((records_dir.parent / "source").rglob("test_*/*.png"))


def pictures(records_dir: Path) -> np.ndarray:
    """float32 [N, 32, 32, 3], by PIL alone, as these are of the model's size."""
    return np.stack([np.asarray(Image.open(file), np.float32) for file in of_test(records_dir)])


def expected(run_dir: Path, batch: np.ndarray) -> dict[str, np.ndarray]:
    """The run's probabilities, float32 [B, 3], and features, float32 [B, D], by their names."""
    outputs = weights.load(run_dir).predictor().outputs(tf.constant(batch))
    return dict(zip(("probabilities", "features"), outputs, strict=True))


def assert_close(found: dict, expected: dict, atol: float) -> None:
    """Compares arrays by name, with `atol` for probabilities, relative to the largest feature."""
    assert set(found) == set(expected) == {"probabilities", "features"}
    for name, array in expected.items():
        assert found[name].dtype == np.float32
        scale = max(1, np.abs(array).max())
        np.testing.assert_allclose(found[name], array, rtol=0, atol=atol * scale)


def exported(run_dir: Path, records_dir: Path, output: Path, *more: str) -> tuple[str, dict]:
    """Exports to `output`; gives what was printed, and export.json, checked as far as all share."""
    said = succeed("fashionclf.export", f"--run={run_dir}", f"--records={records_dir}",
                   f"--output={output}", *more)
    assert (output / "labels.txt").read_text() == "Red\nGreen\nBlue\n"
    about = json.loads((output / "export.json").read_text())
    listed = {str(file.relative_to(output)) for file in output.rglob("*") if file.is_file()}
    assert listed == {*about["sha256"], "export.json"}
    assert all(files.sha256(output / name) == found for name, found in about["sha256"].items())
    return said, about
