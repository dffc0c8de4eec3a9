import gc
import os
import shutil
from pathlib import Path

import pytest

from fashionclf.system import quiet

SHARED = "FASHIONCLF_SHARED"  # names the folder of real photographs


def pytest_configure(config):
    """Loads TensorFlow before any test looks at what is printed, and only where tests run: the
    process that hands them out would keep the others waiting."""
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        with quiet.tensorflow_start():
            import tensorflow  # noqa: F401


@pytest.fixture
def shared() -> Path:
    """The folder of real photographs and annotation; by default beside the checkout."""
    folder = Path(os.environ.get(SHARED) or Path(__file__).resolve().parents[2] / "shared")
    if not folder.is_dir():
        pytest.skip(f"real data is tested where {SHARED} names its folder: {folder} is absent")
    return folder


@pytest.fixture(scope="module")
def browser():
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser",
                                                    "google-chrome"))), None)
    if not chromium:
        pytest.skip("no Chromium is in PATH: pages are opened where it is there")
    sync_api = pytest.importorskip("playwright.sync_api",
                                   reason="playwright is absent: pip install 'fashionclf[dev]'")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--enable-unsafe-swiftshader"])
        yield opened
        opened.close()


def pytest_collection_modifyitems(config, items):
    """Leaves drills out unless -m names them: another -m would replace one in setup.cfg.

    The tests of the documents, which take longest, come first: last, they would keep one process
    busy alone.
    """
    items.sort(key=lambda item: item.path.name != "test_docs.py")
    if "drill" in config.getoption("markexpr", ""):
        return
    drills = [item for item in items if item.get_closest_marker("drill")]
    config.hook.pytest_deselected(items=drills)
    items[:] = [item for item in items if not item.get_closest_marker("drill")]


def pytest_collection_finish():
    """Exempts what the imports left from the collector's passes: a tenth of the time of tracing."""
    gc.collect()
    gc.freeze()
