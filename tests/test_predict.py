"""The contract of `python -m fashionclf.predict`, kept by the program itself."""
import csv
import io
import subprocess
import sys

import pytest
from PIL import Image

from fashionclf import classifier, inference

CLASSES = ["Tee", "Coat"]
pytestmark = pytest.mark.slow  # each test starts the program


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    spec = classifier.Spec("baseline_cnn", CLASSES, 32, 0.0)
    classifier.save(classifier.build(spec), spec, folder)
    return folder


def predict(*words, **options):
    return subprocess.run([sys.executable, "-m", "fashionclf.predict", *map(str, words)],
                          capture_output=True, text=True, **options)


def draw(file):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 50), (200, 100, 50)).save(file)
    return file


def test_every_picture_gets_a_row_and_a_bad_one_its_reason(run_dir, tmp_path):
    draw(tmp_path / "in/b,\"1\".png")
    draw(tmp_path / "in/a/x.WEBP")
    (tmp_path / "in/c.jpg").write_text("no picture")
    (tmp_path / "in/notes.txt").touch()
    last = draw(tmp_path / "last.jpg")
    output = tmp_path / "found.csv"
    done = predict(f"--run={run_dir}", f"--output={output}", "--batch_size=2", tmp_path / "in",
                   last, tmp_path / "absent.png")
    rows = list(csv.reader(output.open(newline="", encoding="utf-8")))
    assert rows[0] == inference.CSV_HEADER
    assert [row[0] for row in rows[1:]] == [
        str(tmp_path / name) for name in ("in/a/x.WEBP", "in/b,\"1\".png", "in/c.jpg", "last.jpg",
                                          "absent.png")]
    for row in (rows[1], rows[2], rows[4]):
        assert {row[1], row[3]} == set(CLASSES) and row[5:] == ["", "", ""]
        assert float(row[2]) >= float(row[4])
        assert float(row[2]) + float(row[4]) == pytest.approx(1, abs=2e-6)
    assert rows[3][1:7] == rows[5][1:7] == [""] * 6
    assert "not a picture" in rows[3][7] and "missing file" in rows[5][7]
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.splitlines()[-2:] == [
        "1 files of other kinds in the folders were ignored",
        "error: 2 of 5 pictures could not be used; the column error says why"]
    assert not list(tmp_path.glob("*.incomplete"))


def test_standard_output_holds_the_rows_alone(run_dir, tmp_path):
    done = predict(f"--run={run_dir}", "--output=-", draw(tmp_path / "é.png").name, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = list(csv.reader(io.StringIO(done.stdout)))
    assert rows[0] == inference.CSV_HEADER and [row[0] for row in rows[1:]] == ["é.png"]


@pytest.mark.parametrize("words, message", [
    (["--run=RUN", "--output=out.csv"], "no picture named"),
    (["--run=RUN", "--output=out.csv", "empty"], "empty: this folder holds no"),
    (["--run=RUN", "--output=absent/out.csv", "x.png"], "name a file in a folder that exists"),
    (["--run=absent", "--output=out.csv", "x.png"], "python -m fashionclf.train"),
])
def test_a_mistake_in_the_command_is_one_line_and_leaves_nothing(run_dir, tmp_path, words, message):
    (tmp_path / "empty").mkdir()
    done = predict(*(word.replace("RUN", str(run_dir)) for word in words), cwd=tmp_path)
    assert done.returncode == 1 and done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: ") and message in last
    assert "Traceback" not in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["empty"]
