"""Every page of TensorBoard, opened in a browser on the logs of a training, shows our data."""
import importlib.util
import re
import signal
import urllib.request

import pytest

from tests.helpers.checks import succeed
from tests.helpers.programs import begin, wait_until
from tests.helpers.tiny import make_records

pytestmark = pytest.mark.slow  # a training, a server and a browser
PROFILED = importlib.util.find_spec("tensorboard_plugin_profile") is not None
SECONDS = 60
RUN = "winter_catalogue"
LAST_LETTER_SHOWS = """text => {
  const range = document.createRange();
  range.selectNodeContents(text);
  const box = range.getBoundingClientRect();
  return text.contains(document.elementFromPoint(box.right - 3, (box.top + box.bottom) / 2));
}"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with a training, as saved_models."""
    folder = tmp_path_factory.mktemp("pages")
    records = make_records(folder, per_class={"train": 8, "validation": 2, "test": 4})
    succeed("fashionclf.train", f"--records={records}", f"--run={folder / RUN}",
            "--architecture=baseline_cnn", "--weights=none", "--image_size=32", "--batch_size=8",
            "--head_epochs=2", "--fine_tune_epochs=3",
            *(["--profile_steps=2,3"] if PROFILED else []))
    return folder


@pytest.fixture(scope="module")
def address(runs):
    with begin("tensorboard.main", f"--logdir={runs}", "--port=0", "--host=localhost",
               "--reload_interval=1") as server:
        def address():
            return re.search(r"at (http://\S+?)/? ", server.outputs()[1])
        wait_until(address, server)
        yield address()[1]
        server.send_signal(signal.SIGTERM)  # so that it ends its own server too
        server.wait(timeout=60)


@pytest.mark.parametrize("page, texts", [
    ("timeseries", ["/class_distribution", "epoch/accuracy", RUN]),
    ("scalars", ["epoch/loss", f"{RUN}/tb/train"]),
    ("images", ["data/class_distribution", "test/confusion_matrix"]),
    ("text", ["test/classification_report", "macro avg"]),
    ("pr_curves", ["test/Red", "validation/Blue"]),
    ("hparams", [f"{RUN} (", "head_learning_rate", "test/accuracy", "test/macro_f1",
                 "test/calibration_error"]),
    ("projector", ["Points: 12", "Dimension: 128"]),
    pytest.param("profile", ["Sessions (2)", "Host Compute Time"], marks=pytest.mark.skipif(
        not PROFILED, reason="absent: pip install 'fashionclf[profile]'"))])
def test_the_page_shows_our_data(address, browser, tmp_path, page, texts):
    tab = browser.new_page(viewport={"width": 1500, "height": 1000})
    tab.goto(f"{address}/#{page}")
    for text in texts:
        await_text(tab, text)
    tab.screenshot(path=tmp_path / f"{page}.png")
    tab.close()


def test_no_run_is_cut_to_the_name_of_another(address, browser):
    tab = browser.new_page(viewport={"width": 1400, "height": 900})
    tab.goto(f"{address}/#timeseries")
    for name in ("kept", "report", "train", "validation"):
        listed = tab.locator("runs-data-table").get_by_text(f"{RUN}/tb/{name}", exact=True)
        listed.wait_for(timeout=SECONDS * 1000)
        assert listed.evaluate(LAST_LETTER_SHOWS)
    tab.close()


@pytest.mark.parametrize("what, suffix", [
    ("metadata", "tsv"), ("sprite_image", "png"), ("tensor", "bytes")])
def test_the_projector_is_served_what_was_written(address, runs, what, suffix):
    url = f"{address}/data/plugin/projector/{what}?run={RUN}/tb/report&name=test"
    written = runs / RUN / f"tb/report/projector_test.{suffix}"
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == written.read_bytes()


def await_text(tab, text):
    """Waits until `text` is to be seen on the page, in whichever frame."""
    for _ in range(2 * SECONDS):
        if any(frame.get_by_text(text).filter(visible=True).count() for frame in tab.frames):
            return
        tab.wait_for_timeout(500)
    pytest.fail(f"{text!r} is not to be seen within {SECONDS} seconds")
