"""The writers need no expression of the language: anything with the fields of a node will do."""

from dataclasses import dataclass, field
from fractions import Fraction

from nnmat.calculus.dimensions import ONE, dim
from nnmat.calculus.notation.code import code
from nnmat.calculus.notation.latex import LatexWriter
from nnmat.calculus.notation.text import Writer

N = dim("N")


@dataclass(frozen=True)
class Plain:
    """A node that builds and checks nothing."""

    op: str
    args: tuple["Plain", ...] = ()
    data: object = None
    shape: tuple = field(default=(N, N))
    has_differential: bool = False

    @property
    def name(self):
        return self.data

    @property
    def is_scalar(self):
        return self.shape == (ONE, ONE)


A, B, C = (Plain("ref", data=name) for name in "ABC")
MINUS = Plain("num", data=Fraction(-1), shape=(ONE, ONE))


def test_a_node_is_all_that_a_writer_reads():
    product = Plain("matmul", (Plain("T", (A,)), Plain("inv", (B,))))
    assert Writer().write(product) == "AᵀB⁻¹"
    assert LatexWriter().write(product) == r"A^{\top} B^{-1}"
    assert code(product) == "A.T @ inv(B)"


def test_signs_and_divisors_are_printed_from_their_factors():
    """No node is built for them: the minus of a first factor, and the divisor of a negative power."""
    for first, form in [
        (Plain("mul", (MINUS, A)), "-AB"),
        (Plain("mul", (MINUS, A, C)), "-(A ⊙ C)B"),
        (Plain("mul", (MINUS, MINUS, A)), "--AB"),
        (Plain("mul", (MINUS, Plain("matmul", (C, A)))), "-CAB"),
    ]:
        assert Writer().write(Plain("matmul", (first, B))) == form
    assert Writer().write(Plain("mul", (A, Plain("pow", (B,), Fraction(-1))))) == "A ⊘ B"
    assert Writer().write(Plain("mul", (A, Plain("pow", (B,), Fraction(-3))))) == "A ⊘ (B^⊙3)"
