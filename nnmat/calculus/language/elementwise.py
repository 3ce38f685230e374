"""Elementwise functions: value, derivative, domain, kinks. The derivative is an expression of the same language.

LAW-8: `d f(A) = f'(A) ⊙ dA`. The derivative is built from the argument `x` and the result `y`, so that sigmoid gives
`y ⊙ (1 - y)` on whatever `y` is called.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .expr import Expr, lift, mul, node, number, power

_erfc = np.vectorize(math.erfc, otypes=[np.float64])


@dataclass(frozen=True)
class Function:
    """One elementwise function; `derivative(x, y)` with y = f(x); `inside(x)` is True where f is differentiable."""

    name: str
    value: Callable
    derivative: Callable[[Expr, Expr], Expr]
    inside: Callable | None = None  # the open set where the function is defined
    kinked: bool = False  # not differentiable at 0

    def __call__(self, x: Expr | int | float) -> Expr:
        x = lift(x, self.name)
        return node("fn", (x,), self.name, x.shape)


def _sigmoid(x):
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


def _density(x):
    return np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


def _distribution(x):
    return 0.5 * _erfc(-x / math.sqrt(2))  # 1 + erf has no digits left where x is negative


def apply(name: str, x: Expr) -> Expr:
    """The node of the function of this name."""
    return FUNCTIONS[name](x)


def _one_minus(y: Expr) -> Expr:
    return number(1) - y


FUNCTIONS: dict[str, Function] = {
    f.name: f
    for f in [
        Function("exp", np.exp, lambda x, y: y),
        Function("log", np.log, lambda x, y: power(x, -1), inside=lambda x: x > 0),
        Function("sigmoid", _sigmoid, lambda x, y: mul(y, _one_minus(y))),
        Function("tanh", np.tanh, lambda x, y: number(1) - mul(y, y)),
        Function("relu", lambda x: np.maximum(x, 0.0), lambda x, y: apply("step", x), kinked=True),
        Function("step", lambda x: (x > 0).astype(np.float64), lambda x, y: mul(number(0), x), kinked=True),
        Function("abs", np.abs, lambda x, y: apply("sign", x), kinked=True),
        Function("sign", np.sign, lambda x, y: mul(number(0), x), kinked=True),
        Function("softplus", lambda x: np.logaddexp(x, 0.0), lambda x, y: apply("sigmoid", x)),
        Function("gelu", lambda x: x * _distribution(x), lambda x, y: apply("Phi", x) + mul(x, apply("phi", x))),
        Function("Phi", _distribution, lambda x, y: apply("phi", x)),
        Function("phi", _density, lambda x, y: -mul(x, y)),
        Function("sqrt", np.sqrt, lambda x, y: number(1) / 2 * power(y, -1), inside=lambda x: x > 0),
        Function("sin", np.sin, lambda x, y: apply("cos", x)),
        Function("cos", np.cos, lambda x, y: -apply("sin", x)),
    ]
}

exp, log, sigmoid, tanh, relu, softplus, gelu, sqrt, sin, cos = (
    FUNCTIONS[name] for name in ("exp", "log", "sigmoid", "tanh", "relu", "softplus", "gelu", "sqrt", "sin", "cos")
)
absolute = FUNCTIONS["abs"]
