"""Every operator of the language becomes a value, or is refused by its name."""

import pytest

from nnmat.calculus import (
    NotDerivable,
    diag,
    inner,
    inv,
    log_softmax_rows,
    matrix,
    norm2,
    scalar,
    softmax,
    softmax_rows,
    sum,
    trace,
    vector,
)
from nnmat.calculus.compiling.helpers import entry_code
from nnmat.calculus.compiling.lowering import WAYS, Lowering
from nnmat.calculus.evaluation.evaluator import OPERATORS
from nnmat.calculus.language.elementwise import FUNCTIONS
from nnmat.calculus.language.expr import node
from nnmat.calculus.notation.arrays import CALLS

A, B, x, y = matrix("A", "M", "N"), matrix("B", "N", "M"), vector("x", "M"), vector("y", "N")
# What has no compiled form: differentials stand in lines of derivations only, and NumPy has no call for the others.
NONE = {"d", "mpow_frechet", "expm", "expm_frechet", "logm", "logm_frechet", "sqrtm", "sylvester"}
NONE |= {"dyad", "eigenvectors", "gaps", "polar", "right_singular"}


def test_every_operator_has_a_way():
    assert set(OPERATORS) - set(WAYS) - set(CALLS) == NONE
    own = [
        n
        for n, f in FUNCTIONS.items()
        if getattr(f.value, "__module__", "numpy").startswith(("nnmat", "numpy", "func"))
    ]
    assert [n for n in own if not entry_code(n)] == ["digamma", "trigamma", "polygamma2", "polygamma3"]


def test_an_unknown_operator_is_refused_by_name():
    with pytest.raises(NotDerivable, match="no compiled form of the operator d "):
        Lowering().value(node("d", (x,), None, x.shape))


def test_forms_that_are_the_same_value():
    low = Lowering()
    same = [
        (sum(A), sum(A.T)),
        (inner(x, x), x.T @ x),
        (norm2(x) ** 2, inner(x, x)),
        (trace(x @ y.T @ B), y.T @ B @ x),
        (sum(A @ y), sum(A @ y, axis=0) @ (scalar("s") ** 0)),
        (diag(x @ x.T), x * x),
        ((A @ y).T, y.T @ A.T),
    ]
    for a, b in same:
        assert low.value(a) is low.value(b), (a, b)


def test_the_family_of_softmax_shares_its_parts():
    low = Lowering()
    p, logs = low.value(softmax_rows(A)), low.value(log_softmax_rows(A))
    powers = next(a for a in p.args if a.op == "fn")
    assert powers.args[0] in logs.args
    assert low.value(softmax(vector("z", 1))).op == "num"
    assert low.value(softmax_rows(x)).op == "full"


def test_sums_of_inverses_are_taken_apart_for_vectors():
    low = Lowering()
    S = matrix("S", "M", "M")
    assert low.value((inv(S) + inv(S).T) @ x).op == "add"
    assert low.value((inv(S) + inv(S).T) @ A).op == "chain"
