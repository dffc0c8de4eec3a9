"""The contract of `python -m fashionclf.predict`, kept by the program itself."""
import csv
import io
import json
import os
import signal

import numpy as np
import pytest
from PIL import Image

from fashionclf.deployment import prediction_table
from tests.helpers.checks import succeed
from tests.helpers.programs import begin, start, wait_until
from tests.helpers.tiny import make_spec, save_run

CLASSES = ["Tee", "Coat"]
pytestmark = pytest.mark.slow  # each test starts the program


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    return save_run(tmp_path_factory.mktemp("run"), make_spec(classes=CLASSES)).folder


def predict(*words, **options):
    return start("fashionclf.predict", *words, **options)


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
    assert rows[0] == prediction_table.COLUMNS
    assert [row[0] for row in rows[1:]] == [
        str(tmp_path / name) for name in ("in/a/x.WEBP", "in/b,\"1\".png", "in/c.jpg", "last.jpg",
                                          "absent.png")]
    for row in (rows[1], rows[2], rows[4]):
        assert {row[1], row[3]} == set(CLASSES) and row[5:] == [""] * 6
        assert float(row[2]) >= float(row[4])
        assert float(row[2]) + float(row[4]) == pytest.approx(1, abs=2e-6)
    assert rows[3][1:7] == rows[5][1:7] == [""] * 6
    assert "not a picture" in rows[3][7] and "missing file" in rows[5][7]
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.splitlines()[-2:] == [
        "1 files of other kinds in the folders were ignored",
        "error: 2 of 5 pictures could not be used; the column error has the reasons"]
    assert not list(tmp_path.glob("*.incomplete"))


def test_standard_output_holds_the_rows_alone(run_dir, tmp_path):
    shown = succeed("fashionclf.predict", f"--run={run_dir}", "--output=-",
                    draw(tmp_path / "é.png").name, cwd=tmp_path)
    rows = list(csv.reader(io.StringIO(shown)))
    assert rows[0] == prediction_table.COLUMNS and [row[0] for row in rows[1:]] == ["é.png"]


def test_a_catalogue_keeps_its_columns_and_rows_to_check_are_marked(run_dir, tmp_path):
    draw(tmp_path / "shop/1.png")
    (tmp_path / "shop/list.csv").write_text("sku,image,class\n007,1.png,=x\n8,2.png,\n")
    words = [f"--run={run_dir}", f"--csv_file={tmp_path / 'shop/list.csv'}", "--path_column=image",
             "--min_probability=1", f"--embeddings={tmp_path / 'e.npy'}"]
    done = predict(*words, f"--output={tmp_path / 'out.jsonl'}")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(row["path"], row["sku"], row["csv_class"], row["check"]) for row in rows] == [
        ("1.png", "007", "=x", True), ("2.png", "8", "", True)]
    assert rows[0]["class"] in CLASSES and rows[1]["error"] == "missing file"
    assert done.returncode == 1 and "1 of 2 pictures could not be used" in done.stderr
    features = np.load(tmp_path / "e.npy", allow_pickle=False)
    assert features.shape == (2, 128) and np.isfinite(features[0]).all()
    assert np.isnan(features[1]).all()
    again = predict(*words, "--format=csv", "--output=-", "--embeddings=")
    assert again.stdout.splitlines()[1].endswith(",yes,,,007,'=x")


def test_garments_have_one_answer_and_one_picture_of_each_is_marked_to_label_next(
        run_dir, tmp_path):
    rng = np.random.default_rng(0)
    for number in range(5):
        pixels = rng.integers(0, 256, (40, 40, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    (tmp_path / "list.csv").write_text(
        "path,sku,next\n0.png,b,x\n1.png,a,\n2.png,a,\n3.png,,\n4.png,,\nabsent.png,b,\n")
    words = [f"--run={run_dir}", f"--csv_file={tmp_path / 'list.csv'}", "--item_column=sku",
             "--next=4"]
    done = predict(*words, f"--output={tmp_path / 'out.jsonl'}")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["item"] for row in rows] == ["b", "a", "a", "3.png", "4.png", "b"]
    assert [row["item_pictures"] for row in rows] == [1, 2, 2, 1, 1, 1]
    assert "2 rows have no sku: each of their pictures is taken for a garment" in done.stderr

    # The garment with an absent picture has the answer of its other one.
    assert rows[5]["error"] == "missing file" and rows[5]["next"] is None
    for row in (rows[0], rows[5]):
        assert (row["item_class"], row["item_probability"]) == (
            rows[0]["class"], pytest.approx(rows[0]["probability"], abs=2e-6))
    of_tee = [row["probability" if row["class"] == "Tee" else "probability_2"] for row in rows[1:3]]
    ratio = np.sqrt(np.prod(of_tee) / np.prod(1 - np.array(of_tee)))
    assert rows[1]["item_probability"] == pytest.approx(max(ratio, 1) / (1 + ratio), abs=1e-5)

    ranked = {row["next"]: row["item"] for row in rows if row["next"]}
    assert len(set(ranked.values())) == len(ranked) and set(ranked) == set(
        range(1, len(ranked) + 1)) and rows[0]["csv_next"] == "x"
    assert not [file.name for file in tmp_path.iterdir() if "incomplete" in file.name]

    # Standard output has the same, after the last picture.
    shown = list(csv.DictReader(io.StringIO(predict(*words).stdout)))
    assert [(row["item"], row["item_class"], row["next"]) for row in shown] == [
        (row["item"], row["item_class"], str(row["next"] or "")) for row in rows]


def test_garments_are_named_in_one_way(run_dir, tmp_path):
    picture = draw(tmp_path / "a1.png")
    for words, message in (
            (["--item_column=sku", picture], "--item_column names a column of --csv_file"),
            ([r"--group_pattern=b(\d)", picture], "does not match"),
            (["--group_pattern=(", picture], "is not a regular expression")):
        done = predict(f"--run={run_dir}", *words)
        assert done.returncode == 1 and message in done.stderr


def test_a_list_from_find_goes_through_one_call_and_parts_never_replace_each_other(
        run_dir, tmp_path):
    names = [str(draw(tmp_path / f"in/{name}.png")) for name in ("a", "b\nc", " d")]
    (tmp_path / "list").write_text("\0".join(names))
    (tmp_path / "home").mkdir()
    words = [f"--run={run_dir}", "--output=~/out [1].csv", "--batch_size=2"]
    home = {"env": {"HOME": str(tmp_path / "home")}}
    output = tmp_path / "home/out [1].csv"

    listed = [*words, f"--files_from={tmp_path / 'list'}"]
    assert predict(*listed, **home).returncode == 0
    whole = output.read_bytes()
    assert [row[0] for row in csv.reader(io.StringIO(whole.decode()))][1:] == names

    # xargs calls the program once more, for the last of many files; cron repeats the command.
    part = predict(*words, names[2], **home)
    assert part.returncode == 1 and "rows of 2 pictures that are not named now" in part.stderr
    assert output.read_bytes() == whole
    assert predict(*listed, **home).returncode == 0 and output.read_bytes() == whole
    assert predict(*words, "--overwrite", names[2], **home).returncode == 0
    assert len(output.read_bytes()) < len(whole)


def test_rows_follow_a_link_and_run_into_a_pipe_which_both_stay(run_dir, tmp_path):
    words = [f"--run={run_dir}", draw(tmp_path / "a.png")]
    (tmp_path / "target.csv").touch()
    (tmp_path / "link.csv").symlink_to("target.csv")
    assert predict(*words, f"--output={tmp_path / 'link.csv'}").returncode == 0
    assert (tmp_path / "link.csv").is_symlink()
    rows = (tmp_path / "target.csv").read_text()
    assert rows.startswith("path,class,") and "a.png,T" in rows or "a.png,C" in rows

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with begin("fashionclf.predict", *words, f"--output={pipe}") as job:
        assert pipe.read_text() == rows
        assert job.wait(60) == 0
    assert pipe.is_fifo()
    assert predict(*words, "--output=/dev/stdout").stdout == rows


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """500 pictures, one of them bad: time enough to be killed in."""
    folder = tmp_path_factory.mktemp("many")
    rng = np.random.default_rng(0)
    for number, pixels in enumerate(rng.integers(0, 256, (500, 64, 64, 3), np.uint8)):
        Image.fromarray(pixels).save(folder / f"{number:03}.jpg")
    (folder / "250.jpg").write_text("no picture")
    return folder


def await_a_batch(job, part):
    """Waits until the job has kept a batch more than there is now."""
    before = part.read_bytes().count(b"\n") if part.exists() else 1
    wait_until(lambda: part.exists() and part.read_bytes().count(b"\n") > before, job)


WHOLE_LIST = [r"--group_pattern=\d\d(?=\d\.)", "--next=9"]


@pytest.mark.parametrize("suffix, more", [("csv", []), ("parquet", []), ("parquet", WHOLE_LIST)])
def test_a_killed_job_goes_on_and_ends_as_an_undisturbed_one_to_the_byte(
        run_dir, many, tmp_path, suffix, more):
    def words(name):
        embeddings = [] if more else [f"--embeddings={tmp_path / name}.npy"]
        return [f"--run={run_dir}", f"--output={tmp_path / name}.{suffix}", "--batch_size=4",
                *embeddings, *more, str(many)]
    assert predict(*words("whole")).returncode == 1
    part = tmp_path / f"killed.{suffix}.incomplete"
    for kill in (signal.SIGKILL, signal.SIGTERM):
        with begin("fashionclf.predict", *words("killed")) as job:
            await_a_batch(job, part)
            job.send_signal(kill)
            _, said = job.communicate(timeout=60)
        if kill == signal.SIGTERM:
            assert job.returncode == 128 + signal.SIGTERM and "rows are kept" in said
        assert not (tmp_path / f"killed.{suffix}").exists()
    other = predict(*words("killed"), "--min_probability=0.5")
    assert other.returncode == 1 and "--min_probability was 0.0, is 0.5" in other.stderr
    resumed = predict(*words("killed"))
    assert resumed.returncode == 1 and "1 of 500 pictures could not be used" in resumed.stderr
    assert "resuming after" in resumed.stderr
    for end in [suffix] if more else [suffix, "npy"]:
        whole, killed = (tmp_path / f"{name}.{end}" for name in ("whole", "killed"))
        assert killed.read_bytes() == whole.read_bytes()
    assert not [file.name for file in tmp_path.iterdir() if "killed." in file.name
                and file.suffix not in (f".{suffix}", ".npy")]
