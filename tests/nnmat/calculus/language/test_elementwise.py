"""Elementwise functions: values by the standard library, one number at a time; derivatives by difference quotients."""

import math

import numpy as np
import pytest

from nnmat.calculus import NotDerivable, derive, evaluate, scalar, sum, vector
from nnmat.calculus.language.elementwise import FUNCTIONS, apply
from tests.nnmat.calculus.language.test_special import polygamma

X = np.array([-3.5, -1.25, -0.5, 0.25, 0.75, 1.5, 4.0])
BY_HAND = {
    "exp": math.exp,
    "log": math.log,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "tanh": math.tanh,
    "relu": lambda x: max(x, 0.0),
    "step": lambda x: 1.0 if x > 0 else 0.0,
    "abs": abs,
    "sign": lambda x: math.copysign(1.0, x),
    "softplus": lambda x: math.log1p(math.exp(x)),
    "gelu": lambda x: x * math.erfc(-x / math.sqrt(2)) / 2,
    "Phi": lambda x: math.erfc(-x / math.sqrt(2)) / 2,
    "phi": lambda x: math.exp(-x * x / 2) / math.sqrt(2 * math.pi),
    "sqrt": math.sqrt,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "arctan": math.atan,
    "cosh": math.cosh,
    "sinh": math.sinh,
    "log1p": math.log1p,
    "erf": math.erf,
    "silu": lambda x: x / (1 + math.exp(-x)),
    "elu": lambda x: x if x > 0 else math.exp(x) - 1,
    "huber": lambda x: x * x / 2 if abs(x) <= 1 else abs(x) - 0.5,
    "clip": lambda x: min(max(x, -1.0), 1.0),
    "lgamma": math.lgamma,
    "digamma": lambda x: polygamma(0, x),
    "trigamma": lambda x: polygamma(1, x),
    "polygamma2": lambda x: polygamma(2, x),
    "polygamma3": lambda x: polygamma(3, x),
}


def points(name):
    inside = FUNCTIONS[name].inside
    return X if inside is None else X[inside(X)]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_value(name):
    x = points(name)
    assert len(x) >= 4
    found = evaluate(apply(name, vector("x", "N")), x=x)
    assert np.allclose(found, [BY_HAND[name](v) for v in x], rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "polygamma3"])
def test_the_derivative(name):
    s = scalar("x")
    slope = FUNCTIONS[name].derivative(s, apply(name, s))
    f, h = BY_HAND[name], 3e-5
    for x in points(name):
        quotient = (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h)
        assert abs(evaluate(slope, x=x) - quotient) < 1e-8 * max(1, abs(quotient))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_kink_is_one(name):
    """`kinked` says that the slopes on both sides of 0 differ, or that the function jumps there."""
    if FUNCTIONS[name].inside is not None:
        assert not FUNCTIONS[name].kinked
        return
    f, h = BY_HAND[name], 1e-6
    left, right = (f(-h) - f(-2 * h)) / h, (f(2 * h) - f(h)) / h
    bends = abs(left - right) > 1e-3 or abs(f(h) - f(-h)) > 1e-3
    assert bends == FUNCTIONS[name].kinked


def test_the_logarithm_of_gamma_has_five_derivatives():
    """And a question of a sixth is refused, not answered by 0."""
    t, a = vector("t", "N", positive=True), scalar("a", positive=True)
    f = apply("lgamma", a)
    for name in ("digamma", "trigamma", "polygamma2", "polygamma3"):
        f = derive(f, a).gradient
        assert f is apply(name, a)
    with pytest.raises(NotDerivable, match="no derivative of polygamma3"):
        derive(sum(apply("polygamma3", t)), t)


def test_large_arguments_do_not_overflow():
    x = np.array([-800.0, 800.0])
    assert evaluate(apply("sigmoid", vector("x", 2)), x=x).tolist() == [0, 1]
    assert evaluate(apply("softplus", vector("x", 2)), x=x).tolist() == [0, 800]


@pytest.mark.parametrize(
    ("at", "slope"), [(1e17, 1.0), (1e200, 1.0), (-50.0, math.exp(-50.0)), (-1e17, 0.0), (2.0, 1.0)]
)
def test_the_slope_of_elu_far_out(at, slope):
    a = scalar("a")
    assert evaluate(derive(apply("elu", a), a).gradient, a=at) == pytest.approx(slope, rel=1e-14, abs=0)
