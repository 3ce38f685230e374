"""Rules for matrix products, transposes and inverses, one at a time."""

import pytest

from nnmat.calculus import matrix, parse, scalar, vector
from nnmat.calculus.laws import products
from tests.nnmat.calculus.laws.rules import equal_values

SYMBOLS = {
    **{name: matrix(name, "N", "N") for name in "ABC"},
    "S": matrix("S", "N", "N", symmetric=True),
    "Q": matrix("Q", "N", "N", orthogonal=True),
    "a": scalar("a"),
    **{name: vector(name, "N") for name in "xyz"},
    "p": vector("p", "N", sums_to_one=True),
    "t": vector("t", "N", positive=True),
}
CASES = [
    ("linear_coefficients", "A @ (a * B)", "a AB"),
    ("linear_coefficients", "A @ zeros(N, N)", "0"),
    ("linear_coefficients", "A @ B", None),
    ("product_units", "eye(N) @ A", "A"),
    ("product_units", "A @ B", None),
    ("product_inverse", "A @ inv(A) @ B", "B"),
    ("product_inverse", "A.T @ inv(A).T", "I"),
    ("product_inverse", "A @ inv(B)", None),
    ("product_orthogonal", "Q.T @ Q @ A", "A"),
    ("product_orthogonal", "A.T @ A", None),
    ("product_ones", "ones(1, N) @ ones(N)", "N 1"),
    ("product_ones", "A @ ones(N)", None),
    ("product_sums_to_one", "ones(1, N) @ p", "1"),
    ("product_sums_to_one", "softmax_rows(A) @ ones(N)", "1"),
    ("product_sums_to_one", "ones(1, N) @ x", None),
    ("product_scalars", "A @ x @ y.T @ z", "(yᵀz) Ax"),
    ("product_scalars", "x.T @ A @ y", None),
    ("product_diagonal", "diagm(x) @ diagm(y)", "Diag(x ⊙ y)"),
    ("product_diagonal", "diagm(x) @ y", "x ⊙ y"),
    ("product_diagonal", "x.T @ diagm(y)", "((xᵀ)ᵀ ⊙ y)ᵀ"),
    ("product_diagonal", "diagm(x) @ A", None),
    ("product_elementwise", "ones(1, N) @ (x * y)", "xᵀy"),
    ("product_elementwise", "x.T @ (y / x)", "1ᵀy"),
    ("product_elementwise", "x.T @ y", None),
    ("product_orientation", "y.T @ A.T @ x", "xᵀAy"),
    ("product_orientation", "x.T @ A @ y", None),
    ("transpose_simple", "(A @ B).T", "BᵀAᵀ"),
    ("transpose_simple", "(A @ S).T", "SAᵀ"),
    ("transpose_simple", "A.T.T", "A"),
    ("transpose_simple", "(A + B).T", None),
    ("transpose_symmetric", "S.T", "S"),
    ("transpose_symmetric", "A.T", None),
    ("transpose_outside", "(a * A).T", "a Aᵀ"),
    ("transpose_outside", "(A.T + B).T", "(Aᵀ)ᵀ + Bᵀ"),
    ("transpose_outside", "A.T", None),
    ("gather_transposes", "A.T + B.T + C.T", "(A + B + C)ᵀ"),
    ("gather_transposes", "A.T + B", None),
    ("inverse_simple", "inv(inv(A))", "A"),
    ("inverse_simple", "inv(A @ B)", "B⁻¹A⁻¹"),
    ("inverse_simple", "inv(2 * A)", "A⁻¹/2"),
    ("inverse_simple", "inv(diagm(t))", "Diag(t^⊙(-1))"),
    ("inverse_simple", "inv(A)", None),
    ("inverse_orthogonal", "inv(Q)", "Qᵀ"),
    ("inverse_orthogonal", "inv(A)", None),
    ("inverse_transpose", "inv(A.T)", "A⁻ᵀ"),
    ("inverse_transpose", "inv(A)", None),
]


@pytest.mark.parametrize(("rule", "source", "form"), CASES)
def test_a_rule(rule, source, form):
    equal_values(getattr(products, rule), parse(source, **SYMBOLS), form)


def test_every_rule_with_a_name_is_tried():
    rules = {f.__name__ for entries in products.RULES.values() for _, f in entries}
    assert rules - {"<lambda>"} == {rule for rule, *_ in CASES}


def test_the_inverse_of_the_identity():
    assert dict(products.RULES["inv"])["SIM-9"](parse("inv(eye(N))")) is parse("eye(N)")


def test_a_symmetric_factor_is_its_own_transpose():
    A, S = SYMBOLS["A"], SYMBOLS["S"]
    assert products.turned([A, S]) == [S, A.T]
    assert products.turned([A.T, S]) == [S, A]
