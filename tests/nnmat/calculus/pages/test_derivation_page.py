"""The page of a derivation: complete, well formed, of bounded size, with nothing to fetch."""

import re
from xml.etree import ElementTree

import pytest

from nnmat.calculus import derive, exp, matrix, parse, tanh, vector
from nnmat.calculus import sum as total
from nnmat.calculus.errors import UnverifiedError
from nnmat.calculus.pages.derivation_page import cell, fragment, page, static


@pytest.fixture(scope="module")
def d():
    h = parse("inv(B) @ z + b", z=("M",), b=("M",))
    return derive(parse("x.T @ A @ sigmoid(h)", {"h": h}, A=("N", "M"), x=("N",)), "B")


def article(text: str) -> ElementTree.Element:
    """The article as a tree: HTML that is XML, too."""
    return ElementTree.fromstring(text.replace("&nbsp;", " "))


def test_every_step_has_its_law_and_the_next_ones_part_is_marked(d):
    tree = article(fragment(d))
    laws = [b.text for b in tree.iter("b")]
    assert {"LAW-2", "LAW-5", "LAW-8", "DEF-6", "TR-4b"} <= set(laws)
    marked = [m for m in tree.iter("mrow") if m.get("class") == "on"]
    assert len(marked) >= 8
    assert any("".join(m.itertext()) == "B−1" for m in marked)  # the inverse, on which LAW-5 works next


def test_the_page_needs_no_network_and_says_how_it_was_checked(d):
    text = d.to_html()
    assert not re.search(r"""(src|href)=["'](?!data:)""", text)
    assert "url(" not in text
    assert "steps checked at 3 random points, largest relative error" in text
    assert "∇" in text
    assert d.to_python().splitlines()[-1].split("=")[0].strip() in text


def test_a_wrong_gradient_gives_no_page(d):
    wrong = derive(d.root, "B")
    wrong.gradient = -wrong.gradient
    with pytest.raises(UnverifiedError):
        wrong.to_html()


def test_the_code_that_numpy_has_no_form_of_is_said(d, monkeypatch):
    from nnmat.calculus.errors import NotDerivable
    from nnmat.calculus.pages import derivation_page

    def refused(record):
        raise NotDerivable(record.root, "no form in NumPy")

    monkeypatch.setattr(derivation_page, "numpy_code", refused)
    assert "# derive: no form in NumPy" in page(d)


def test_a_notebook_shows_the_article(d):
    shown = d._repr_html_()
    assert shown.endswith(fragment(d))
    assert shown == cell(d)
    rules = [line.partition("{")[0] for line in static("notebook.css").splitlines() if "{" in line]
    assert all(part.strip().startswith(".derivation") for rule in rules for part in rule.split(","))  # of it alone
    assert ".derivation .copy { display: none; }" in shown


def test_deep_and_wide_functions_have_short_pages():
    v = vector("v", "N")
    e = v
    for _ in range(60):
        e = tanh(e * 0.5 + v)
    assert len(fragment(derive(total(e), "v", check=False))) < 1_000_000
    A, x = matrix("A", "N", "N", symmetric=True), vector("x", "N")
    f = sum((exp(x.T @ A @ x * (k + 1)) for k in range(100)), start=x.T @ x)
    assert len(fragment(derive(f, "x", check=False))) < 1_000_000


def test_files_of_the_folder_are_there():
    assert "math .on" in static("style.css")
    assert "clipboard" in static("copying.js")
