"""Elementwise functions: values by the standard library, one number at a time; derivatives by difference quotients."""

import math

import numpy as np
import pytest

from nnmat.calculus import evaluate, scalar, vector
from nnmat.calculus.language.elementwise import FUNCTIONS, apply

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


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_derivative(name):
    s = scalar("x")
    slope = FUNCTIONS[name].derivative(s, apply(name, s))
    h = 1e-5
    for x in points(name):
        quotient = (BY_HAND[name](x + h) - BY_HAND[name](x - h)) / (2 * h)
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


def test_large_arguments_do_not_overflow():
    x = np.array([-800.0, 800.0])
    assert evaluate(apply("sigmoid", vector("x", 2)), x=x).tolist() == [0, 1]
    assert evaluate(apply("softplus", vector("x", 2)), x=x).tolist() == [0, 800]
