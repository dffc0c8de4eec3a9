"""The measurements of growth, near-duplicates and search: right on a few small numbers."""
import json
import re

import numpy as np
import pytest

from tests.helpers.programs import start_code, succeed
from tests.helpers.tiny import draw, make_spec, save_run

MINUTE = 60  # seconds


def printed(code):
    """Returns what code prints in a process of its own: two tools' flags don't go into one."""
    done = start_code(code)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("parts, steps", [
    pytest.param(["rows", "hashes"], ["read, label, split", "compare hashes"], id="two parts"),
    pytest.param(["pictures"], ["build", "train", "evaluate"], id="pictures",
                 marks=pytest.mark.drill)])
def test_every_step_is_measured_at_two_sizes_of_which_one_is_ten_times_the_other(parts, steps,
                                                                                 tmp_path):
    tool = succeed("tools.benchmark.growth", *[f"--part={part}" for part in parts], "--rows=1000",
                   "--pictures=240", "--hashes=100", f"--output={tmp_path / 'out.json'}",
                   timeout=30 * MINUTE)
    found = json.loads((tmp_path / "out.json").read_text())
    assert [row["step"] for row in found["growth"]] == steps
    for step in steps:
        low, high = (row for row in found["measured"] if row["step"] == step)
        assert high["n"] == 10 * low["n"]
        assert min(low["seconds"], high["seconds"]) > 0 and high["peak_mib"] > 50
        assert tool.stdout.count(f"| {step} |") == 2


@pytest.mark.slow
@pytest.mark.drill
def test_a_build_is_measured_beside_decoding(tmp_path):
    sample = tmp_path / "sample"
    succeed("tools.make_sample_data", f"--output={sample}", "--images=240", "--image_size=64")
    tool = succeed("tools.benchmark.build", f"--source_dir={sample}", "--rounds=1", "--copies=2")
    rates = re.fullmatch(r"decoding (\S+) pictures/s; building (\S+) \(\S+ of it\); the whole "
                         r"program (\S+) \(\S+\)\n", tool.stdout)
    assert rates and all(float(rate.replace(",", "")) > 0 for rate in rates.groups())


@pytest.mark.slow
def test_engines_are_measured_beside_tensorflow(tmp_path):
    run = save_run(tmp_path / "run", make_spec()).folder
    files = [tmp_path / f"{name}.png" for name in "ab"]
    for number, file in enumerate(files):
        draw(file, np.random.default_rng(number), number)
    succeed("fashionclf.export", f"--run={run}", "--format=litert", f"--output={run}/exports",
            *files)
    shown = succeed("tools.benchmark.engines", f"--run={run}", "--engines=tensorflow,litert",
                    "--rounds=1", *files, fresh=True).stdout.splitlines()
    assert shown[0].startswith("2 pictures, ")
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in shown[4:]]
    assert [row[0] for row in cells] == ["tensorflow", "litert"]
    assert all(float(cell) > 0 for row in cells for cell in row[1:7])
    assert [row[7:] for row in cells][0] == ["0.0e+00", "1.0000"]
    assert float(cells[1][7]) < 1e-4 and cells[1][8] == "1.0000"


def test_near_duplicates_are_counted_among_all_pairs_and_shown():
    shown = printed("""if True:
        import numpy as np
        from tools.benchmark import near_duplicates as tool
        hashes = np.array(["0" * 64, "f" * 64, "0" * 63 + "1", "0" * 62 + "ff"])
        print(tool.changes_table({"grey": np.array([0, 2, 30, 40])}, 32))
        print(tool.pairs_text(["a", "b", "c", "d"], hashes, 7))""")
    assert "| grey | 16 | 38 | 40 | 75.0% |" in shown
    assert "2 of 6 pairs of pictures are within 7 bits" in shown
    assert "the nearest pair is 1 bits apart" in shown
    assert shown.splitlines()[-2:] == ["    1 a c", "    7 c d"]


def test_planted_copies_are_written_once_and_counted_when_found(tmp_path):
    shown = printed(f"""if True:
        from pathlib import Path
        import numpy as np
        from fashionclf.curation import copies, duplicates
        from fashionclf.pictures.registration import Thumbnails
        from tests.helpers.textures import texture
        from tools.benchmark import duplicates as tool, planted_copies
        folder = Path({str(tmp_path)!r})
        paths = [str(folder / (str(seed) + ".png")) for seed in range(5)]
        for seed, path in enumerate(paths):
            texture(seed).save(path)
        planted = planted_copies.plant(paths[1:], folder / "copies", seed=0)
        first = Path(planted["grey"][2])
        first.write_bytes(first.read_bytes() + b"kept")
        print(planted_copies.plant(paths[1:], folder / "copies", seed=0) == planted,
              first.read_bytes().endswith(b"kept"), len(planted))

        def looks(paths, numbers):
            thumbnails, hashes, _ = zip(*(duplicates.look(Path(x).read_bytes()) for x in paths))
            return copies.Looks(thumbnails=Thumbnails(*map(np.stack, zip(*thumbnails))),
                                hashes=list(hashes), features=np.eye(5)[numbers])

        originals, chosen = looks(paths, range(5)), np.arange(1, 5)
        for name in ("JPEG of quality 60", "mirrored"):
            print(*tool.shares(originals, looks(planted[name], chosen), chosen))
        swapped = planted["mirrored"][1::-1] + planted["mirrored"][2:]
        print(*tool.shares(originals, looks(swapped, [2, 1, 3, 4]), chosen))""")
    assert shown.splitlines() == [
        "True True 18", "100.0% 100.0% 100.0% 100.0% 0", "0.0% 100.0% 100.0% 100.0% 0",
        "0.0% 100.0% 0.0% 100.0% 2"]


def test_recall_leaves_out_the_picture_and_its_copies_and_made_up_vectors_vary_alike(tmp_path):
    shown = printed(f"""if True:
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
        print(tool.recall_table(pictures, features[:, ::-1], copies, ["A", "B", "C"]))

        given = np.random.default_rng(0).normal(size=(30, 3)) @ [[2, 1, 0], [0, 1, 0], [0, 0, 3]]
        found = tool.generated(given, 60_000, {str(tmp_path / "x.npy")!r}, seed=0)
        print(np.abs(found.mean(axis=0) - given.mean(axis=0)).max() < 0.05,
              np.abs(np.cov(found.T) - np.cov(given.T)).max() < 0.3)""")
    lines = shown.splitlines()
    assert lines[0] == "same folder []"  # the two of folder a are copies
    assert lines[1] == "same class [[0, 1], [0, 1], [0, 1], [0, 1], [0, 1]]"
    assert lines[2] == ("same class, other items alone "
                        "[[1, 1], [1, 1], [0, 1], [0, 1], [1, 1]]")
    assert lines[3] == "[[0.0], [1.0]]"
    assert "6 pictures, 3 items, 3 classes, 1 exact copies" in shown
    assert "| same class | 5 | run | 0.000 | 1.000 | 1.000 |" in shown
    assert "| same class | 5 | run - trunk, 95 % | +0.000 to +0.000 |" in shown
    assert lines[-1] == "True True"
