"""Questions: each shows declarations that the parser and the command read."""

import re

import pytest

from nnmat.calculus import parse
from nnmat.calculus.command import main
from nnmat.calculus.parsing.grammar import tree_of
from nnmat.calculus.parsing.questions import declaring, guessed, hint, scalar_or, source


def test_what_it_shows_can_be_written():
    shown = declaring(["Z", "x"])
    assert shown.startswith("Declare Z, x: a matrix as Z=('M', 'N') or --shape Z=M,N, ")
    for name, shape in re.findall(r"(\w+)=(\(.*?\)) or", shown):
        assert parse("Z", **{name: eval(shape)}).free
    for option in re.findall(r"--shape (\S+?)[.]?(?:, a|$)", shown):
        assert main(["derive", "sum(Z)", "--wrt", "Z", "--shape", option]) == 0
    assert declaring([]) == ""


def test_a_greek_name_is_asked_for_by_itself_and_with_others():
    assert scalar_or("column", ["mu"]) == (
        "expected to know whether mu is a column or a scalar here, got no sign of it. "
        "Declare mu: a column as mu=('N',) or --shape mu=N, a scalar as mu=() or --shape mu=1."
    )
    assert "whether beta and mu are columns here" in scalar_or("column", {"mu", "beta"})


@pytest.mark.parametrize(
    ("operator", "kinds", "said"),
    [
        ("*", ["row", "matrix"], "the matrix product is a @ b"),
        ("/", ["matrix", "column"], "divides as inv"),
        ("@", ["column", "column"], "a.T @ b"),
        ("@", ["column", "matrix"], "transposed: a.T @ b"),
        ("@", ["scalar", "column"], "A scalar multiplies with `*`"),
        ("+", ["matrix", "column"], "a row is added, as b.T"),
        ("-", ["row", "column"], "Check the transposes"),
    ],
)
def test_what_was_probably_meant(operator, kinds, said):
    assert said in hint(operator, "a", "b", kinds)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("A", "matrix"), ("Sigma", "matrix"), ("x_1", "column"), ("target", "column"), ("mu_1", "greek"), ("λ2", "greek")],
)
def test_what_a_name_makes_of_it(name, kind):
    assert guessed(name) == kind


def test_a_tree_as_text():
    for text in ("x.T", "-x", "(A @ x)", "x ** 2", "sum(A, B)", "((x + 1) * y)"):
        assert source(tree_of(text)) == text
    assert source(tree_of(" + ".join(["x"] * 30))) == "(...)"
