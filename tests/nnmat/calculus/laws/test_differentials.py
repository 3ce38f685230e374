"""Each law against the slope of the values along a line, at one point, and its name."""

import numpy as np
import pytest

from nnmat.calculus import NotDerivable, adjugate, let, matrix, parse, vector
from nnmat.calculus.laws import matrix_differentials
from nnmat.calculus.laws.differentials import LAWS, STATEMENTS, differential
from tests.nnmat.calculus.laws.slopes import holds

RNG = np.random.default_rng(0)
AT = {
    "A": np.eye(3) + 0.3 * RNG.standard_normal((3, 3)),
    "B": RNG.standard_normal((3, 3)),
    "C": RNG.standard_normal((2, 2)),
    "x": RNG.standard_normal(3),
    "R": np.eye(3) + 0.3 * RNG.standard_normal((3, 3)),
}
SYMBOLS = {
    "A": matrix("A", 3, 3),
    "B": matrix("B", 3, 3),
    "C": matrix("C", 2, 2),
    "x": vector("x", 3),
    "R": matrix("R", 3, 3, invertible=True),
}
CASES = [
    ("A + B", "A", "LAW-1"),
    ("A @ B @ A", "A", "LAW-2"),
    ("A.T", "A", "LAW-3"),
    ("trace(A)", "A", "LAW-4"),
    ("inv(A)", "A", "LAW-5"),
    ("det(A)", "A", "LAW-6"),
    ("det(R)", "R", "LAW-6"),
    ("logdet(A)", "A", "LAW-6b"),
    ("A * B * A", "A", "LAW-7"),
    ("sin(A)", "A", "LAW-8"),
    ("A ** 3", "A", "LAW-8"),
    ("conv(A, C)", "A", "LAW-9"),
    ("conv(A, C)", "C", "LAW-9"),
    ("softmax(x)", "x", "LAW-10"),
    ("softmax_rows(A)", "A", "LAW-10"),
    ("log_softmax(x)", "x", "CAL-1"),
    ("log_softmax_rows(A)", "A", "CAL-1"),
    ("logsumexp(x)", "x", "CAL-2"),
    ("logsumexp_rows(A)", "A", "CAL-2"),
    ("inner(A, B)", "A", "CAL-3"),
    ("frobenius(A)", "A", "CAL-4"),
    ("frobenius(A) ** 2", "A", "CAL-9"),
    ("kron(A, C)", "A", "CAL-5"),
    ("sum(A)", "A", "CAL-6"),
    ("diag(A)", "A", "CAL-6"),
    ("diagm(x)", "x", "CAL-6"),
    ("tril(A)", "A", "CAL-6"),
    ("vec(A)", "A", "CAL-6"),
    ("adjugate(R)", "R", "CAL-7"),
    ("kron_left(kron(A, C), C, 3, 3)", "C", "CAL-8"),
    ("conv_input(C, C, 3, 3)", "C", "CAL-8"),
]


@pytest.mark.parametrize(("source", "name", "law"), CASES, ids=[f"{s} by {n}" for s, n, _ in CASES])
def test_a_law(source, name, law):
    holds(parse(source, **SYMBOLS), SYMBOLS[name], law, AT, RNG)


def test_every_law_is_tried_and_stated():
    assert {law for *_, law in CASES} == set(STATEMENTS) - set(matrix_differentials.STATEMENTS)
    assert {name for name, _ in LAWS.values()} <= set(STATEMENTS)


def test_what_has_no_law_is_refused():
    X = matrix("X", "N", "N")
    with pytest.raises(NotDerivable, match="no law for the operator ref") as caught:
        differential(let("h", X), lambda a: a)
    assert caught.value.node.op == "ref"
    with pytest.raises(NotDerivable, match="a matrix that may be singular. Declare it invertible=True"):
        differential(adjugate(X), lambda a: a)
