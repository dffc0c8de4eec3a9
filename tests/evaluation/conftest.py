import shutil

import pytest


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
