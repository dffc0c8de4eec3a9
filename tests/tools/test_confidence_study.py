"""The study of promises: its drawn pictures, and its figures on features that are easy to tell."""
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tools.studies import confidence_figures, other_things


def test_each_kind_is_drawn_anew_by_its_seed(tmp_path):
    files = other_things.write(tmp_path / "a", 3)
    again = other_things.write(tmp_path / "b", 3)
    for kind in ("plots", "drawings", "textures", "noise"):
        pixels = [np.asarray(Image.open(file)) for file in files[kind]]
        assert all(picture.shape == (256, 256, 3) for picture in pixels)
        assert (pixels[0] != pixels[1]).any()
        assert (pixels[0] == np.asarray(Image.open(again[kind][0]))).all()


@pytest.fixture(scope="module")
def figures():
    rng, n = np.random.default_rng(0), 900
    classes = rng.integers(3, size=n)
    features = rng.normal(size=(n, 16))
    features[np.arange(n), classes] += 4
    rows = pd.DataFrame({"category": np.array(["Coat", "Hat", "Tee"])[classes],
                         "item": np.arange(n).astype(str)})
    split = rng.choice(["train", "validation", "test"], n, p=[0.4, 0.3, 0.3])
    fitted = confidence_figures.fit(features, rows, split, l2=0.1)
    others = {"far": rng.normal(size=(60, 16)) - 5, "same": features[split == "test"][:60]}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(confidence_figures, "BATCHES", 5)
        rows = list(confidence_figures.measured(fitted, others))
    return pd.DataFrame(rows).set_index(["table", "figure"])


def test_promises_are_kept_and_sets_cover(figures):
    reached = figures.loc[("promises", "at least 0.9")]
    assert reached["precision reached"] >= 0.9 and reached["kept"] == 1
    assert reached["coverage"] > 0.5
    assert figures.loc[("sets", "sets at 0.95"), "coverage, pictures"] > 0.92
    accuracies = figures.loc["coverage", "accuracy"]
    assert accuracies["50% answered"] >= accuracies["100% answered"]


def test_far_pictures_are_outliers_and_drift_and_test_pictures_are_not(figures):
    assert figures.loc[("outliers", "far"), "AUROC"] > 0.99
    assert figures.loc[("outliers", "same"), "AUROC"] == pytest.approx(0.5, abs=0.1)
    assert figures.loc[("drift", "far"), "other pictures"] == 1
    assert figures.loc[("drift", "50 test pictures (false alarms)"), "other pictures"] <= 0.2
