"""Elementwise functions: value, derivative, domain, kinks. The derivative is an expression of the same language.

LAW-8: `d f(A) = f'(A) ⊙ dA`. The derivative is built from the argument `x` and the result `y`, so that sigmoid gives
`y ⊙ (1 - y)` on whatever `y` is called.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..errors import NotDerivable
from . import special
from .expr import Expr, lift, mul, node, number, power


@dataclass(frozen=True)
class Function:
    """One elementwise function; `derivative(x, y)` with y = f(x); `inside(x)` is True where f is defined."""

    name: str
    value: Callable
    derivative: Callable[[Expr, Expr], Expr]
    inside: Callable | None = None  # where the function is defined
    kinked: bool = False  # not differentiable at 0
    pieces: Callable | None = None  # a number for each piece between kinks or poles elsewhere

    def __call__(self, x: Expr | int | float) -> Expr:
        x = lift(x, self.name)
        return node("fn", (x,), self.name, x.shape)


def _sigmoid(x):
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


def _density(x):
    return np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


def _distribution(x):
    return 0.5 * special.erfc(-x / math.sqrt(2))  # 1 + erf has no digits left where x is negative


def _softplus(x):
    return np.logaddexp(x, 0.0)


def _clipped(x):
    return np.clip(x, -1.0, 1.0)


def _last(x: Expr, y: Expr) -> Expr:
    raise NotDerivable(y, f"no derivative of {y}: log Γ has its first five here. Write it with other functions.")


def apply(name: str, x: Expr) -> Expr:
    """The node of the function of this name."""
    return FUNCTIONS[name](x)


def _silu_slope(s: Expr, y: Expr) -> Expr:
    return s + mul(y, _one_minus(s))


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
        Function("softplus", _softplus, lambda x, y: apply("sigmoid", x)),
        Function("gelu", lambda x: x * _distribution(x), lambda x, y: apply("Phi", x) + mul(x, apply("phi", x))),
        Function("Phi", _distribution, lambda x, y: apply("phi", x)),
        Function("phi", _density, lambda x, y: -mul(x, y)),
        Function("sqrt", np.sqrt, lambda x, y: number(1) / 2 * power(y, -1), inside=lambda x: x >= 0),
        Function("sin", np.sin, lambda x, y: apply("cos", x)),
        Function("cos", np.cos, lambda x, y: -apply("sin", x)),
        Function("tan", np.tan, lambda x, y: number(1) + mul(y, y), pieces=lambda x: np.floor(x / math.pi + 0.5)),
        Function("arctan", np.arctan, lambda x, y: power(number(1) + mul(x, x), -1)),
        Function("cosh", np.cosh, lambda x, y: apply("sinh", x)),
        Function("sinh", np.sinh, lambda x, y: apply("cosh", x)),
        Function("log1p", np.log1p, lambda x, y: power(number(1) + x, -1), inside=lambda x: x > -1),
        Function("erf", special.erf, lambda x, y: mul(number(2 / math.sqrt(math.pi)), apply("exp", -mul(x, x)))),
        Function("silu", lambda x: x * _sigmoid(x), lambda x, y: _silu_slope(apply("sigmoid", x), y)),
        Function(
            "elu",
            lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0.0))),
            lambda x, y: apply("exp", -apply("relu", -x)),  # y + 1 has no digits left where x is far below 0
        ),
        Function("huber", lambda x: _clipped(x) * (x - 0.5 * _clipped(x)), lambda x, y: apply("clip", x)),
        Function(
            "clip",
            _clipped,
            lambda x, y: apply("step", number(1) - apply("abs", x)),
            pieces=lambda x: np.sign(x - 1) + np.sign(x + 1),
        ),
        Function("lgamma", special.lgamma, lambda x, y: apply("digamma", x), inside=lambda x: x > 0),
        *(
            Function(name, partial(special.polygamma, n), slope, inside=lambda x: x > 0)
            for n, (name, slope) in enumerate(
                [
                    ("digamma", lambda x, y: apply("trigamma", x)),
                    ("trigamma", lambda x, y: apply("polygamma2", x)),
                    ("polygamma2", lambda x, y: apply("polygamma3", x)),
                    ("polygamma3", _last),
                ]
            )
        ),
    ]
}

exp, log, sigmoid, tanh, relu, softplus, gelu, sqrt, sin, cos = (
    FUNCTIONS[name] for name in ("exp", "log", "sigmoid", "tanh", "relu", "softplus", "gelu", "sqrt", "sin", "cos")
)
tan, arctan, cosh, sinh, log1p, erf, silu, elu, huber, lgamma, digamma = (
    FUNCTIONS[name]
    for name in ("tan", "arctan", "cosh", "sinh", "log1p", "erf", "silu", "elu", "huber", "lgamma", "digamma")
)
absolute = FUNCTIONS["abs"]
