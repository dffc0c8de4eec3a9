"""The loop: pictures are predicted, a person decides on the page, records are built from that."""
import collections
import csv
import json

import numpy as np
import pandas as pd
import pytest

from tests.helpers import checks, programs, tiny

pytestmark = pytest.mark.slow  # programs and a browser


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    return tiny.save_run(tmp_path_factory.mktemp("run"), tiny.make_spec()).folder


@pytest.fixture
def pictures(tmp_path):
    """25 pictures of each class, one with signs that CSV and HTML use, and a bad one."""
    rng, root = np.random.default_rng(0), tmp_path / "in"
    for label, name in enumerate(tiny.CLASSES):
        for number in range(25):
            tiny.draw(root / name / f"{number}.png", rng, label)
    (root / "Red/0.png").rename(root / "Red/=1,\"2\" <b>\n🧥.png")
    (root / "Blue/bad.png").write_text("no picture")
    return root


def build(pictures, records, *flags, run=checks.succeed):
    return run("fashionclf.build_tfrecords", "--source=folder", f"--source_dir={pictures}",
               f"--records={records}", "--workers=1", *flags)


def test_twenty_decisions_by_keys_are_applied_and_the_manifest_says_twenty(
        browser, tmp_path, run_dir, pictures):
    page, output = tmp_path / "labels.html", tmp_path / "labels.csv"
    done = programs.start("fashionclf.predict", f"--run={run_dir}", f"--output={output}",
                          f"--page={page}", "--min_probability=1", pictures)
    assert "labels.html: of 76: 0 labelled, 75 to check, 1 unreadable" in done.stderr

    tab = browser.new_page(viewport={"width": 400, "height": 800}, accept_downloads=True)
    tab.goto(page.as_uri())
    for number in range(20):
        tab.keyboard.press("yy1d"[number % 4])
    with tab.expect_download() as download:
        tab.click("#save")
    decisions = tmp_path / "decisions.csv"
    download.value.save_as(decisions)
    tab.close()
    rows = list(csv.DictReader(decisions.open(newline="", encoding="utf-8")))
    counts = dict(collections.Counter(row["decision"] for row in rows))
    assert counts == {"right": 10, "wrong": 5, "drop": 5}

    records = tmp_path / "records"
    said = build(pictures, records, f"--corrections={decisions}")
    assert "corrections: 10 right, 5 wrong, 5 drop, 0 same" in said
    assert "rows read 76 = written 70 + quarantined 1 + dropped 5" in said
    manifest = json.loads((records / "manifest.json").read_text())
    assert sum(manifest["corrections"].values()) == 20
    assert manifest["corrections"] == counts | {"same": 0}
    assert manifest["dropped"] == {"correction: dropped": 5}

    # The classes in the records are those of the decisions, and of the folders for all others.
    wanted = collections.Counter(path.parent.name for path in pictures.rglob("[!b]*.png"))
    for row in rows:
        wanted[row["path"].removeprefix(f"{pictures}/").split("/")[0]] -= 1
        wanted[row["class"]] += row["decision"] != "drop"
    del wanted[""]
    found = collections.Counter()
    for part in manifest["counts"].values():
        found.update(part)
    assert found == wanted
    kept = pd.read_csv(records / "corrections.csv", keep_default_na=False)
    assert sorted(f"{pictures}/{path}" for path in kept["path"]) == sorted(
        row["path"] for row in rows)

    changed = rows[0]["path"]
    open(changed, "ab").write(b"more")
    refused = build(pictures, tmp_path / "more", f"--corrections={decisions}", run=programs.start)
    assert refused.returncode == 1 and not (tmp_path / "more").exists()
    assert "1 pictures have changed since a person decided on them" in refused.stderr


def test_pictures_of_one_garment_are_one_item_and_duplicates_stay_on_one_side(tmp_path, pictures):
    (tmp_path / "decisions.csv").write_text("path,digest,decision,class,group\n" + "".join(
        f"{name}/1.png,,same,,g\n" for name in tiny.CLASSES))
    (tmp_path / "groups.csv").write_text("group,path\n" + "".join(
        f"{number},in/{name}/{number}.png\n" for number in (3, 4) for name in ("Red", "Blue")))
    said = build(pictures, tmp_path / "records", f"--corrections={tmp_path / 'decisions.csv'}",
                 f"--duplicates={tmp_path / 'groups.csv'}")
    assert "items: 73, 2 joined to others by --duplicates" in said
    manifest = json.loads((tmp_path / "records/manifest.json").read_text())
    assert manifest["corrections"] == {"right": 0, "wrong": 0, "drop": 0, "same": 3}
    assert manifest["duplicates"] == {"groups": 2, "pictures": 4}


def test_rows_on_standard_output_have_their_page_too(tmp_path, run_dir, pictures):
    page = tmp_path / "labels.html"
    rows = checks.succeed("fashionclf.predict", f"--run={run_dir}", f"--page={page}",
                          pictures / "Red").splitlines()
    assert "of 25: 25 labelled, 0 to check" in page.read_text(encoding="utf-8")
    assert rows[0].startswith("path,class,") and "labels.html" not in str(rows)


@pytest.mark.parametrize("flags, message", [
    (["--page=labels.csv"], "--page=labels.csv: a page is an .html file"),
    (["--category_column=kind"], "--category_column goes with --page and --csv_file"),
    (["--csv_file=shop.csv", "--page=p.html", "--category_column=sort"],
     "shop.csv: has no column 'sort', only path, kind")])
def test_a_page_that_cannot_be_written_is_refused_at_once(
        tmp_path, run_dir, pictures, flags, message):
    (tmp_path / "shop.csv").write_text("path,kind\nin/Red/1.png,Red\n")
    words = [] if "--csv_file=shop.csv" in flags else [pictures]
    done = programs.start("fashionclf.predict", f"--run={run_dir}", *flags, *words, cwd=tmp_path)
    assert done.returncode == 1 and message in done.stderr
