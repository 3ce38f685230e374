"""The twin of `expressions/walk.py`: whole arrays in the place of blocks, in float64."""

import math
from typing import Any

import numpy as np


def _erf(x):
    return np.array([math.erf(v) for v in np.ravel(x)]).reshape(np.shape(x))


def _distribution(x):
    return np.array([math.erfc(-v / math.sqrt(2)) / 2 for v in np.ravel(x)]).reshape(np.shape(x))


def _lgamma(x):
    found = [math.lgamma(v) if v > 0 else math.inf if v == 0 else math.nan for v in np.ravel(x)]
    return np.array(found).reshape(np.shape(x))


def _digamma(x):
    """Γ'/Γ by the recurrence up to 60, where three terms of Stirling's series are enough."""
    found = np.zeros(np.shape(x))
    x = np.where(np.asarray(x) > 0, x, np.nan)
    for _ in range(60):
        found, x = np.where(x < 60, found - 1 / x, found), np.where(x < 60, x + 1, x)
    return found + np.log(x) - 1 / (2 * x) - 1 / (12 * x**2) + 1 / (120 * x**4) - 1 / (252 * x**6)


OF_TWO: dict[str, Any] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "power": np.power,
    "maximum": np.maximum,
    "greater": lambda x, y: np.where(x == y, 0.5, np.where(np.isnan(x + y), x + y, x > y)),
}
OF_ONE = {
    **{name: getattr(np, name) for name in ("negative", "reciprocal", "square", "sqrt", "exp", "log", "sin", "cos")},
    **{name: getattr(np, name) for name in ("tanh", "abs", "sign")},
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "relu": lambda x: np.maximum(x, 0),
    "step": lambda x: np.heaviside(x, 0),
    "softplus": lambda x: np.logaddexp(x, 0),
    "gelu": lambda x: x * _distribution(x),
    "phi": lambda x: np.exp(-x * x / 2) / math.sqrt(2 * math.pi),
    **{name: getattr(np, name) for name in ("tan", "arctan", "cosh", "sinh", "log1p")},
    "erf": _erf,
    "silu": lambda x: x / (1 + np.exp(-x)),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "clip": lambda x: np.clip(x, -1, 1),
    "huber": lambda x: np.where(np.abs(x) <= 1, x * x / 2, np.abs(x) - 0.5),
    "lgamma": _lgamma,
    "digamma": _digamma,
    "Phi": _distribution,
}


def walk(lines, numbers, arrays, results, shape):
    """The results (results, rows, columns); `lines` are (name of the operation, register, left, right)."""
    rows, columns = shape
    out = np.empty((results, rows, columns))
    spread = {"all": (rows, columns), "row": (1, columns), "column": (rows, 1), "number": (1, 1)}
    registers: dict[int, Any] = {}
    for name, r, p, q in lines:
        if name == "load":
            registers[r] = np.asarray(arrays[p], np.float64).reshape(spread[q])
        elif name == "constant":
            registers[r] = np.float64(numbers[p])
        elif name == "store":
            out[r] = registers[p]
        elif name in OF_TWO:
            registers[r] = OF_TWO[name](registers[p], registers[q])
        else:
            registers[r] = OF_ONE[name](registers[p])
    return out
