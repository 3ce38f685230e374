"""LaTeX: names with their indices, numbers, fences."""

import pytest

from nnmat.calculus import derive, latex, matrix, parse, scalar, vector
from nnmat.calculus.notation.latex import LatexWriter
from nnmat.calculus.notation.names import GREEK


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("A", "A"),
        ("W1", "W_{1}"),
        ("N_in", "N_{in}"),
        ("x_0_1", r"x_{0\_1}"),
        ("Sigma2", r"\Sigma_{2}"),
        ("λ", r"\lambda"),
        ("rate", r"\mathit{rate}"),
        ("_", r"\mathit{\_}"),
        ("_x1", r"\mathit{\_x1}"),
    ],
)
def test_a_name(name, written):
    assert LatexWriter().symbol(name) == written
    assert latex(scalar(name)) == written


def test_every_greek_letter_in_either_spelling():
    for word, letter in GREEK.items():
        assert LatexWriter().symbol(word) == LatexWriter().symbol(letter) == "\\" + word


@pytest.mark.parametrize(
    "source",
    ["det(A @ B) * norm2(x) / 2", "(A + B) * inv(A).T", "x.T @ softmax(A @ x) / dim(floor(N/2))", "inner(A, B * B)"],
)
def test_delimiters_are_balanced(source):
    written = latex(parse(source, A=("N", "N"), B=("N", "N"), x=("N",)))
    assert written.count("{") == written.count("}")
    assert written.count(r"\left") == written.count(r"\right")


def test_the_bar_of_a_fraction_needs_no_parentheses():
    assert latex(parse("1 / (alpha * beta)")) == r"\frac{1}{\alpha \beta}"
    assert str(parse("1 / (alpha * beta)")) == "1/(α β)"


def test_the_name_of_a_gradient():
    d = derive(vector("x", "M").T @ matrix("A", "M", "N") @ vector("y", "N"), "A")
    assert LatexWriter().write(d.chain[-1].local) == r"x y^{\top}"
    assert LatexWriter().gradient_of("A1 f") == r"\nabla_{A_{1}} f"


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("(A + B) / 2", r"\frac{A + B}{2}"),
        ("-(A + B) / alpha", r"-\frac{A + B}{\alpha}"),
        ("(A + B) / (A - B)", r"\left(A + B\right) \oslash \left(A - B\right)"),
        ("conv(A, B) / 2", r"\frac{A \star B}{2}"),
        ("(A + B @ (A + B)) / alpha", r"\frac{\left(A + B \left(A + B\right)\right)}{\alpha}"),
    ],
)
def test_a_sum_above_a_bar_has_its_parentheses_once(source, written):
    e = parse(source, A=("N", "N"), B=("N", "N"))
    assert latex(e) == written
    assert "((" not in str(e)


def test_a_letter_has_one_index():
    """Two of them, as in A_{1}_{[...]}, are an error of LaTeX."""
    e = parse("A1[:2, :] + A2[1:3, :] + C[:2, :]", A1=("N", "N"), A2=("N", "N"), C=("N", "N"))
    assert latex(e) == r"{A_{1}}_{[0:2, :]} + {A_{2}}_{[1:3, :]} + C_{[0:2, :]}"
