"""Values against NumPy, and points outside the domain."""

import numpy as np
import pytest

from nnmat.calculus import (
    DomainError,
    absolute,
    elementwise,
    evaluate,
    exp,
    gradient,
    inv,
    log,
    norm2,
    parse,
    sqrt,
    sum,
    trace,
    vector,
)
from nnmat.calculus.evaluation.evaluator import Evaluation
from nnmat.calculus.language.elementwise import FUNCTIONS

RNG = np.random.default_rng(0)


def test_values_against_numpy():
    x, A, B = RNG.standard_normal(3), RNG.standard_normal((3, 2)), RNG.standard_normal((2, 2))
    z, b = RNG.standard_normal(2), RNG.standard_normal(2)
    f = parse("x.T @ A @ sigmoid(inv(B) @ z + b)")
    y = 1 / (1 + np.exp(-(np.linalg.solve(B, z) + b)))
    assert abs(evaluate(f, x=x, A=A, B=B, z=z, b=b) - x @ A @ y) < 1e-13
    g = evaluate(gradient(f, "A"), x=x, A=A, B=B, z=z, b=b)
    assert g.shape == (3, 2)
    assert np.allclose(g, np.outer(x, y))
    assert evaluate(gradient(f, "b"), x=x, A=A, B=B, z=z, b=b).shape == (2,)


def test_points_outside_the_domain():
    v = vector("v", "N")
    for f, at, text in [
        (sum(log(v)), [1.0, -1.0], "log: expected points of its domain, got -1"),
        (sum(sqrt(v)), [1.0, -1.0], "sqrt: expected points of its domain"),
        (sum(1 / v), [1.0, 0.0], "expected divisors other than 0"),
        (sum(v**0.5), [1.0, -2.0], "expected positive numbers under the power 1/2"),
        (gradient(norm2(v), v)[0], [0.0, 0.0], "expected divisors other than 0, got 0 in ‖v‖"),
        (trace(inv(v @ v.T)), [1.0, 2.0], "inv: expected an invertible matrix, got a singular one"),
        (sum(exp(v)), [1.0, 1e4], "expected finite values"),
        (sum(v), [1.0, np.nan], "expected finite values for v, got NaN or infinity"),
    ]:
        with pytest.raises(DomainError, match=text):
            evaluate(f, v=at)


def test_shared_parts_are_computed_once():
    x = vector("x", "N")
    calls = []
    f = elementwise("counted", lambda v: calls.append(1) or v + 0, lambda v: 1)
    try:
        e = f(x).T @ f(x) + sum(f(x))
        assert evaluate(e, x=[1.0, 2.0]) == 8
        assert len(calls) == 1
    finally:
        del FUNCTIONS["counted"]


def test_every_operator_against_numpy():
    a, b, v = RNG.standard_normal((3, 3)), RNG.standard_normal((3, 3)), RNG.standard_normal(3)
    adjugate = np.linalg.det(a) * np.linalg.inv(a)
    softmax = np.exp(v) / np.exp(v).sum()
    for source, wanted in [
        ("A * B - A / B", a * b - a / b),
        ("A ** 3", a**3),
        ("adjugate(A)", adjugate),
        ("logdet(A)", np.log(abs(np.linalg.det(a)))),
        ("inner(A, B)", np.vdot(a, b)),
        ("tril(A) + diagm(v)", np.tril(a) + np.diag(v)),
        ("diag(A)", np.diag(a)),
        ("kron(A, B)", np.kron(a, b)),
        ("kron_left(kron(A, B), B, 3, 3)", a * (b * b).sum()),
        ("kron_right(kron(A, B), A, 3, 3)", b * (a * a).sum()),
        ("vec(A)", a.ravel()),
        ("reshape(A, 1, 9)", a.reshape(1, 9)),
        ("softmax(v)", softmax),
        ("log_softmax(v)", np.log(softmax)),
        ("logsumexp(v)", np.log(np.exp(v).sum())),
        ("softmax_rows(A)", np.exp(a) / np.exp(a).sum(axis=1, keepdims=True)),
        ("frobenius(A)", np.linalg.norm(a)),
        ("sum(A, axis=0)", a.sum(axis=0, keepdims=True)),
        ("conv(A, B)", [[(a * b).sum()]]),
    ]:
        e = parse(source, A=(3, 3), B=(3, 3), v=(3,))
        values = {s.name: {"A": a, "B": b, "v": v}[s.name] for s in e.free}
        assert np.allclose(evaluate(e, **values), wanted, rtol=1e-12, atol=1e-13), source


def test_the_adjugate_of_a_singular_matrix():
    a = np.outer([1.0, 2.0], [3.0, 4.0])
    assert np.allclose(evaluate(parse("adjugate(A)", A=(2, 2)), A=a), [[8, -4], [-6, 3]])


def test_a_change_of_sign_at_a_kink_is_kept():
    x = vector("x", "N")
    here = Evaluation({x: np.array([[1.0], [-2.0]])}, {"N": 2})
    here.value(absolute(x) + 1 / x)
    assert [k.ravel().tolist() for k in here.kinks] == [[1, -1], [1, -1]]


@pytest.mark.parametrize("at", [1e200, -1e200, 3e155])
@pytest.mark.parametrize("name", ["erf", "arctan"])
def test_a_square_above_all_numbers_under_a_line_is_a_zero(name, at):
    assert evaluate(gradient(parse(f"{name}(a)", a=()), "a"), a=at) == 0
    assert np.array_equal(evaluate(gradient(parse(f"sum({name}(x))", x="N"), "x"), x=[at, -at]), [0, 0])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a * a", "in a a of shape ()"),
        ("a * a - a * a", "NaN or infinity"),
        ("exp(a * a)", "in exp(a a) of shape ()"),
        ("tanh(a * a)", "in a a of shape ()"),
        ("sum(a * a * x)", "NaN or infinity"),
        ("log(a * a)", "in a a of shape ()"),
    ],
)
def test_a_square_above_all_numbers_is_refused_elsewhere(text, said):
    e = parse(text, a=(), x="N")
    for _ in range(2):
        with pytest.raises(DomainError) as error:
            evaluate(e, a=1e200, x=[1.0, 0.0])
        assert said in str(error.value)
    here = Evaluation({s: np.full((2, 1) if s.name == "x" else (1, 1), 1e200) for s in e.free}, {"N": 2})
    for _ in range(2):  # what is known of a refused one does not pass the second time
        with pytest.raises(DomainError):
            here.value(e)
