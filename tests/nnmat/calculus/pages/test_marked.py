"""One part of a formula is marked, and nothing else changes."""

from nnmat.calculus import parse
from nnmat.calculus.language.expr import nodes
from nnmat.calculus.notation.latex import LatexWriter
from nnmat.calculus.pages.marked import MarkedWriter


def written(source: str, part: str) -> str:
    e = parse(source, A=("N", "N"), x=("N",))
    base = LatexWriter()
    marked = next(x for x in nodes(e) if str(x) == part)
    return MarkedWriter(base, marked).at(e, 0)


def test_a_part():
    assert written("A @ sigmoid(x)", "σ(x)") == r"A \marked{\sigma\left(x\right)}"


def test_a_minus_stays_in_front_for_the_sum():
    assert written("x.T @ x - sum(A)", "-sum(A)") == r"x^{\top} x - \marked{\operatorname{sum}\left(A\right)}"


def test_what_is_not_there_changes_nothing():
    e, other = parse("A @ x", A=("N", "N")), parse("sigmoid(x)", x=("N",))
    assert MarkedWriter(LatexWriter(), other).write(e) == LatexWriter().write(e)
