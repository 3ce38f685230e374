"""Rules for traces, inner products, sums, determinants and matrices of one entry, one at a time."""

import pytest

from nnmat.calculus import matrix, parse, scalar, vector
from nnmat.calculus.laws import traces
from tests.nnmat.calculus.laws.rules import equal_values

SYMBOLS = {
    **{name: matrix(name, "N", "N") for name in "AB"},
    "C": matrix("C", "M", "N"),
    "R": matrix("R", "N", "N", invertible=True),
    "a": scalar("a"),
    **{name: vector(name, "N") for name in "xy"},
    "u": vector("u", "M"),
}
CASES = [
    ("trace_simple", "trace(A.T)", "Tr(A)"),
    ("trace_simple", "trace(x @ y.T)", "yᵀx"),
    ("trace_simple", "trace(B @ A)", "Tr(AB)"),
    ("trace_simple", "trace(kron(A, B))", "Tr(A) Tr(B)"),
    ("trace_simple", "trace(diagm(x))", "1ᵀx"),
    ("trace_simple", "trace(A)", None),
    ("trace_unit", "trace(eye(N))", "N"),
    ("trace_unit", "trace(A)", None),
    ("inner_simple", "inner(x, y)", "xᵀy"),
    ("inner_simple", "inner(eye(N), A)", "Tr(A)"),
    ("inner_simple", "inner(u @ x.T, C)", "uᵀCx"),
    ("inner_simple", "inner(A.T, B.T)", "⟨A, B⟩"),
    ("inner_simple", "inner(ones(M, N), C)", "sum(C)"),
    ("inner_simple", "inner(A, B)", None),
    ("sum_simple", "sum(A * B)", "⟨A, B⟩"),
    ("sum_simple", "sum(x)", "1ᵀx"),
    ("sum_simple", "sum(A.T)", "sum(A)"),
    ("sum_simple", "sum(A)", None),
    ("sum_ones", "sum(ones(M, N))", "M N"),
    ("sum_ones", "sum(A)", None),
    ("determinant", "det(A.T)", "|A|"),
    ("determinant", "det(inv(A))", "|A|⁻¹"),
    ("determinant", "logdet(inv(A))", "-log|A|"),
    ("determinant", "det(A @ B)", None),
    ("determinant_unit", "det(eye(N))", "1"),
    ("determinant_unit", "logdet(eye(N))", "0"),
    ("determinant_unit", "det(A)", None),
    ("adjugate", "adjugate(A.T)", "adj(A)ᵀ"),
    ("adjugate", "adjugate(R)", "|R| R⁻¹"),
    ("adjugate", "adjugate(A)", None),
    ("one_by_one", "softmax(a)", "1"),
    ("one_by_one", "adjugate(a)", "1"),
    ("one_by_one", "log_softmax(a)", "0"),
    ("one_by_one", "logsumexp(a)", "a"),
    ("one_by_one", "logsumexp(x)", None),
    ("one_by_one", "softmax(x)", None),
]


@pytest.mark.parametrize(("rule", "source", "form"), CASES)
def test_a_rule(rule, source, form):
    equal_values(getattr(traces, rule), parse(source, **SYMBOLS), form)


def test_every_rule_is_tried():
    mine = {f.__name__ for entries in traces.RULES.values() for _, f in entries if f.__module__ == traces.__name__}
    assert mine == {rule for rule, *_ in CASES}
