"""The property of an adjoint: ⟨G, L(D)⟩ = ⟨L*(G), D⟩ for every G and D, by values."""

import numpy as np
import pytest

from nnmat.calculus import evaluate, inner, matrix, parse, scalar
from nnmat.calculus.language.expr import node, number
from nnmat.calculus.laws.adjoints import MOVES, STATEMENTS, move, turned

RNG = np.random.default_rng(0)
CASES = [
    ("E @ D @ C", "D"),
    ("D @ C", "D"),
    ("A * D", "D"),
    ("s * D", "s"),
    ("D.T", "D"),
    ("trace(Q)", "Q"),
    ("inner(A, Q2)", "Q2"),
    ("sum(D)", "D"),
    ("diag(Q)", "Q"),
    ("diagm(v)", "v"),
    ("reshape(D, 6, 2)", "D"),
    ("tril(Q)", "Q"),
    ("kron(D, Q)", "D"),
    ("kron(D, Q)", "Q"),
    ("conv(D, K)", "D"),
    ("conv(D, K)", "K"),
    ("conv_input(K, E, 3, 4)", "K"),
    ("conv_input(K, E, 3, 4)", "E"),
    ("conv_kernel(K, D, 2, 3)", "K"),
    ("conv_kernel(K, D, 2, 3)", "D"),
    ("D[0:2, 1:]", "D"),
    ("D[1, 2]", "D"),
    ("padded(D, 1, 0, 5, 4)", "D"),
    ("power_frechet(Q, P, 3)", "P"),
    ("power_frechet(R, P, -2)", "P"),
    ("expm_frechet(Q, P)", "P"),
    ("logm_frechet(R, P)", "P"),
    ("sylvester(R, Z, D)", "D"),
    *((f"{name}(Z, K, 2, 2)", place) for name in ("kron_left", "kron_right") for place in "ZK"),
]
SHAPES = {
    "A": (3, 4), "D": (3, 4), "C": (4, 2), "Q": (3, 3), "Q2": (3, 4), "s": (1, 1), "v": (3, 1),
    "K": (2, 2), "E": (2, 3), "Z": (4, 4), "P": (3, 3), "R": (3, 3),
}  # fmt: skip


def find(e, name):
    return next(i for i, a in enumerate(e.args) if a.op == "sym" and a.name == name)


@pytest.mark.parametrize(("source", "name"), CASES, ids=[f"{s} at {n}" for s, n in CASES])
def test_the_definition_of_an_adjoint(source, name):
    e = parse(source, **SHAPES)
    at = find(e, name)
    G = scalar("g") if e.is_scalar else matrix("G", *e.shape)
    rule, adjoint = MOVES[e.op]
    moved = adjoint(G, e, at)
    assert rule in STATEMENTS
    assert moved.shape == e.args[at].shape or e.args[at].is_scalar
    values = {s.name: RNG.standard_normal([d.constant for d in s.shape]) for s in {*e.free, G}}
    values["R"] = np.eye(3) + 0.2 * RNG.standard_normal((3, 3))  # of which there are inverse and logarithm
    left = np.vdot(values[G.name], evaluate(e, **values))
    right = np.vdot(evaluate(moved, **values), values[name])
    assert abs(left - right) < 1e-12 * max(1, abs(left))


def test_every_move_is_tried():
    assert {parse(source, **SHAPES).op for source, _ in CASES} == set(MOVES)


def test_step_by_step_until_the_differential_stands_alone():
    D = matrix("D", 3, 4)
    dD = node("d", (D,), None, D.shape)
    A, x, y = matrix("A", 2, 3), matrix("x", 2, 1), matrix("y", 4, 1)
    terms, rules = [x.T @ A @ dD @ y + inner(D, dD)], []
    while (at := next((i for i, t in enumerate(terms) if move(t, varies) is not None), None)) is not None:
        rule, terms[at : at + 1] = move(terms[at], varies)
        rules.append(rule)
    assert rules == ["TR-3", "TR-1", "TR-4b"]
    assert [str(t.args[0]) for t in terms] == ["Aᵀ(x yᵀ)", "D"]
    assert all(t.op == "inner" and t.args[1] is dD for t in terms)


def varies(e):
    return e.has_differential


def test_a_symmetric_factor_keeps_its_transpose():
    """That Sᵀ = S is a step of its own, SIM-18."""
    S, A, s = matrix("S", 3, 3, symmetric=True), matrix("A", 3, 3), scalar("s")
    assert turned([A, S.T, s, S]) == [S.T, s, S, A.T]
    assert turned([number(2)]) == [number(2)]
