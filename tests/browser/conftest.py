"""Pages looked at in a real browser, without a window. Needs the extra `browser` and Chromium (`make browser`)."""

import importlib
import importlib.util
import os
import shutil

import pytest

QUIET = ["--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update"]
QUIET += ["--disable-sync", "--no-first-run", "--no-sandbox"]  # as root there is no sandbox; it sees these pages only


class Looked:
    """A page of a browser, and what it complained of: errors in its console, requests to other addresses."""

    def __init__(self, page, home: str):
        self.page, self.home = page, home
        self.errors: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    def elsewhere(self) -> list[str]:
        """The addresses that were asked for and are not the page's own."""
        return [url for url in self.requests if not url.startswith((self.home, "data:"))]


@pytest.fixture(scope="session")
def browser():
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if importlib.util.find_spec("playwright") is None or program is None:
        asked = os.environ.get("NNMAT_BROWSER")
        (pytest.fail if asked else pytest.skip)("needs the extra 'browser', and Chromium on the PATH: make browser")
    api = importlib.import_module("playwright.sync_api")
    with api.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=program, args=QUIET)
        yield running
        running.close()


@pytest.fixture
def look(browser):
    """Opens an address in a window of some width; the page with its complaints."""
    contexts = []

    def opened(url: str, home: str, width: int = 1200) -> Looked:
        context = browser.new_context(viewport={"width": width, "height": 900})
        contexts.append(context)
        looked = Looked(context.new_page(), home)
        looked.page.goto(url)
        return looked

    yield opened
    for context in contexts:
        context.close()
