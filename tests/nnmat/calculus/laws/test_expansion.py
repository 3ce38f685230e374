"""Products that are multiplied out where that is shorter, one rule at a time."""

import pytest

from nnmat.calculus import derive, let, matrix, parse, scalar, simplify, sum, vector
from nnmat.calculus.laws import expansion
from nnmat.calculus.laws.gathering import symbols
from tests.nnmat.calculus.laws.rules import equal_values

SYMBOLS = {
    **{name: matrix(name, "N", "N") for name in "ABC"},
    "Y": matrix("Y", "M", "N"),
    **{name: scalar(name) for name in "ab"},
    **{name: vector(name, "N") for name in "xyz"},
    "t": vector("t", "N", positive=True),
}
CASES = [
    ("product_of_sums", "(x / t + y) * t", "x + y ⊙ t"),
    ("product_of_sums", "(x / t - y / (1 - t)) * t * (1 - t)", "x ⊙ (1 - t) - y ⊙ t"),
    ("product_of_sums", "(a * x + y) / a", "x + y/a"),
    ("product_of_sums", "(a / b * x + y) * (a + b)", None),
    ("product_of_sums", "(x + y) * t", None),
    ("sum_of_products", "(1 - x) * y - x * (2 - y)", "y - 2 x"),
    ("sum_of_products", "a * (b - a) + a * a", "a b"),
    ("sum_of_products", "(1 - x) * y + x * z", None),
    ("sum_of_products", "x * y + x * z", None),
    ("sums_of_entries", "ones(1, N) @ (x - a)", None),
    ("sums_of_entries", "ones(1, N) @ (x - (ones(1, N) @ x) / dim(N))", "0"),
    ("sums_of_entries", "(Y - Y @ ones(N, N) / dim(N)) @ ones(N)", "0"),
    ("sums_of_entries", "ones(M, M) @ (Y - ones(M, M) @ Y / dim(M))", "0"),
    ("sums_of_entries", "ones(1, N) @ (eye(N) - ones(N, N) / dim(N))", "0"),
    ("sums_of_entries", "ones(1, N) @ (x - y)", None),
    ("sums_of_entries", "x.T @ (y - a)", None),
    ("diagonal_times_sum", "diagm(x) @ (eye(N) - ones(N) @ y.T)", "Diag(x) - x yᵀ"),
    ("diagonal_times_sum", "diagm(x) @ (A - ones(N) @ y.T)", None),
]


@pytest.mark.parametrize(("rule", "source", "form"), CASES)
def test_a_rule(rule, source, form):
    e = parse(source, **SYMBOLS)
    equal_values(getattr(expansion, rule), e, form)
    if form is not None:
        assert symbols(getattr(expansion, rule)(e)) <= symbols(e)


def test_every_rule_is_tried():
    rules = {f.__name__ for entries in expansion.RULES.values() for _, f in entries}
    assert rules == {rule for rule, *_ in CASES}


def test_the_sum_of_a_named_deviation_is_0():
    x, n = SYMBOLS["x"], parse("dim(N)")
    centred = let("c", x - sum(x) / n)
    assert str(simplify(sum(centred))) == "0"
    assert str(simplify(sum(let("c", x - sum(x))))) == "1ᵀc"


def test_many_terms_stay_as_they_are():
    many = parse(" + ".join(f"a{k} * (b - a{k})" for k in range(40)), **{f"a{k}": () for k in range(40)}, b=())
    assert expansion.sum_of_products(many) is None


def test_gathering_and_multiplying_out_do_not_undo_one_another():
    for source, shapes in (
        ("tanh(log_softmax(x).T)", {"x": "N"}),
        ("tanh(log_softmax_rows(B) * clip(tanh(ones(N, K))))", {"B": ("N", "K")}),
    ):
        f = parse(source, **shapes)
        d = derive(f, next(iter(shapes)), G=matrix("G", *f.shape))
        assert len(d.steps) < 200
