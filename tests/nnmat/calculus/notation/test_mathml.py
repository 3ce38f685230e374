"""MathML: well formed, nothing lost, refused where it is not our LaTeX."""

import re
from xml.etree import ElementTree

import pytest

from nnmat.calculus import parse
from nnmat.calculus.notation.latex import LatexWriter
from nnmat.calculus.notation.mathml import mathml
from tests.nnmat.calculus.generator import OPERATORS, PLACES, Generator


def seen(formula: str) -> str:
    """What a reader sees, without spaces; raises if it is not well formed."""
    return re.sub(r"\s", "", "".join(ElementTree.fromstring(formula).itertext()))


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("x.T @ A @ y", "x⊤Ay"),
        ("inv(A).T", "A−⊤"),
        ("A * B / 2", "A⊙B2"),
        ("log(alpha) + norm2(x)", "log(α)+‖x‖"),
        ("kron(A, B)", "A⊗B"),
        ("sigmoid(W1 @ x)", "σ(W1x)"),
        ("rate * sum(A)", "ratesum(A)"),
    ],
)
def test_what_is_seen(source, shown):
    e = parse(source, A=("N", "N"), B=("N", "N"), x=("N",), rate=())
    assert seen(mathml(LatexWriter().write(e))) == shown


def test_indices_and_powers_stand_below_and_above():
    written = mathml(r"W_{1}^{\top}")
    assert written == (
        "<math><mrow><msubsup><mi>W</mi><mrow><mn>1</mn></mrow><mrow><mi>⊤</mi></mrow></msubsup></mrow></math>"
    )
    assert "<mfrac>" in mathml(r"\frac{1}{N}")


def test_signs_of_markup_are_escaped():
    assert seen(mathml(r"a < b")) == "a<b"
    assert "<b>" not in mathml(r"\text{<b>}")


@pytest.mark.parametrize("wrong", [r"\frac{a", r"\left(a", r"\unknown{a}", "a^b", "§", r"\text{a"])
def test_other_latex_is_refused(wrong):
    with pytest.raises(ValueError, match="mathml: expected"):
        mathml(wrong)


@pytest.mark.parametrize("op", OPERATORS)
def test_every_operator_keeps_its_letters(op):
    """The names that the LaTeX has are those that the page shows."""
    made = Generator(3)
    for place in PLACES:
        e = made.sample(op, place)[0]
        w = LatexWriter()
        body, meanings = w.page(e)
        for formula in (body, *(m for _, m in meanings)):
            names = re.findall(r"(?<![\\a-zA-Z{])[A-Za-z](?![a-zA-Z])", re.sub(r"\\[a-z]+\{[^}]*\}", " ", formula))
            shown = seen(mathml(formula))
            for name in names:
                assert shown.count(name) >= 1
