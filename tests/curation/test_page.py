"""The label page: one file whose every text is escaped, what to decide first on top."""
import base64
import hashlib
import html.parser
import io
import json

import numpy as np
import pytest
from PIL import Image

from fashionclf.curation import page
from fashionclf.curation.cards import Card
from tests.helpers.programs import ROOT

EVIL = "</script><script>alert(1)</script>\"' & \udcff\n🧥,.jpg"


def card(path, **more):
    pixels = np.full((300, 200, 3), 128, np.uint8)
    return Card(path=path, digest=hashlib.sha256(path.encode("utf-8", "replace")).hexdigest(),
                pixels=lambda: pixels, **more)


class Parsed(html.parser.HTMLParser):
    """What a browser would make of a page: its tags, and the contents of its scripts."""

    def __init__(self, file):
        super().__init__()
        self.tags, self.scripts = [], []
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.scripts += [""] if tag == "script" else []

    def handle_data(self, text):
        if self.cdata_elem == "script":
            self.scripts[-1] += text

    @property
    def data(self):
        return json.loads(self.scripts[0])


def written(folder, cards, **more):
    options = {"title": "Labels", "classes": ["Tee", "Dress"], "summary": "of 1: 1"} | more
    left_out = page.write(folder / "labels.html", cards, **options)
    return Parsed(folder / "labels.html"), left_out


def test_no_text_becomes_a_tag_and_only_its_own_script_may_run_and_nothing_be_fetched(tmp_path):
    parsed, _ = written(tmp_path, [card(EVIL, suggested=EVIL, reasons=(EVIL,), group=EVIL)],
                        title=EVIL, classes=[EVIL], summary=EVIL)
    assert len(parsed.scripts) == 3 and {tag for tag, _ in parsed.tags} <= {
        "html", "head", "meta", "title", "link", "style", "body", "header", "h1", "p", "details",
        "summary", "kbd", "noscript", "div", "label", "select", "input", "output", "button",
        "dialog", "script"}
    assert parsed.data["cards"][0][0] == EVIL.replace("\udcff", "\\udcff")
    assert not any(name.startswith("on") for _, attrs in parsed.tags for name in attrs)
    for _, attrs in parsed.tags:
        assert not {"src", "srcset", "action"} & attrs.keys()
        assert attrs.get("href", "data:,") == "data:,"

    ours = "\n".join((ROOT / f"fashionclf/curation/templates/{name}").read_text()
                     for name in page.SCRIPTS)
    digest = base64.b64encode(hashlib.sha256(ours.encode()).digest()).decode()
    policy = next(attrs["content"] for _, attrs in parsed.tags if "content" in attrs)
    assert parsed.scripts[1] == ours and policy == (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'")


def test_what_to_decide_comes_first_with_its_group_then_what_is_unusable_then_class_by_class(
        tmp_path):
    cards = [card("sure", suggested="Dress", probability=0.9),
             card("less", suggested="Dress", probability=0.5), card("none"),
             card("other", given="Hat"), card("tee", given="Tee", suggested="Dress"),
             card("low", reasons=("a",), priority=1, group="g"), card("high", reasons=("b",),
                                                                      priority=2),
             card("beside", group="g"), card("bad", error="empty file", reasons=("c",)),
             card("top", reasons=("d",), priority=3, group="g")]
    parsed, left_out = written(tmp_path, cards)
    assert [row[0] for row in parsed.data["cards"]] == [
        "top", "low", "beside", "high", "bad", "tee", "less", "sure", "other", "none"]
    assert parsed.data["sections"] == [
        ["To decide", 4], ["Can't be used", 1], ["Tee", 1], ["Dress", 2], ["Hat", 1],
        ["Without a class", 1]] and left_out == 0


def test_of_too_many_pictures_the_least_probable_are_shown_and_the_page_says_so(
        tmp_path, monkeypatch):
    monkeypatch.setattr(page, "MOST", 3)
    cards = [card(str(number), suggested="Tee", probability=number / 10) for number in range(6)]
    parsed, left_out = written(tmp_path, [*cards[::-1], card("ask", reasons=("a",))])
    assert [row[0] for row in parsed.data["cards"]] == ["ask", "0", "1"] and left_out == 4
    assert "shows 3 of 7 pictures" in (tmp_path / "labels.html").read_text()


def test_thumbnails_are_in_the_order_of_the_cards_and_smaller_where_they_are_many(
        tmp_path, monkeypatch):
    monkeypatch.setattr(page, "SHEET", 2)
    cards = [card(str(number), given="Tee") for number in range(3)]
    cards[1] = Card(path="gone", digest="", pixels=lambda: "missing file", given="Tee")
    for few, side in ((3, 192), (2, 112)):
        monkeypatch.setattr(page, "FEW", few)
        parsed, _ = written(tmp_path, cards)
        sheets = [json.loads(text) for text in parsed.scripts[2:]]
        assert [[bool(thumbnail) for thumbnail in sheet] for sheet in sheets] == [
            [True, False], [True]]
        with Image.open(io.BytesIO(base64.b64decode(sheets[0][0]))) as image:
            assert image.size == (round(side / 1.5), side)


@pytest.fixture
def tab(browser):
    opened = browser.new_context(accept_downloads=True, viewport={"width": 400, "height": 800}
                                 ).new_page()
    opened.on("pageerror", lambda error: pytest.fail(str(error)))
    yield opened
    opened.context.close()


def saved(tab):
    with tab.expect_download() as download:
        tab.click("#save")
    return download.value.path().read_text(encoding="utf-8")


@pytest.mark.slow
def test_decisions_outlive_a_reload_are_undone_and_load_again_from_their_csv(tab, tmp_path):
    names = [EVIL.replace("\udcff", ""), *"abcdefgh"]
    written(tmp_path, [card(name, given="Tee", suggested="Dress", reasons=("differs",))
                       for name in names])
    tab.goto((tmp_path / "labels.html").as_uri())
    for key in ("y", "1", "d", "ArrowRight", "u", "w"):
        tab.keyboard.press(key)
    tab.keyboard.type("dre")
    tab.keyboard.press("Enter")
    for number in (3, 4):
        tab.click(f"#card{number} .corner")
    tab.keyboard.press("s")
    text = saved(tab)
    digest = {name: card(name).digest for name in names}
    key = digest["c"][:12]
    path = '"' + names[0].replace('"', '""') + '"'
    assert text == (
        f"path,digest,decision,class,group\n{path},{digest[names[0]]},right,Tee,\n"
        f"a,{digest['a']},wrong,Dress,\nb,{digest['b']},wrong,Dress,\n"
        f"c,{digest['c']},same,,{key}\nd,{digest['d']},same,,{key}\n")
    assert "5 decisions (1 right, 2 wrong, 2 same); 4 left" in tab.text_content("#count")

    tab.reload()
    assert saved(tab) == text
    tab.evaluate("localStorage.clear()")
    tab.reload()
    assert "0 decisions" in tab.text_content("#count")
    (tmp_path / "decisions.csv").write_text(text + f"z,,drop,,\na,{key},drop,,\n")
    tab.set_input_files("#load", tmp_path / "decisions.csv")
    tab.get_by_text("7 decisions read; 1 are of pictures that this page doesn't show; 1 are of "
                    "pictures that have changed since").wait_for()
    assert saved(tab) == text


@pytest.mark.slow
def test_without_storage_it_says_that_it_keeps_nothing_and_warns_before_it_is_closed(tab, tmp_path):
    written(tmp_path, [card("a", given="Tee"), card("b", given="Tee")])
    tab.add_init_script("Storage.prototype.setItem = Storage.prototype.getItem = () => { throw 1 }")
    tab.goto((tmp_path / "labels.html").as_uri())
    assert tab.locator("#storage").is_visible()
    tab.keyboard.press("y")
    asked = []
    tab.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    tab.reload()
    assert asked == ["beforeunload"] and "0 decisions" in tab.text_content("#count")


@pytest.mark.slow
def test_on_a_phone_all_is_in_reach_of_a_thumb_and_what_is_out_of_sight_is_not_decided(
        tab, tmp_path):
    written(tmp_path, [card(str(number), given="Tee", suggested="Dress", alternatives=("Hat",),
                            group="g" if number < 2 else None, priority=-number, reasons=("a",))
                       for number in range(60)])
    tab.goto((tmp_path / "labels.html").as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth == innerWidth")
    for button in tab.locator("#choices button:visible, #tools button, .corner").all():
        box = button.bounding_box()
        assert box["height"] >= 44 and box["width"] >= 44
    assert tab.locator(".card").count() < 20

    tab.get_by_role("button", name="Same garment").click()
    tab.evaluate("scrollTo(0, document.body.scrollHeight)")
    tab.locator("#card59").wait_for()
    tab.keyboard.press("d")
    assert tab.text_content("#count").startswith("2 decisions (2 same)")
    tab.keyboard.press("d")  # now that the picture is in sight again
    assert tab.text_content("#count").startswith("3 decisions (1 dropped, 2 same)")
