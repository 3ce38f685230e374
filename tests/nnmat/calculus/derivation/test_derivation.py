"""The face of a record: it prints and checks itself."""

import pytest

from nnmat.calculus import Derivation, UnverifiedError, derive, inv, let, matrix, norm2, parse, sigmoid, vector
from nnmat.calculus.language.expr import mul, number
from nnmat.calculus.records.record import Record
from nnmat.calculus.records.report import latex_report, report


@pytest.fixture
def derivation():
    return derive(parse("x.T @ S @ sin(x)", S=matrix("S", "N", "N", symmetric=True)), "x")


def test_a_derivation_is_a_record_that_prints_itself(derivation):
    assert isinstance(derivation, Derivation)
    assert issubclass(Derivation, Record)
    assert str(derivation) == derivation.to_text() == report(derivation)
    assert derivation.to_text(full=True) == report(derivation, full=True) != str(derivation)
    assert derivation._repr_latex_() == derivation.to_latex() == latex_report(derivation)
    assert derivation.to_latex(full=True) == latex_report(derivation, full=True)


def test_check_is_the_largest_error_of_all_lines(derivation):
    assert 0 < derivation.check(trials=1, seed=1) <= derivation.check(trials=4, seed=1) < 1e-6
    assert derivation.check(seed=3) == derivation.check(seed=3)


def test_check_finds_a_gradient_that_was_changed(derivation):
    derivation.gradient = mul(number(2), derivation.gradient)
    with pytest.raises(UnverifiedError, match="expected the derivative"):
        derivation.check()


def test_at_the_prompt_stands_the_chain():
    h = let("h_", matrix("A", "M", "N") @ vector("x", "N"))
    assert repr(derive(norm2(h) ** 2, "x")) == "∇_h_ f = 2 h_\n∇_x f = Aᵀ(∇_h_ f)"
    deep = vector("x", "N")
    for k in range(40):
        deep = let(f"y{k}", sigmoid(deep))
    text = repr(derive(norm2(deep) ** 2, "x", check=False))
    assert len(text.splitlines()) == 22
    assert "... 20 more" in text


def test_a_differential_ends_in_latex():
    B = matrix("B", "N", "N")
    text = derive(vector("x", "N").T @ inv(B) @ vector("z", "N"), "B").to_latex()
    assert r"B^{-1} \mathrm{d}B \, B^{-1}" in text
    assert r"& B\ (N, N),\ x\ (N),\ z\ (N)" in text
