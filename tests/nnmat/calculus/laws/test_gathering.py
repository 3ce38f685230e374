"""What is gathered: common factors, signs and quotients with names of their own, one rule at a time."""

import pytest

from nnmat.calculus import matrix, parse, scalar, vector
from nnmat.calculus.laws import gathering
from nnmat.calculus.laws.gathering import opposite, symbols
from tests.nnmat.calculus.laws.rules import equal_values

SYMBOLS = {
    **{name: matrix(name, "N", "N") for name in "ABCX"},
    **{name: scalar(name) for name in "ab"},
    **{name: vector(name, "N") for name in "xyz"},
    "t": vector("t", "N", positive=True),
}
CASES = [
    ("common_scalar", "a * x - a ** 2 * b", "a (x - a b 1)"),
    ("common_scalar", "x / a - y * a ** -2", "(x - y/a)/a"),
    ("common_scalar", "2 * A - 2 * a", "2 (A - a 1 1ᵀ)"),
    ("common_scalar", "2 * A - a", None),
    ("common_scalar", "a * x - y", None),
    ("partly_common", "A @ x + B @ x + y", "(A + B)x + y"),
    ("partly_common", "X + A @ B + 2 * (A @ C)", "X + A(B + 2 C)"),
    ("partly_common", "A @ x + B @ y + z", None),
    ("partly_common", "A @ B @ C + B @ A @ C + A", None),  # a product in the parentheses gains nothing
    ("partly_common_entries", "A + A * B + A * C + X", "A ⊙ (1 + B + C) + X"),
    ("partly_common_entries", "A + A * B + A * B * C", "A ⊙ (1 + B ⊙ (1 + C))"),
    ("partly_common_entries", "A + A * B + X", None),
    ("partly_common_entries", "a * A + b * A + X", None),
    ("diagonal_part", "eye(N) * diagm(x) * a", "a Diag(x)"),
    ("diagonal_part", "eye(N) * A.T", "I ⊙ A"),
    ("diagonal_part", "2 * eye(N) * eye(N)", "2 I"),
    ("diagonal_part", "eye(N) * A", None),
    ("common_sign", "A @ (-B - C)", "-A(B + C)"),
    ("common_sign", "(-A - B) * (-A - C)", "(A + B) ⊙ (A + C)"),
    ("common_sign", "A @ (B - C)", None),
    ("common_sign", "-(A - B)", None),
    ("adjugate_quotient", "adjugate(X) / det(X)", "X⁻¹"),
    ("adjugate_quotient", "A @ adjugate(X).T * det(X) ** -3", "(AX⁻ᵀ)/(|X|²)"),
    ("adjugate_quotient", "(adjugate(X) + A @ adjugate(X)) / det(X)", "X⁻¹ + AX⁻¹"),
    ("adjugate_quotient", "(adjugate(X) + A) / det(X)", None),
    ("adjugate_quotient", "adjugate(X) / det(A)", None),
    ("norm_powers", "(x.T @ x) * norm2(x)", "‖x‖³"),
    ("norm_powers", "inner(A, A) ** 2 / frobenius(A) * B", "‖A‖³ B"),
    ("norm_powers", "(y.T @ y) * norm2(x)", None),
    ("sign_quotient", "sign(x) / abs(x)", "x^⊙(-1)"),
    ("sign_quotient", "sign(x) * abs(x) * y", "x ⊙ y"),
    ("sign_quotient", "sign(x) * abs(y)", None),
    ("logistic", "(1 + exp(-x)) ** -1", "σ(x)"),
    ("logistic", "(exp(a) + 1) ** -2", "σ(-a)²"),
    ("logistic", "(exp(a) + 2) ** -2", None),
    ("logistic_product", "exp(x) * sigmoid(-x)", "σ(x)"),
    ("logistic_product", "y * exp(-x) * sigmoid(x)", "y ⊙ σ(-x)"),
    ("logistic_product", "exp(x) * sigmoid(x)", None),
]


@pytest.mark.parametrize(("rule", "source", "form"), CASES)
def test_a_rule(rule, source, form):
    e = parse(source, **SYMBOLS)
    equal_values(getattr(gathering, rule), e, form)
    if form is not None:
        new = getattr(gathering, rule)(e)
        assert symbols(new) <= symbols(e)


def test_every_rule_is_tried():
    rules = {f.__name__ for entries in gathering.RULES.values() for _, f in entries}
    assert rules == {rule for rule, *_ in CASES}


def test_symbols_are_names_and_signs():
    for source, count in (
        ("A @ B", 2),
        ("A + B @ A", 4),
        ("A.T @ x", 3),
        ("2 * A * B", 4),
        ("a / b", 3),
        ("a ** 2", 2),
    ):
        assert symbols(parse(source, A=("N", "N"), B=("N", "N"), x="N", a=(), b=())) == count, source


def test_the_opposite_of_a_sum():
    assert str(opposite(parse("A - 2 * B", **SYMBOLS))) == "2 B - A"
    assert opposite(opposite(SYMBOLS["A"])) is SYMBOLS["A"]
