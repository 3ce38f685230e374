"""Rules for sums and elementwise products, one at a time: what each makes, and where it does not apply."""

import pytest

from nnmat.calculus import matrix, parse, scalar, vector
from nnmat.calculus.laws import sums
from tests.nnmat.calculus.laws.rules import equal_values

SYMBOLS = {
    **{name: matrix(name, "M", "N") for name in "ABC"},
    **{name: scalar(name) for name in "ab"},
    "D": matrix("D", "N", "K"),
    "E": matrix("E", "N", "K"),
    "v": vector("v", "M"),
    "w": vector("w", "N"),
    "t": vector("t", "M", positive=True),
}
CASES = [
    ("add_zeros", "A + 0 * B + B", None),
    ("add_zeros", "A + zeros(M, N)", "A"),
    ("add_zeros", "a + zeros(M, N)", "a 1 1ᵀ"),
    ("add_ones", "A + a * ones(M, N)", "A + a 1 1ᵀ"),
    ("add_ones", "A + B", None),
    ("add_like", "A + B + A", "2 A + B"),
    ("add_like", "A - A", "0"),
    ("add_like", "A + B", None),
    ("add_signs", "A - (B + C)", "A - B - C"),
    ("add_signs", "A + (B * (B + C))", None),
    ("add_common", "A @ D + A @ E", "A(D + E)"),
    ("add_common", "A @ D + B @ D", "(A + B)D"),
    ("add_common", "A * B + A * C", "A ⊙ (B + C)"),
    ("add_common", "a * A + a * B", "a (A + B)"),
    ("add_common", "2 * A - 2 * B", "2 (A - B)"),
    ("add_common", "A + B", None),
    ("mul_numbers", "2 * A * 3", "6 A"),
    ("mul_numbers", "A * a * B", "a A ⊙ B"),
    ("mul_numbers", "0 * A", "0"),
    ("mul_numbers", "a * A", None),
    ("mul_ones", "ones(M, N) * A", "A"),
    ("mul_ones", "A * B", None),
    ("mul_powers", "A * B * A ** 2", "A^⊙3 ⊙ B"),
    ("mul_powers", "A / A", "1 1ᵀ"),
    ("mul_powers", "A * B", None),
    ("mul_sign", "-(A - B)", "B - A"),
    ("mul_sign", "-A", None),
    ("mul_diagonal", "(v @ ones(1, N)) * A", "Diag(v) A"),
    ("mul_diagonal", "(ones(M) @ w.T) * A", "A Diag((wᵀ)ᵀ)"),
    ("mul_diagonal", "A * B", None),
    ("mul_softmax", "exp(v) / (ones(1, M) @ exp(v))", "softmax(v)"),
    ("mul_softmax", "exp(v) / (ones(1, M) @ exp(t))", None),
    ("pow_trivial", "A ** 1", "A"),
    ("pow_trivial", "A ** 0", "1 1ᵀ"),
    ("pow_trivial", "A ** 3", None),
    ("pow_nested", "(t ** 2) ** 0.5", "t^⊙1"),
    ("pow_nested", "(v ** 2) ** 0.5", None),
    ("pow_nested", "(a * b) ** -2", "1/((a²) (b²))"),
    ("pow_transpose", "A.T ** 3", "(A^⊙3)ᵀ"),
]


@pytest.mark.parametrize(("rule", "source", "form"), CASES)
def test_a_rule(rule, source, form):
    equal_values(getattr(sums, rule), parse(source, **SYMBOLS), form)


def test_every_rule_is_tried():
    assert {f.__name__ for rules in sums.RULES.values() for _, f in rules} == {rule for rule, *_ in CASES}
