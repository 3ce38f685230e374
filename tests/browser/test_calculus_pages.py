"""`nnmat serve` and `nnmat derive --format html` as their users see them: no error, no request to another address."""

import threading

import pytest

from nnmat.calculus import derive, parse
from nnmat.calculus.serving.server import CalculusServer


@pytest.fixture(scope="module")
def address():
    with CalculusServer() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.address
        server.shutdown()


def test_a_derivation(look, address):
    seen = look(address, address)
    seen.page.fill("[name=expression]", "norm2(X @ w - t)**2")
    seen.page.fill("[name=wrt]", "w")
    seen.page.click("text=Derive")
    seen.page.wait_for_selector(".gradient math")
    assert "LAW-2" in seen.page.inner_text("section.steps")
    assert "steps checked at 3 random points" in seen.page.inner_text("section.evidence")
    assert seen.page.locator("math .on").count() > 0
    box = seen.page.locator(".gradient math").last.bounding_box()
    assert box["width"] > 50
    assert box["height"] > 10
    assert (seen.errors, seen.elsewhere()) == ([], [])


def test_every_example_is_derived(look, address):
    seen = look(address, address)
    options = seen.page.locator("#example option").count() - 1
    assert options >= 5
    for at in range(options):
        seen.page.select_option("#example", str(at))
        seen.page.wait_for_selector("form:not([aria-busy])")
        seen.page.wait_for_selector(".gradient math")
        assert not seen.page.is_visible("#error"), seen.page.inner_text("#error")
    assert (seen.errors, seen.elsewhere()) == ([], [])


def test_wrong_input_is_named_with_its_place(look, address):
    seen = look(address, address)
    seen.page.fill("[name=expression]", "x.T @ ) A")
    seen.page.fill("[name=wrt]", "A")
    seen.page.click("text=Derive")
    seen.page.wait_for_selector("#error:visible")
    assert "column 7" in seen.page.inner_text("#error")
    assert seen.page.inner_html("#result") == ""
    assert (seen.errors, seen.elsewhere()) == ([], [])


def test_an_open_shape_is_asked_for_and_its_answer_used(look, address):
    seen = look(address, address)
    seen.page.fill("[name=expression]", "lam * norm2(w)**2 + sum(a * b)")
    seen.page.fill("[name=wrt]", "a")
    seen.page.click("text=Derive")
    seen.page.wait_for_selector("#error:visible, .gradient")
    if seen.page.is_visible("#error"):
        seen.page.wait_for_selector("#asks input")
        for box in seen.page.locator("#asks input").all():
            box.fill("1")
        seen.page.click("text=Derive")
    seen.page.wait_for_selector(".gradient math")
    assert not seen.page.is_visible("#error")
    assert (seen.errors, seen.elsewhere()) == ([], [])


def test_what_is_typed_never_becomes_a_part_of_the_page(look, address):
    seen = look(address, address)
    seen.page.fill("[name=expression]", "<img src=x onerror=alert(1)>")
    seen.page.fill("[name=wrt]", "<b>x</b>")
    seen.page.click("text=Derive")
    seen.page.wait_for_selector("#error:visible")
    assert seen.page.locator("#error img, #result img, #asks b").count() == 0
    assert (seen.errors, seen.elsewhere()) == ([], [])


@pytest.mark.parametrize("width", [1200, 390])
def test_nothing_is_wider_than_the_window(look, address, width):
    seen = look(address, address, width)
    seen.page.select_option("#example", "4")
    seen.page.wait_for_selector(".gradient math")
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_server_that_is_gone_is_said(look):
    with CalculusServer() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        seen = look(server.address, server.address)
        server.shutdown()
    seen.page.fill("[name=expression]", "x.T @ x")
    seen.page.fill("[name=wrt]", "x")
    seen.page.click("text=Derive")
    seen.page.wait_for_selector("#error:visible")
    assert "does not answer" in seen.page.inner_text("#error")


def test_a_page_in_a_file_needs_nothing_else(look, tmp_path):
    d = derive(parse("x.T @ A @ sigmoid(inv(B) @ z + b)", x=("M",), A=("M", "N")), "B")
    path = tmp_path / "derivation.html"
    path.write_text(d.to_html(), encoding="utf-8")
    seen = look(path.as_uri(), path.as_uri())
    assert seen.page.locator("math").count() > 20
    assert seen.page.locator("math .on").count() > 5
    assert "def gradient" in seen.page.locator("details.code code").last.text_content()
    assert (seen.errors, seen.elsewhere()) == ([], [])


def test_a_wrong_line_is_named(look, address):
    seen = look(address, address)
    seen.page.select_option("#example", "1")
    seen.page.wait_for_selector("#grading:visible")
    for lines, kind in (
        ("df = 2 * (X @ w - t).T @ X @ dw\ngradient = 2 * X @ (X @ w - t)", "wrong"),
        ("df = 2 * (X @ w - t).T @ X @ dw\ngradient = 2 * X.T @ (X @ w - t)", "right"),
    ):
        seen.page.fill("[name=lines]", lines)
        seen.page.click("#sheet button")
        seen.page.wait_for_selector(f"#verdict.{kind}")
        assert ("line 2" in seen.page.inner_text("#verdict")) == (kind == "wrong")
    assert (seen.errors, seen.elsewhere()) == ([], [])
