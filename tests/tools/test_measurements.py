"""The tools behind the README's figures do what they say, on a few small numbers."""
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def said(code):
    """What code prints in a process of its own: two tools' flags don't go into one."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_look_alikes_are_counted_among_all_pairs_and_shown():
    shown = said("""if True:
        import numpy as np
        from tools.benchmark import near_duplicates as tool
        looks = np.array(["0" * 64, "f" * 64, "0" * 63 + "1", "0" * 62 + "ff"])
        print(tool.copies_table([("grey", np.array([0, 2, 30, 40]))], 32))
        print(tool.pairs_text(["a", "b", "c", "d"], looks, 7))""")
    assert "| grey | 16 | 38 | 40 | 75.0% |" in shown
    assert "2 of 6 pairs of pictures are within 7 bits" in shown
    assert "the nearest pair is 1 bits apart" in shown
    assert shown.splitlines()[-2:] == ["    1 a c", "    7 c d"]


def test_recall_leaves_out_the_picture_itself_and_its_copies():
    shown = said("""if True:
        import numpy as np
        from types import SimpleNamespace as Predictions
        from tools.benchmark import search as tool
        angles = np.radians([0, 0, 10, 50, 60, 180])
        features = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        labels = np.array([0, 0, 1, 0, 1, 2])
        pictures = Predictions(
            paths=["s/a/1", "s/a/2", "s/b/3", "t/a/4", "t/b/5", "u/c/6"], labels=labels,
            items=["s", "s", "s", "t", "t", "u"], features=features)
        copies = np.array(["x", "x", "y", "z", "w", "v"])
        for name, masks in tool.questions(pictures, copies).items():
            print(name, tool.hits(features, *masks)[:, :2].astype(int).tolist())
        print(tool.interval(np.array([[1.], [1.], [0.]]), np.array(["s", "s", "t"])).tolist())
        print(tool.recall_table(pictures, features[:, ::-1], copies, ["A", "B", "C"]))""")
    lines = shown.splitlines()
    assert lines[0] == "same folder []"  # the two of folder a are copies
    assert lines[1] == "same class [[0, 1], [0, 1], [0, 1], [0, 1], [0, 1]]"
    assert lines[2] == ("same class, other items alone "
                        "[[1, 1], [1, 1], [0, 1], [0, 1], [1, 1]]")
    assert lines[3] == "[[0.0], [1.0]]"
    assert "6 pictures, 3 items, 3 classes, 1 exact copies" in shown
    assert "| same class | 5 | run | 0.000 | 1.000 | 1.000 |" in shown
    assert "| same class | 5 | run - trunk, 95 % | +0.000 to +0.000 |" in shown


def test_generated_vectors_have_the_mean_and_covariance_of_the_features(tmp_path):
    shown = said(f"""if True:
        import numpy as np
        from tools.benchmark import search as tool
        features = np.random.default_rng(0).normal(size=(30, 3)) @ [[2, 1, 0], [0, 1, 0], [0, 0, 3]]
        found = tool.generated(features, 60_000, {str(tmp_path / "x.npy")!r}, seed=0)
        print(np.abs(found.mean(axis=0) - features.mean(axis=0)).max() < 0.05,
              np.abs(np.cov(found.T) - np.cov(features.T)).max() < 0.3)""")
    assert shown == "True True\n"
