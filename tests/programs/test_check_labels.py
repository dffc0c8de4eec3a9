"""Promises of `python -m fashionclf.check_labels`: whatever the source, the same wrong labels."""
import csv

import numpy as np
import pytest

from fashionclf.evaluation import lineage
from fashionclf.model import network, weights
from fashionclf.model.weights import Run
from fashionclf.pictures import picture_hashes
from fashionclf.pictures.picture_hashes import PictureHashes
from fashionclf.records import manifests
from fashionclf.system import files
from tests.helpers.programs import start, succeed
from tests.helpers.tiny import CLASSES, draw, make_spec, save_run

pytestmark = pytest.mark.slow  # programs are started

PER_CLASS = 20
WRONG = {"Red/Green_0.png": "Green", "Green/Blue_1.png": "Blue", "Blue/Red_2.png": "Red"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """PICTURES of three colours, three of them in a wrong folder; shop.csv, records and a run."""
    folder, rng = tmp_path_factory.mktemp("shop"), np.random.default_rng(0)
    names = [f"{name}/{name}_{number}.png" for name in CLASSES for number in range(PER_CLASS)]
    for path in [*names, *WRONG]:
        draw(folder / "PICTURES" / path, rng, CLASSES.index(WRONG.get(path, path.split("/")[0])))
    rows = [f"{path},{path.split('/')[0]}" for path in [*names, *WRONG]]
    (folder / "shop.csv").write_text("\n".join(["path,category", *rows]) + "\n")
    succeed("fashionclf.build_tfrecords", "--source=folder", f"--source_dir={folder / 'PICTURES'}",
            f"--records={folder / 'records'}", "--workers=1")
    save_run(folder / "run", make_spec())
    return folder


def check(shop, tmp_path, *words, run="run", succeeds=True):
    """Runs the program; gives its rows, if it has an --output, and what it printed."""
    done = start("fashionclf.check_labels", f"--run={shop / run}", *words,
                 f"--cache_dir={shop / 'cache'}", f"--output={tmp_path / 'out.csv'}", "--overwrite")
    assert (done.returncode == 0) == succeeds, done.stdout + done.stderr
    with open(tmp_path / "out.csv", encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream)), done


def sources(shop):
    return {"folder": [shop / "PICTURES"], "records": [f"--records={shop / 'records'}"],
            "csv": [f"--csv_file={shop / 'shop.csv'}", f"--source_dir={shop / 'PICTURES'}"]}


def test_a_folder_a_csv_and_records_give_the_same_answer(shop, tmp_path):
    found = {name: check(shop, tmp_path, *words) for name, words in sources(shop).items()}
    rows, done = found["folder"]
    assert len(rows) == 3 * PER_CLASS + len(WRONG)
    assert {row["path"]: row["suggested"] for row in rows[:3]} == WRONG
    assert all(row["doubtful"] == "yes" for row in rows[:3])
    assert rows[0]["digest"] == files.sha256(shop / "PICTURES" / rows[0]["path"])
    assert "Of 63 labels, " in done.stdout and "estimated wrong" in done.stdout
    for others, _ in (found["csv"], found["records"]):
        assert {row["path"]: row["suggested"] for row in others[:3]} == WRONG
        by_path = {row["path"]: row for row in others}
        for row in rows:
            other = by_path[row["path"]]
            for name in ("class", "digest", "error"):
                assert row[name] == other[name]
            for name in ("probability", "probability_of_class"):
                assert abs(float(row[name]) - float(other[name])) < 0.01


def test_features_of_records_are_computed_once(shop, tmp_path):
    check(shop, tmp_path, *sources(shop)["records"])  # or the test above has
    (folder,) = [path.parent for path in (shop / "cache").glob("*/cache.json")]
    before = {file.name: file.stat().st_mtime_ns for file in folder.glob("*.npy")}
    assert sorted(before) == sorted(
        f"{split}-{what}.npy" for split in ("train", "validation", "test")
        for what in ("features", "probabilities"))
    rows, _ = check(shop, tmp_path, *sources(shop)["records"], "--splits=train")
    assert len(rows) == manifests.read(shop / "records")["examples"]["train"]
    assert before == {file.name: file.stat().st_mtime_ns for file in folder.glob("*.npy")}


def save_trained(folder, hashes, **provenance):
    """A run that was trained on `hashes`."""
    folder.mkdir()
    spec, parts = make_spec(), {"train": hashes, "validation": PictureHashes()}
    weights.save(Run(folder=folder, network=network.build(spec), spec=spec, provenance={
        "hashes_sha256": picture_hashes.write(folder / lineage.HASHES, parts), **provenance}))


@pytest.fixture(scope="module")
def hashes(shop):
    """Of the records, by split."""
    return picture_hashes.read(shop / "records/hashes.npz",
                               manifests.read(shop / "records")["hashes_sha256"])


def test_a_run_that_was_trained_on_the_pictures_is_warned_of(shop, hashes, tmp_path):
    save_trained(shop / "trained", hashes["train"])
    _, done = check(shop, tmp_path, shop / "PICTURES", run="trained")
    count = len(hashes["train"].digests)
    assert f"was trained on {count} of these 63 pictures: wrong labels" in done.stdout

    # The features of a head alone are those of its start.
    save_trained(shop / "head", hashes["train"], kept={"phase": "head"}, trunk_from="imagenet",
                 unhashed=["imagenet"])
    _, done = check(shop, tmp_path, shop / "PICTURES", run="head")
    assert "warning" not in done.stdout


def test_a_damaged_picture_and_a_run_of_unknown_lineage_are_told(shop, tmp_path):
    (shop / "PICTURES/Red/damaged.png").write_bytes(b"no picture")
    try:
        rows, done = check(shop, tmp_path, shop / "PICTURES", succeeds=False)
    finally:
        (shop / "PICTURES/Red/damaged.png").unlink()
    assert rows[-1]["path"] == "Red/damaged.png" and rows[-1]["error"]
    assert "; unusable pictures: 1." in done.stdout
    assert "note: unknown whether" in done.stdout


def test_runs_predict_what_they_have_not_seen_and_what_all_have_seen_is_named(
        shop, hashes, tmp_path):
    save_trained(shop / "first", picture_hashes.united([hashes["train"], hashes["validation"]]))
    save_trained(shop / "second", picture_hashes.united([hashes["train"], hashes["test"]]))
    parquet = pytest.importorskip("pyarrow.parquet", reason="fashionclf[parquet] is missing")
    succeed("fashionclf.check_labels", f"--runs={shop / 'first'},{shop / 'second'}",
            f"--records={shop / 'records'}", f"--cache_dir={shop / 'cache'}",
            f"--output={tmp_path / 'out.parquet'}")
    rows = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    unchecked = [row for row in rows if row["error"]]
    assert len(unchecked) == len(hashes["train"].digests) and rows[-1] in unchecked
    assert unchecked[0]["error"] == "each of --runs was trained on pictures of its garment"
    assert all(row["probability"] > 0 and row["doubtful"] in (True, False)
               for row in rows if not row["error"])

    done = start("fashionclf.check_labels", f"--runs={shop / 'run'}", shop / "PICTURES",
                 f"--cache_dir={shop / 'cache'}")
    assert done.returncode == 1 and "carries no hashes of its training pictures" in done.stderr


@pytest.mark.parametrize("words, message", [
    ([], "name the labels by --records, by --csv_file, or by a folder"),
    (["a", "b"], "one of the three"), (["a", "--source_dir=."], "goes with --csv_file alone"),
    (["a", "--output=README.md"], "README.md exists: name another file"),
    (["a", "--runs=fashion_b0", "--run=fashion_b0"], "--runs take their place")])
def test_wrong_flags_are_named_before_anything_is_read(words, message):
    done = start("fashionclf.check_labels", *words)
    assert done.returncode == 1 and message in done.stderr


def test_the_page_shows_the_doubtful_labels(shop, tmp_path):
    check(shop, tmp_path, shop / "PICTURES", f"--page={tmp_path / 'page.html'}")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert all(path in text for path in WRONG)
