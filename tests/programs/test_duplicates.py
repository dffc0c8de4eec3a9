"""The contract of `python -m fashionclf.duplicates`, kept by the program itself."""
import csv
import json

import pytest
from PIL import ImageOps

from fashionclf.curation import duplicates
from tests.helpers.programs import start, succeed
from tests.helpers.textures import texture
from tests.helpers.tiny import make_spec, save_run

pytestmark = pytest.mark.slow  # each test starts the program


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    return save_run(tmp_path_factory.mktemp("run"), make_spec()).folder


@pytest.fixture
def shop(tmp_path):
    """Two photographs, a smaller and a mirrored copy, and their CSV, which names one that lacks."""
    texture(0).save(tmp_path / "a.png")
    texture(1).save(tmp_path / "b.png")
    texture(0).resize((90, 120)).save(tmp_path / "small.png")
    ImageOps.mirror(texture(1)).resize((90, 120)).save(tmp_path / "turned.png")
    (tmp_path / "shop.csv").write_text(
        "sku,image,kind\n01,a.png,=Tee\n02,b.png,Coat\n03,small.png,Tee\n04,turned.png,Coat\n")
    return tmp_path


def search(run_dir, folder, *words, check=succeed):
    return check("fashionclf.duplicates", f"--run={run_dir}", f"--cache_dir={folder / 'cache'}",
                 *words)


def test_a_catalogue_keeps_its_columns_and_a_repeated_call_computes_nothing(run_dir, shop):
    words = [f"--csv_file={shop / 'shop.csv'}", "--path_column=image"]
    done = search(run_dir, shop, f"--output={shop / 'out.csv'}", *words)
    rows = list(csv.reader(open(shop / "out.csv", newline="", encoding="utf-8")))
    assert rows[0] == [*duplicates.COLUMNS, "sku", "csv_kind"]
    assert [[row[0], row[1], row[2], row[3], row[10]] for row in rows[1:]] == [
        ["1", "a.png", "yes", "", "01"], ["1", "small.png", "", "near-duplicate", "03"],
        ["2", "b.png", "yes", "", "02"], ["2", "turned.png", "", "mirrored", "04"]]
    assert rows[1][11] == "'=Tee" and rows[1][4:7] == ["", "", ""]
    assert done.stderr.endswith("4 pictures: 4 have a copy, in 2 groups (1 near-duplicate, "
                                "1 mirrored)\n")

    cached = next((shop / "cache").glob("*.descriptions")).read_bytes()
    search(run_dir, shop, f"--output={shop / 'out.jsonl'}", *words)
    lines = [json.loads(line) for line in open(shop / "out.jsonl", encoding="utf-8")]
    assert [line["keep"] for line in lines] == [True, False] * 2 and lines[0]["bits"] is None
    assert lines[1]["bits"] <= 32 and (lines[1]["width"], lines[1]["height"]) == (90, 120)
    assert next((shop / "cache").glob("*.descriptions")).read_bytes() == cached


def test_a_page_shows_the_copies_side_by_side(run_dir, shop):
    search(run_dir, shop, f"--output={shop / 'out.csv'}", f"--page={shop / 'copies.html'}", shop)
    page = (shop / "copies.html").read_text(encoding="utf-8")
    assert "4 pictures: 4 have a copy, in 2 groups" in page
    assert f"near-duplicate: of {shop / 'a.png'}" in page and "perhaps another shot" in page
    assert "keep: the largest of 2 copies" in page


def test_numbers_are_numbers_in_parquet(run_dir, shop):
    parquet = pytest.importorskip("pyarrow.parquet", reason="fashionclf[parquet] is missing")
    search(run_dir, shop, f"--output={shop / 'out.parquet'}", f"--csv_file={shop / 'shop.csv'}",
           "--path_column=image")
    schema = parquet.read_table(shop / "out.parquet").schema
    types = {field.name: str(field.type) for field in schema}
    assert types == {"path": "string", "kind": "string", "sku": "string", "csv_kind": "string",
                     **{name: kind.replace("float64", "double")
                        for name, kind in duplicates.TYPES.items()}}


def test_unusable_pictures_are_listed_and_the_exit_code_is_1(run_dir, shop):
    (shop / "broken.jpg").write_bytes(b"no picture")
    done = search(run_dir, shop, f"--output={shop / 'out.csv'}", shop, shop / "absent.png",
                  check=start)
    assert done.returncode == 1
    assert f"left out: {shop / 'broken.jpg'}: not a picture" in done.stderr
    assert f"left out: {shop / 'absent.png'}: missing file" in done.stderr
    assert done.stderr.splitlines()[-1].endswith("; 2 unreadable")


@pytest.mark.parametrize("words, message", [
    (["PICTURES"], "--output names the file to write"),
    (["--output=-", "PICTURES"], "--output=-: "),
    (["--output=out.txt", "PICTURES"], "unknown suffix"),
    (["--output={0}/a.png", "PICTURES"], "exists: name another, or replace it with --overwrite"),
    (["--output={0}/x.csv"], "no picture named"),
    (["--output={0}/x.csv", "--page={0}/x.csv", "PICTURES"], "is also the file of --output")])
def test_a_wrong_call_is_refused_with_its_cure(run_dir, shop, words, message):
    done = search(run_dir, shop, *[word.format(shop) for word in words], check=start)
    assert done.returncode == 1 and message in done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
