"""The value of an expression in float64, by NumPy. It knows what each operator computes, and no law at all.

Points outside the domain raise DomainError: the logarithm of a number <= 0, a division by zero, a singular inverse.
"""

from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from typing import Any

import numpy as np

from ...checks import real_array
from ..dimensions import ONE
from ..errors import DomainError, ShapeError
from ..language.elementwise import FUNCTIONS
from ..language.expr import Expr, described, lift, ordered
from . import windows
from .binding import bind
from .matrices import MATRICES

Blur = Callable[[Expr, np.ndarray], np.ndarray]


def evaluate(expression: Expr, **values: Any):
    """The value: a float for a scalar, (n,) for a column, (m, n) for a matrix.

    `values` gives each symbol its array, float for a scalar, and numbers to dimensions that no array shows.
    Values for other names are passed over: a gradient need not contain every symbol of its function. Raises ShapeError
    for arrays that do not fit and for missing names; DomainError outside the domain.
    """
    expression = lift(expression, "evaluate")
    arrays, sizes = bind(expression, values)
    result = Evaluation(arrays, sizes).value(expression)
    if expression.is_scalar:
        return float(result[0, 0])
    return result[:, 0] if expression.shape[1] == ONE else result


class Evaluation:
    """The values of many expressions at one point: shared parts are computed once.

    `kinks` collects the signs of divisors, determinants and arguments of functions with a kink at 0, and the pieces of
    functions where they are: two points between which one changes have no difference quotient worth looking at. `blur`,
    if given, changes each result before it is used.
    """

    def __init__(self, arrays: Mapping[Expr, np.ndarray], sizes: Mapping[str, int], blur: Blur | None = None):
        self.known: dict[Expr, np.ndarray] = dict(arrays)
        self.sizes, self.blur = sizes, blur
        self.kinks: list[Any] = []
        self.vast: set[Expr] = set()  # what is above all numbers: it may still be under a line, or in exp(-x)
        self.differences: Callable[[Expr], np.ndarray] | None = None

    def value(self, e: Expr) -> np.ndarray:
        """The array (rows, columns) of an expression."""
        if e not in self.known:
            self.follow(ordered(e, until=self.known.__contains__))
        if e in self.vast:
            raise _not_finite(e)
        return self.known[e]

    def follow(self, order: Iterable[Expr]) -> None:
        """The arrays of expressions that stand after their operands; one such order serves at many points."""
        known = self.known
        x: Expr | None = None
        with np.errstate(all="ignore"):
            for x in order:
                if x in known:
                    continue
                if self.vast and not _holds_vast(x):
                    for a in self.vast.intersection(x.args):
                        raise _not_finite(a)
                found = OPERATORS[x.op](self, x, *[known[a] for a in x.args])
                total = found.item() if found.size == 1 else np.vdot(found, found)
                if not isfinite(total) and not np.isfinite(found).all():
                    if x.op not in VAST or np.isnan(found).any():
                        raise _not_finite(x)
                    self.vast.add(x)
                known[x] = found if self.blur is None else self.blur(x, found)
        if x in self.vast:
            raise _not_finite(x)

    def shape(self, e: Expr) -> tuple[int, int]:
        return e.shape[0].value(self.sizes), e.shape[1].value(self.sizes)


VAST = ("add", "mul", "pow")


def _holds_vast(x: Expr) -> bool:
    """Whether 1e400 may stand in it: in what is as vast, in 1/x and in exp(-x), which are 0 to all digits."""
    return x.op in VAST or (x.op == "fn" and x.data == "exp")


def _not_finite(x: Expr | None) -> DomainError:
    assert x is not None
    return DomainError(f"evaluate: expected finite values, got NaN or infinity in {described(x)}.")


def _scalar(value) -> np.ndarray:
    return np.array([[value]], dtype=np.float64)


def _unknown(ev: Evaluation, e: Expr, *args):
    raise ShapeError(f"evaluate: expected a value for {e}, got none.")


def _differential(ev: Evaluation, e: Expr, x: np.ndarray) -> np.ndarray:
    """dA along the direction of a check."""
    return _unknown(ev, e) if ev.differences is None else ev.differences(e.args[0])


def _sum(ev: Evaluation, e: Expr, *args: np.ndarray) -> np.ndarray:
    result = args[0]
    for a in args[1:]:
        result = result + a
    return result


def _product(ev: Evaluation, e: Expr, *args: np.ndarray) -> np.ndarray:
    result = args[0]
    for a in args[1:]:
        result = result * a
    return result


def _matmul(ev: Evaluation, e: Expr, *args: np.ndarray) -> np.ndarray:
    result = args[0]
    for a in args[1:]:
        result = result @ a
    return result


def _power(ev: Evaluation, e: Expr, x: np.ndarray) -> np.ndarray:
    p = e.data
    if p.denominator != 1 and (x < 0).any():
        raise DomainError(f"**: expected positive numbers under the power {p}, got {x.min():.3g} in {described(e)}.")
    if p < 0 and (x == 0).any():
        raise DomainError(f"/: expected divisors other than 0, got 0 in {described(e)}.")
    if p < 0:
        ev.kinks.append(np.sign(x))
    return x ** (int(p) if p.denominator == 1 else float(p))


def _function(ev: Evaluation, e: Expr, x: np.ndarray) -> np.ndarray:
    f = FUNCTIONS[e.data]
    if f.inside is not None and not np.all(f.inside(x)):
        raise DomainError(f"{f.name}: expected points of its domain, got {x.min():.3g} in {described(e)}.")
    if f.kinked:
        ev.kinks.append(np.sign(x))
    if f.pieces is not None:
        ev.kinks.append(f.pieces(x))
    value = real_array(f.name, "values", f.value(x.copy()))  # a function of the user may work in place
    value = value.astype(np.float64, copy=False)
    if value.shape != x.shape:
        raise ShapeError(f"{f.name}: expected values of the shape of its argument, {x.shape}, got {value.shape}.")
    return value


def _logdet(ev: Evaluation, e: Expr, x: np.ndarray) -> np.ndarray:
    sign, value = np.linalg.slogdet(x)
    if sign == 0:
        raise DomainError(f"logdet: expected an invertible matrix, got a singular one in {described(e)}.")
    ev.kinks.append(sign)
    return _scalar(value)


def _adjugate(ev: Evaluation, e: Expr, x: np.ndarray) -> np.ndarray:
    """By cofactors, so that singular matrices have theirs too."""
    n = len(x)
    result = np.ones((n, n))
    for i in range(n):
        for j in range(n):
            minor = np.delete(np.delete(x, i, 0), j, 1)
            minor = minor if ev.blur is None else ev.blur(e, minor)
            result[j, i] = (-1) ** (i + j) * (np.linalg.det(minor) if n > 1 else 1.0)
    return result


def _axis(e: Expr) -> int:
    return 0 if e.data == "column" else 1


def _lse(ev: Evaluation, e: Expr, x: np.ndarray) -> np.ndarray:
    top = x.max(axis=_axis(e), keepdims=True)
    return top + np.log(np.exp(x - top).sum(axis=_axis(e), keepdims=True))


def _softmax(ev: Evaluation, e: Expr, x: np.ndarray) -> np.ndarray:
    return np.exp(x - _lse(ev, e, x))


def _blocks(ev: Evaluation, e: Expr, g: np.ndarray, inside: tuple[int, ...]) -> np.ndarray:
    rows, columns = inside
    return g.reshape(g.shape[0] // rows, rows, g.shape[1] // columns, columns)


def _kron_left(ev: Evaluation, e: Expr, g: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("iajb,ab->ij", _blocks(ev, e, g, b.shape), b)


def _kron_right(ev: Evaluation, e: Expr, g: np.ndarray, a: np.ndarray) -> np.ndarray:
    return np.einsum("iajb,ij->ab", _blocks(ev, e, g, ev.shape(e)), a)


OPERATORS: dict[str, Callable[..., np.ndarray]] = {
    **MATRICES,
    "sym": _unknown,
    "d": _differential,
    "num": lambda ev, e: _scalar(float(e.data)),
    "dim": lambda ev, e: _scalar(e.data.value(ev.sizes)),
    "ones": lambda ev, e: np.ones(ev.shape(e)),
    "zeros": lambda ev, e: np.zeros(ev.shape(e)),
    "eye": lambda ev, e: np.eye(ev.shape(e)[0]),
    "ref": lambda ev, e, x: x,
    "add": _sum,
    "mul": _product,
    "matmul": _matmul,
    "T": lambda ev, e, x: x.T,
    "pow": _power,
    "fn": _function,
    "det": lambda ev, e, x: _scalar(np.linalg.det(x)),
    "logdet": _logdet,
    "adj": _adjugate,
    "trace": lambda ev, e, x: _scalar(np.trace(x)),
    "inner": lambda ev, e, x, y: _scalar((x * y).sum()),
    "sum": lambda ev, e, x: _scalar(x.sum()),
    "diag": lambda ev, e, x: np.diag(x).reshape(-1, 1),
    "diagm": lambda ev, e, x: np.diag(x[:, 0]),
    "tril": lambda ev, e, x: np.tril(x),
    "kron": lambda ev, e, x, y: np.kron(x, y),
    "kron_left": _kron_left,
    "kron_right": _kron_right,
    "reshape": lambda ev, e, x: x.reshape(ev.shape(e)),
    "softmax": _softmax,
    "log_softmax": lambda ev, e, x: x - _lse(ev, e, x),
    "lse": _lse,
    "conv": lambda ev, e, x, k: windows.forward(x, k, e.data),
    "conv_input": lambda ev, e, h, k: windows.input_adjoint(h, k, ev.shape(e), e.data[0]),
    "conv_kernel": lambda ev, e, h, x: windows.kernel_adjoint(h, x, ev.shape(e), e.data[0]),
}
