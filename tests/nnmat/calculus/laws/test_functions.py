"""Rules for functions, norms, diagonals, reshapes and Kronecker products, one at a time."""

import pytest

from nnmat.calculus import matrix, parse, scalar, vector
from nnmat.calculus.laws import functions
from tests.nnmat.calculus.laws.rules import equal_values

SYMBOLS = {
    **{name: matrix(name, "M", "N") for name in "AB"},
    "C": matrix("C", "N", "K"),
    "D": matrix("D", "N", "N"),
    "a": scalar("a"),
    **{name: vector(name, "N") for name in "xy"},
    "t": vector("t", "N", positive=True),
}
CASES = [
    ("function_transpose", "sin(A.T)", "sin(A)ᵀ"),
    ("function_transpose", "sin(A)", None),
    ("function_inverse", "log(exp(A))", "A"),
    ("function_inverse", "exp(log(t))", "t"),
    ("function_inverse", "sqrt(x.T @ x)", "‖x‖"),
    ("function_inverse", "sqrt(inner(A, A))", "‖A‖"),
    ("function_inverse", "sqrt(inner(A, B) ** 2)", None),
    ("function_inverse", "exp(sin(A))", None),
    ("function_softmax", "log(softmax(x))", "log_softmax(x)"),
    ("function_softmax", "exp(softmax(x))", None),
    ("norm_square", "frobenius(A) ** 2", "⟨A, A⟩¹"),
    ("norm_square", "norm2(x) ** 4", "(xᵀx)²"),
    ("norm_square", "norm2(x) ** 3", None),
    ("diagonal", "diag(diagm(x))", "x"),
    ("diagonal", "diag(eye(N))", "1"),
    ("diagonal", "diag(x @ y.T)", "x ⊙ (yᵀ)ᵀ"),
    ("diagonal", "diag(D.T)", "diagonal(D)"),
    ("diagonal", "diag(D)", None),
    ("diagonal_matrix", "diagm(ones(N))", "I"),
    ("diagonal_matrix", "diagm(x)", None),
    ("reshaped", "reshape(vec(A), M, N)", "reshape(A, M, N)"),
    ("reshaped", "reshape(A, M, N)", "A"),
    ("reshaped", "vec(ones(M, N))", "1"),
    ("reshaped", "vec(A)", None),
    ("kronecker", "kron(a, A)", "a A"),
    ("kronecker", "kron(eye(M), eye(N))", "I"),
    ("kronecker", "kron(A, C)", None),
    ("contraction", "kron_left(kron(A, C), C, M, N)", "⟨C, C⟩ A"),
    ("contraction", "kron_right(kron(A, C), B, N, K)", "⟨A, B⟩ C"),
    ("contraction", "kron_right(eye(N*N), D, N, N)", "Tr(D) I"),
    ("contraction", "kron_left(kron(D, D), kron(D, D), 1, 1)", None),
    ("zero_function", "tril(zeros(N, N))", "0"),
    ("zero_function", "tril(D)", None),
]


@pytest.mark.parametrize(("rule", "source", "form"), CASES)
def test_a_rule(rule, source, form):
    equal_values(getattr(functions, rule), parse(source, **SYMBOLS), form)


def test_every_rule_is_tried():
    module = functions.__name__
    mine = {f.__name__ for entries in functions.RULES.values() for _, f in entries if f.__module__ == module}
    assert mine == {rule for rule, *_ in CASES}
