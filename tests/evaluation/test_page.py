"""Promises of the page: complete in one file, escaped, sortable, as wide as its window."""
import base64
import configparser
import hashlib
import html.parser
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from fashionclf.evaluation import page
from fashionclf.pictures import reading

ROOT = Path(__file__).resolve().parents[2]
EVIL = ["<script>alert(1)</script>", "\"><img src=//x onerror=alert(1)>", "a&amp;b '{{ 7 * 7 }}"]
MANIFEST = {
    "examples": {"train": 70, "test": 30}, "rows_read": 111, "written": 100, "quarantined": 9,
    "repaired": 3, "dropped": {"in no class": 2},
    "counts": {"train": dict(zip(EVIL, (10, 20, 40))), "test": dict(zip(EVIL, (5, 10, 15)))},
    "overlap": {"items, train and test": 0, "share of test pictures whose item is in train": 0.0},
    "overlap_at_random": {"items, train and test": 4,
                          "share of test pictures whose item is in train": 0.875},
    "flags": "--source_dir=</pre><script>\n", "fingerprint": "f00d"}


def write(file, *, manifest=MANIFEST, flags="--run=<b>\udcff\n", classes=EVIL, pictures=True):
    """A page of three classes; with n that sort otherwise as text, and an F1 that isn't defined."""
    interval = {f"{key}_interval": [0.5, 0.7] for key in ("top1", "top3", "top5", "macro_f1")}
    per_class = pd.DataFrame({
        "class": classes, "n": [9, 1_000, 10], "garments": 4, "precision": 0.5,
        "recall": [0.25, 0.5, 0.75], "f1": [0.1, np.nan, 0.05], "recall_low": 0.1,
        "recall_high": 0.9, "most_confused_with": [classes[1], "", classes[0]]})
    uri = page.jpeg(np.full((40, 30, 3), 200, np.uint8)) if pictures else ""
    mistakes = pd.DataFrame({
        "path": ["img/<i>.jpg", "b.jpg"], "true": classes[:2], "predicted": classes[1:],
        "probability": [0.9, 0.8], "probability_of_true": [0.05, 0.1], "picture": uri,
        "overlay": uri})
    pairs = pd.DataFrame({"true": classes[:2], "predicted": classes[1:], "n": [7, 1],
                          "share": [0.7, 0.001], "picture": uri})
    page.write(
        file, title=f"run {classes[0]} on test", per_class=per_class, pairs=pairs,
        mistakes=mistakes, matrix=np.array([[2, 7, 0], [0, 999, 1], [0, 0, 10]]),
        charts={"reliability": Figure(), "coverage": Figure()}, manifest=manifest, flags=flags,
        scores={**dict.fromkeys(page.HEADLINE, 0.6), **interval, "n": 1_019, "temperature": 0.7,
                "ece_at_temperature_1": 0.125, "interval_level": 0.95,
                "interval_method": "Wilson, <garments>", "interval_notes": {"top5": "<too> few"},
                "by_coverage": [{"coverage": 0.5, "threshold": 0.75, "pictures": 1_234,
                                 "precision": 0.8125, "low": None, "high": None}],
                "by_coverage_summary": "<u>half</u>",
                "warnings": ["<b>no</b> test"], "remarks": ["kept: <i>"],
                "by_garment": {"garments_by": "<items>", "note": "<none>"}})
    return file


class Parsed(html.parser.HTMLParser):
    """What a browser would make of a page: its tags, its text, its script."""

    def __init__(self, file):
        super().__init__()
        self.tags, self.text, self.scripts = [], "", []
        self.feed(file.read_text(encoding="utf-8"))
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.cdata_elem == "script":
            self.scripts.append(data)
        else:
            self.text += data


@pytest.fixture(scope="module")
def parsed(tmp_path_factory):
    return Parsed(write(tmp_path_factory.mktemp("page") / "report.html"))


def test_no_text_becomes_a_tag_or_a_script(parsed):
    ours = (ROOT / "fashionclf/evaluation/templates/report.js").read_text()
    assert parsed.scripts == [ours]
    assert not any(name.startswith("on") for _, attrs in parsed.tags for name in attrs)
    assert {tag for tag, _ in parsed.tags} <= {
        "html", "head", "meta", "title", "link", "style", "body", "header", "h1", "h2", "h3", "p",
        "nav", "a", "main", "dl", "div", "dt", "dd", "span", "i", "b", "table", "thead", "tbody",
        "tr", "th", "td", "img", "figure", "figcaption", "small", "section", "details", "summary",
        "pre", "footer", "script"}
    for text in [*EVIL, "img/<i>.jpg", "--run=<b>\\udcff", "--source_dir=</pre><script>",
                 "Wilson, <garments>", "0.500 to 0.700 <too> few",
                 "<b>no</b> test. kept: <i>."]:
        assert text in parsed.text


def test_nothing_is_fetched_and_only_its_own_script_may_run(parsed):
    for _, attrs in parsed.tags:
        for name in {"src", "href", "data", "action", "srcset"} & attrs.keys():
            assert attrs[name].startswith(("data:", "#"))
    policy = next(attrs["content"] for tag, attrs in parsed.tags
                  if attrs.get("http-equiv") == "Content-Security-Policy")
    digest = base64.b64encode(hashlib.sha256(parsed.scripts[0].encode()).digest()).decode()
    assert policy == ("default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
                      f"script-src 'sha256-{digest}'")


def test_every_link_leads_to_a_section(parsed):
    ids = {attrs["id"] for _, attrs in parsed.tags if "id" in attrs}
    links = {attrs["href"][1:] for tag, attrs in parsed.tags if tag == "a"}
    assert links == ids == {"classes", "by-class", "confusion", "calibration", "coverage",
                            "mistakes", "data", "flags"}


def test_the_page_shows_scores_errors_and_what_was_left_out(parsed):
    for text in [
            "accuracy 0.600 0.500 to 0.700", f"majority baseline 0.600 always predicting {EVIL[1]}",
            "0.125 at temperature 1", "1,019 pictures of 3 classes",
            f"P: {EVIL[1]} T: {EVIL[0]} confidence 0.900, true class 0.050",
            "Showing 2 of 408 errors: the most confident one of each garment, then second ones",
            "Of 100 photographs like these, the model names the right one of 3 classes for 60 "
            "(50 to 70)", f"{EVIL[0]} 9 2 7 {EVIL[1]} 1,000 999 1 {EVIL[2]} 10 10",
            f"{EVIL[0]} {EVIL[1]} 7 70.0%", "read 111", "quarantined: unusable picture 9",
            "dropped: in no class 2", "all classes 70 30", "items, train and test 0 4",
            "share of test pictures whose item is in train 0.000 0.875",
            "Records fingerprint: f00d"]:
        assert text in parsed.text


def test_the_matrix_is_shaded_by_the_share_of_the_row_and_says_each_count_in_words(parsed):
    cells = [attrs for tag, attrs in parsed.tags if tag == "td" and "title" in attrs]
    assert [cell["title"].rpartition(": ")[2] for cell in cells] == [
        "2 of 9", "7 of 9", "999 of 1,000", "1 of 1,000", "10 of 10"]
    assert cells[1]["title"].startswith(f"{EVIL[0]} classified as {EVIL[1]}: ")
    assert [cell["style"] for cell in cells[1:4]] == [
        "background:rgb(47 111 174/0.88);color:#fff", "background:rgb(47 111 174/1.00);color:#fff",
        "background:rgb(47 111 174/0.03)"]


def test_pictures_are_of_the_size_they_are_shown_at(parsed):
    pictures = [attrs for tag, attrs in parsed.tags if tag == "img"]
    assert len(pictures) == 2 + 2 + 4 and all(attrs["alt"] for attrs in pictures)
    chart = next(attrs for attrs in pictures if "width" in attrs)
    encoded = chart["src"].removeprefix("data:image/png;base64,")
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as drawn:
        assert drawn.width == 1.5 * int(chart["width"])
    assert reading.shrunk(np.zeros((900, 600, 3), np.uint8), page.SIDE).shape == (288, 192, 3)
    assert reading.shrunk(np.zeros((9, 6, 3), np.uint8), page.SIDE).shape == (9, 6, 3)


def test_without_manifest_flags_and_pictures_their_sections_are_left_out(tmp_path):
    parsed = Parsed(write(tmp_path / "report.html", manifest={}, flags="", pictures=False))
    ids = {attrs["id"] for _, attrs in parsed.tags if "id" in attrs}
    assert ids == {"classes", "by-class", "confusion", "calibration", "coverage", "mistakes"}
    assert len([tag for tag, _ in parsed.tags if tag == "img"]) == 2
    assert "Grad-CAM" not in parsed.text and f"P: {EVIL[1]} T: {EVIL[0]}" in parsed.text


def test_no_random_split_is_made_up_where_the_manifest_has_none(tmp_path):
    manifest = {"overlap": {"items, train and test": 3}, "dropped": {}}
    parsed = Parsed(write(tmp_path / "report.html", manifest=manifest))
    assert "shared these splits items, train and test 3 Flags" in parsed.text
    assert "rows number dropped 0" in parsed.text


@pytest.mark.parametrize("room", ["evaluation", "curation"])
def test_a_wheel_holds_whatever_the_package_holds_beside_code(room):
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    package = ROOT / "fashionclf" / room
    included = {file for pattern in config["options.package_data"][f"fashionclf.{room}"].split()
                for file in package.glob(pattern)}
    templates = set((package / "templates").iterdir())
    assert templates and templates <= included


ROWS = """table => [...table.tBodies[0].rows].map(row => row.cells[0].textContent).concat(
  [...table.tHead.rows[0].cells].map(heading => heading.getAttribute("aria-sort") || "").join(""))
"""


@pytest.mark.slow
def test_in_chromium_it_sorts_fits_a_phone_and_fetches_nothing(browser, tmp_path):
    zebra, tee, long = classes = ["Zebra suit", "Tee", "A" * 60]
    address = write(tmp_path / "report.html", classes=classes).as_uri()
    tab, asked = browser.new_page(viewport={"width": 390, "height": 800}), []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(address, wait_until="networkidle")
    assert [url for url in asked if not url.startswith("data:")] == [address]

    # Wide tables scroll in their own boxes, which say so, and keep the names of rows in sight
    width, room = tab.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width == room > 300
    cut = "boxes => boxes.map(box => [box.scrollWidth > box.clientWidth, box.matches('.cut')])"
    marked = tab.locator(".scroll").evaluate_all(cut)
    assert [True, True] in marked and [False, False] in marked
    assert all(wide == told for wide, told in marked)
    name = tab.locator("table.sortable tbody th").first
    before = name.bounding_box()["x"]
    tab.locator(".scroll").first.evaluate("box => box.scrollLeft = 90")
    assert name.bounding_box()["x"] == before

    table = tab.locator("table.sortable").first
    for column, order, direction in [
            (1, [zebra, long, tee], "ascending"), (1, [tee, long, zebra], "descending"),
            (7, [long, zebra, tee], "ascending"), (7, [zebra, long, tee], "descending"),
            (0, [long, tee, zebra], "ascending")]:
        table.locator("thead button").nth(column).click()
        assert table.evaluate(ROWS) == [*order, direction]
    tab.close()
