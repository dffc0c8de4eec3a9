"""The page to try a run on, in a browser where Gradio and Chromium are installed."""
import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fashionclf.deployment import demo_page, engines, visual_search
from fashionclf.deployment.demo_looks import Looker
from fashionclf.pictures.files import Picture
from tests.helpers.programs import begin, wait_until
from tests.helpers.tiny import CLASSES, frame, make_spec, save_run

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
CUT = """boxes => boxes.filter(box => box.scrollWidth > box.clientWidth ||
  box.scrollHeight > box.clientHeight + 1).map(box => box.textContent)"""


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    return save_run(tmp_path_factory.mktemp("demo"), make_spec(framing=frame(32, 0.1))).folder


@pytest.fixture
def picture(tmp_path):
    file = tmp_path / "red.png"
    Image.fromarray(np.full((90, 60, 3), (200, 30, 30), np.uint8)).save(file)
    return file


def test_a_look_gives_classes_the_picture_and_where_the_first_was_seen(run_dir, picture):
    pytest.importorskip("faiss", reason="needs pip install 'fashionclf[demo]'")
    looker = Looker(run_dir, None)
    seen = looker.look(picture.read_bytes())
    assert set(seen.classes) == set(CLASSES)
    assert list(seen.classes.values()) == sorted(seen.classes.values(), reverse=True)
    assert seen.picture.shape == looker.heat_map(picture.read_bytes()).shape == (90, 60, 3)
    assert seen.neighbours == []


def test_a_file_that_is_not_a_picture_is_refused_with_the_reason(run_dir):
    with pytest.raises(ValueError, match="not a picture"):
        Looker(run_dir, None).look(b"%PDF-1.7")


def test_without_gradio_the_cure_is_named(run_dir, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(ValueError, match=r"pip install '.*\[demo\]'"):
        demo_page.build(Looker(run_dir, None), "x")


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed")
def test_the_page_shows_classes_in_a_browser_and_asks_no_other_host(run_dir, picture, tmp_path):
    pytest.importorskip("gradio", reason="needs pip install 'fashionclf[demo]'")
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    (tmp_path / "letter.txt").write_text("no picture")
    url = "http://127.0.0.1:7893/"
    with begin("fashionclf.demo", f"--run={run_dir}", "--port=7893") as server:
        wait_until(lambda: url in "".join(server.outputs()), server)
        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            tab, asked = browser.new_page(viewport={"width": 1280, "height": 1000}), []
            tab.on("request", lambda request: asked.append(request.url))
            tab.goto(url)
            tab.set_input_files("input[type=file]", picture)
            tab.wait_for_selector(f"text=/{'|'.join(CLASSES)}/")
            if folder := os.environ.get("FASHIONCLF_SCREENSHOTS"):
                tab.screenshot(path=Path(folder) / "demo_test.png", full_page=True)
            tab.reload()
            tab.set_input_files("input[type=file]", tmp_path / "letter.txt")
            tab.wait_for_selector("text=/can't be used: not a picture/")
            browser.close()
    assert asked and all(x.startswith((url, "data:", "blob:")) for x in asked)


@pytest.fixture
def index_dir(run_dir, tmp_path):
    """An index of pictures of one name, in folders of long names."""
    pytest.importorskip("faiss", reason="needs pip install 'fashionclf[demo]'")
    files = [tmp_path / f"winter_catalogue_{number}" / "front_of_the_garment.png"
             for number in range(8)]
    for number, file in enumerate(files):
        file.parent.mkdir()
        Image.fromarray(np.full((90, 60, 3), (200, 30 * number, 30), np.uint8)).save(file)
    run = engines.load(run_dir, "tensorflow")
    described = visual_search.Describer(run, batch_size=8).files(
        [Picture(path=str(file), root="/") for file in files], [{"path": str(x)} for x in files])
    visual_search.build(tmp_path / "index", described, run, root="/", records_dir=None,
                        approximate=None)
    return tmp_path / "index"


def test_similar_pictures_are_told_apart_by_their_captions(run_dir, picture, index_dir):
    captions = [caption for _, caption in Looker(run_dir, str(index_dir)).look(
        picture.read_bytes()).neighbours]
    assert sorted(caption.rpartition("  ")[2] for caption in captions) == [
        f"winter_catalogue_{number}/front_of_the_garment.png" for number in range(8)]
    assert all(re.match(r"\d\.\d\d  predicted (Red|Green|Blue)  ", x) for x in captions)


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed")
def test_on_a_telephone_nothing_is_cut(run_dir, picture, index_dir):
    pytest.importorskip("gradio", reason="needs pip install 'fashionclf[demo]'")
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    url = "http://127.0.0.1:7894/"
    flags = [f"--run={run_dir}", f"--index={index_dir}", "--port=7894"]
    with begin("fashionclf.demo", *flags) as server:
        wait_until(lambda: url in "".join(server.outputs()), server)
        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            tab = browser.new_page(viewport={"width": 400, "height": 900})
            tab.goto(url)
            tab.set_input_files("input[type=file]", picture)
            tab.wait_for_selector(".caption-label")
            cut = tab.locator(".caption-label, .grid-wrap, .confidence-set").evaluate_all(CUT)
            width = tab.evaluate("document.documentElement.scrollWidth")
            browser.close()
    assert cut == [] and width == 400
