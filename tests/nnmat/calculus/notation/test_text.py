"""Formulas: parentheses, numbers, sizes, in text and in LaTeX."""

import re

import numpy as np
import pytest

from nnmat.calculus import ShapeError, derive, diag, diagm, evaluate, latex, matrix, parse, text, vector
from tests.nnmat.calculus.generator import OPERATORS, PLACES, Generator


@pytest.mark.parametrize(
    ("source", "plain", "tex"),
    [
        ("A * (B @ C)", "A ⊙ (BC)", r"A \odot \left(B C\right)"),
        ("(A * B) @ C", "(A ⊙ B)C", r"\left(A \odot B\right) C"),
        ("-(A + B) @ C", "-(A + B)C", r"-\left(A + B\right) C"),
        ("(A + B).T", "(A + B)ᵀ", r"\left(A + B\right)^{\top}"),
        ("inv(A).T", "A⁻ᵀ", r"A^{-\top}"),
        ("inv(A @ B)", "(AB)⁻¹", r"\left(A B\right)^{-1}"),
        ("x @ y.T", "x yᵀ", r"x y^{\top}"),
        ("A / 2 - B * 3", "A/2 - 3 B", r"\frac{A}{2} - 3 B"),
        ("(1 - A) * A", "(1 - A) ⊙ A", r"\left(1 - A\right) \odot A"),
        ("A / B", "A ⊘ B", r"A \oslash B"),
        ("A / B / det(C)", "(A ⊘ B)/|C|", r"\frac{A \oslash B}{\left|C\right|}"),
        ("1 / A / det(C)", "A^⊙(-1)/|C|", r"\frac{A^{\odot -1}}{\left|C\right|}"),
        ("3 / alpha / A", "(3/α) A^⊙(-1)", r"\left(\frac{3}{\alpha}\right) A^{\odot -1}"),
        ("-2 / A / B", "-2 A^⊙(-1) ⊘ B", r"-2 A^{\odot -1} \oslash B"),
        ("A - 2 * 0.5 * 1", "A - 1", "A - 1"),
        ("-1 * (1 * 1)", "-1", "-1"),
        ("frobenius(A) ** 2", "‖A‖²", r"\left\|A\right\|^{2}"),
        ("alpha * A", "α A", r"\alpha A"),
        ("W1 @ h12", "W1 h12", r"W_{1} h_{12}"),
        ("kron(A, B)", "A ⊗ B", r"A \otimes B"),
        ("trace(A @ B)", "Tr(AB)", r"\operatorname{Tr}\left(A B\right)"),
        ("sigmoid(A)", "σ(A)", r"\sigma\left(A\right)"),
        ("det(A)", "|A|", r"\left|A\right|"),
        ("conv(A, B)", "A ⋆ B", r"A \star B"),
        ("A ** 3", "A^⊙3", r"A^{\odot 3}"),
        ("A - (B - C)", "A - (B - C)", r"A - \left(B - C\right)"),
        ("ones(N) @ x.T", "1 xᵀ", r"1 x^{\top}"),
        ("A * B * C", "A ⊙ B ⊙ C", r"A \odot B \odot C"),
        ("A @ (B + C) @ D", "A(B + C)D", r"A \left(B + C\right) D"),
    ],
)
def test_parentheses_are_right(source, plain, tex):
    shapes = {n: ("N", "N") for n in "ABCD"} | {"x": ("N",), "y": ("N",), "W1": ("N", "N"), "h12": ("N",)}
    e = parse(source, **shapes)
    assert text(e) == plain == str(e)
    assert latex(e).replace("A/2", "A") == tex or latex(e) == tex
    assert e._repr_latex_() == f"${latex(e)}$"


@pytest.mark.parametrize(
    ("source", "plain", "tex"),
    [
        ("A / dim(M*N)", "A/(M N)", r"\frac{A}{M N}"),
        ("dim(2*N) ** 2 * A", "(2 N)² A", r"\left(2 N\right)^{2} A"),
        ("1/2 * A / dim(N)", "A/(2 N)", r"\frac{A}{2 N}"),
        ("3/4 * alpha / dim(N) * A", "(3 α/(4 N)) A", r"\left(\frac{3 \alpha}{4 N}\right) A"),
        ("A / dim(N + 1)", "A/(N + 1)", r"\frac{A}{N + 1}"),
        ("A / dim(floor((N - 3)/2))", "A/floor((N - 3)/2)", r"\frac{A}{\left\lfloor \frac{N - 3}{2} \right\rfloor}"),
        ("A / dim(N_in)", "A/N_in", r"\frac{A}{N_{in}}"),
        ("1e-20 * A", "(1e-20) A", r"\left(1 \times 10^{-20}\right) A"),
        ("2e9 * A", "2000000000 A", "2000000000 A"),
        ("2e19 * A", "2e+19 A", r"2 \times 10^{19} A"),
        ("-2.5e-9 * A", "-(2.5e-09) A", r"-\left(2.5 \times 10^{-9}\right) A"),
        ("10 / 3 * A", "(10/3) A", r"\left(\frac{10}{3}\right) A"),
    ],
)
def test_numbers_and_sizes_in_formulas(source, plain, tex):
    e = parse(source, A=("N", "N"))
    assert str(e) == plain
    assert latex(e) == tex


def test_what_looks_alike_is_alike():
    """No two expressions have the same text, but for sizes of 0, 1 and I, and factors of one."""
    generator = Generator(5)
    seen: dict[str, str] = {}
    for op in OPERATORS * 4:
        for place in PLACES:
            stack = [generator.sample(op, place)[0]]
            while stack:
                x = stack.pop()
                stack += x.args
                if x.op == "mul" and x.args[0].op == "num":
                    continue
                code = re.sub(r"(eye|ones|zeros)\([^()]*\)(\.T)?", r"\1", repr(x)).replace("ones", "1")
                code = re.sub(r"reshape\(([^,]*), [^)]*\)", r"vec(\1)", code)
                if "1 * " not in code and "2 * (" not in code:
                    assert seen.setdefault(str(x), code) == code


def test_what_is_no_expression_is_not_written():
    with pytest.raises(ShapeError, match="latex: expected an expression"):
        latex(None)


@pytest.mark.parametrize("source", ["diagm(v)", "diagm(v + w)", "diagm(v) + diagm(w)", "diagm(exp(v))", "Diag(v)"])
def test_a_diagonal_matrix_that_is_printed_can_be_typed_back(source):
    """`diag` is the diagonal of a matrix: the diagonal matrix of a column must not be printed so."""
    v = vector("v", "N")
    e = parse(source, v=v)
    assert "Diag(" in str(e)
    assert parse(text(e), v=v) is e
    assert parse(repr(e), v=v) is e
    assert "Diag" not in repr(e)
    assert r"\operatorname{Diag}\left(" in latex(e)


def test_the_diagonal_of_a_matrix_is_another_thing():
    A, v = matrix("A", "N", "N"), vector("v", "N")
    assert str(diag(A)) == "diagonal(A)"
    assert parse("diag(Diag(v))", v=v) is diag(diagm(v))
    values = np.array([1.0, 2.0])
    assert evaluate(parse("Diag(v)", v=v), v=values).tolist() == [[1, 0], [0, 2]]
    assert evaluate(diag(A), A=np.array([[1.0, 5.0], [6.0, 2.0]])).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("source", "plain", "tex"),
    [
        ("sum(erf(x))", "(2/√π) exp(-x ⊙ x)", r"\frac{2}{\sqrt{\pi}} \exp"),
        ("3 * a * sum(erf(2 * x)) / 7", "(12/(7√π)) a exp(-4 x ⊙ x)", r"\frac{12}{7\sqrt{\pi}}"),
        ("sum(x) * 1.7724538509055159", "√π 1", r"\sqrt{\pi} 1"),
        ("sum(x) * 3.141592653589793 / 3", "(π/3) 1", r"\frac{\pi}{3}"),
        ("sum(x) * 1.772453850905", "(1.772453850905) 1", "1.772453850905"),
    ],
)
def test_numbers_with_a_root_of_pi(source, plain, tex):
    gradient = derive(parse(source, x="N", a=()), "x").gradient
    assert str(gradient) == plain
    assert latex(gradient).replace(r"\left(", "").startswith(tex)
