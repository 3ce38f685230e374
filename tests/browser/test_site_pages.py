"""The documentation site, which `make site` builds: from a file and from a server, on a desk and on a telephone."""

import functools
import http.server
import os
import threading
from pathlib import Path

import pytest

SITE = Path(__file__).resolve().parents[2] / "build" / "site"


@pytest.fixture(scope="module")
def site():
    if not (SITE / "index.html").is_file():
        (pytest.fail if os.environ.get("NNMAT_BROWSER") else pytest.skip)("needs the site: make site")
    return SITE


@pytest.fixture(scope="module")
def address(site):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def widest(seen):
    return seen.page.evaluate("document.documentElement.scrollWidth")


@pytest.mark.parametrize("width", [1300, 390])
def test_every_page_fits_and_complains_of_nothing(look, site, width):
    pages = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html") if path.name != "404.html")
    assert len(pages) >= 50
    home = site.as_uri()
    seen = look(f"{home}/index.html", home, width)
    wide = []
    for page in pages:
        seen.page.goto(f"{home}/{page}")
        if widest(seen) > width:
            wide.append(page)
    assert wide == []
    assert (seen.errors, seen.elsewhere()) == ([], [])


def found(seen, words):
    """The addresses that the search offers."""
    seen.page.keyboard.press("/")
    seen.page.wait_for_selector("text=Type to start searching")
    seen.page.keyboard.type(words)
    seen.page.wait_for_selector("text=matching document")
    links = seen.page.locator(".md-search-result__item a").all()
    return [link.get_attribute("href").partition("?")[0] for link in links]


def test_search_from_a_server(look, address):
    seen = look(f"{address}index.html", address)
    assert any(url.endswith("reference/convolution.html") for url in found(seen, "ConvTranspose2d"))
    assert (seen.errors, seen.elsewhere()) == ([], [])


def test_search_from_a_file(look, site):
    home = site.as_uri()
    seen = look(f"{home}/index.html", home)
    assert any(url.endswith("reference/convolution.html") for url in found(seen, "ConvTranspose2d"))
    assert (seen.errors, seen.elsewhere()) == ([], [])


def test_pictures_of_notebooks_are_shown(look, address):
    seen = look(f"{address}notebooks/first_network.html", address)
    pictures = seen.page.locator("article img")
    assert pictures.count() >= 4
    assert all(picture.evaluate("e => e.naturalWidth") > 100 for picture in pictures.all())
    assert (seen.errors, seen.elsewhere()) == ([], [])


def test_a_telephone_reaches_every_page(look, address):
    seen = look(f"{address}index.html", address, 390)
    seen.page.click("label[for=__drawer] >> visible=true")
    seen.page.click("nav.md-nav--primary >> text=How to >> visible=true")
    seen.page.click("nav.md-nav--primary >> text=Train faster >> visible=true")
    seen.page.wait_for_selector("h1:has-text('Train faster')")
    assert (seen.errors, seen.elsewhere()) == ([], [])
