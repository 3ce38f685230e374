"""What a descent minimises: a function of one array or a tuple of arrays, as a function of one vector; and its loop."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnmat_kernels.runtime.door import dtype_remedy, plain

from ..checks import count, number, real_array
from ..errors import ConfigError, DtypeError, NonFiniteError, ShapeError
from .line_search import LineSearchError


@dataclass
class DescentResult:
    """Where a descent ended. `history` lists "f" and "gradient_norm" of every iterate and "alpha" of every step."""

    x: Any
    f: float
    gradient_norm: float
    iterations: int
    converged: bool
    reason: str
    history: dict[str, list[float]]


class DirectionError(ArithmeticError):
    """A point at which there is no direction to go."""


class Problem:
    """f, its gradient and x0 of the function `who`, checked; inside, x is one vector of float64.

    Raises ConfigError for what is no function, DtypeError and ShapeError for arrays, NonFiniteError if f or its
    gradient is not finite at x0.
    """

    def __init__(self, who: str, f: Any, gradient: Any, x0: Any, search: Any, callback: Any):
        self.who, self.f, self.of_gradient, self.callback = who, f, gradient, callback
        for name, function, example in (("f", f, "lambda x: x @ x"), ("gradient", gradient, "lambda x: 2 * x")):
            check_function(who, name, function, example)
        self.search = _search(who, search)
        if callback is not None and not callable(callback):
            raise ConfigError(
                f"{who}: expected callback as a function (iteration, x, f, gradient_norm) or None, "
                f"got {callback!r:.60}."
            )
        self.several = isinstance(x0, tuple)
        if self.several and not x0:
            raise ShapeError(f"{who}: expected x0 as an array or a tuple of arrays, got an empty tuple.")
        names = [f"x0[{i}]" for i in range(len(x0))] if self.several else ["x0"]
        arrays = [plain(who, name, A, "float64") for name, A in zip(names, x0 if self.several else (x0,), strict=True)]
        self.shapes = [A.shape for A in arrays]
        for name, A in zip(names, arrays, strict=True):
            if A.dtype.newbyteorder("=") != np.float64:
                raise DtypeError(
                    f"{who}: expected x0 as an array of float64 or a tuple of them, got {A.dtype}. "
                    f"{dtype_remedy(name, A.dtype, 'float64')}"
                )
        self.x = self.pack(x0, "x0", "x0")
        self.at_x, self.gradient_at_x = self.value(self.x), self.gradient(self.x)
        n = float(np.linalg.norm(self.gradient_at_x))
        if not (math.isfinite(self.at_x) and math.isfinite(n)):
            raise NonFiniteError(
                f"{who}: expected f and its gradient to be finite at x0, got f = {self.at_x} and ‖g‖ = {n}. "
                "Choose another x0."
            )

    def value(self, x: np.ndarray) -> float:
        found = self.f(self.unpack(x))
        if type(found) is float:  # the usual case
            return found
        A = real_array(self.who, "f(x)", found)
        if A.size != 1:
            raise ShapeError(f"{self.who}: expected f to return one number, got shape {A.shape}. Did you forget a sum?")
        return float(A.item())

    def gradient(self, x: np.ndarray) -> np.ndarray:
        return self.pack(self.of_gradient(self.unpack(x)), "the gradient", "gradient(x)")

    def pack(self, parts: Any, name: str, code: str) -> np.ndarray:
        """One vector of one array of the shape of x0, or of a tuple of them; `name` and `code` say what it is."""
        if not self.several:
            parts = (parts,)
        elif not isinstance(parts, list | tuple):
            raise ShapeError(
                f"{self.who}: expected {name} as a tuple of {len(self.shapes)} arrays, like x0, "
                f"got {type(parts).__name__}."
            )
        found = [real_array(self.who, f"{code}[{i}]" if self.several else code, A) for i, A in enumerate(parts)]
        if [A.shape for A in found] != self.shapes:
            raise ShapeError(
                f"{self.who}: expected {name} of the shape of x0, {self.shapes}, got {[A.shape for A in found]}. "
                f"Each entry of x0 has one of {name}."
            )
        return np.concatenate([np.ravel(A) for A in found]).astype(np.float64)

    def unpack(self, vector: np.ndarray) -> Any:
        """The array or the arrays of a vector."""
        ends = np.cumsum([math.prod(shape) for shape in self.shapes])
        parts = tuple(p.reshape(shape) for p, shape in zip(np.split(vector, ends[:-1]), self.shapes, strict=True))
        return parts if self.several else parts[0]

    def descend(self, direction: Callable, step: Callable, tol: float, limit: int) -> DescentResult:
        """x + α d until ‖g‖ <= tol: d = direction(x, g, ‖g‖), α = step(x, d, value, g, α of the last step or None)."""
        x, value, g = self.x, self.at_x, self.gradient_at_x
        history: dict[str, list[float]] = {"f": [], "gradient_norm": [], "alpha": []}
        alpha, iterations = None, 0
        while True:
            n = float(np.linalg.norm(g))
            history["f"].append(value)
            history["gradient_norm"].append(n)
            if self.callback is not None:
                self.callback(iterations, self.unpack(x), value, n)
            if reason := _reason_to_stop(value, n, iterations, tol, limit):
                break
            try:
                d = direction(x, g, n)
                alpha = float(step(x, d, value, g, alpha))
            except LineSearchError as error:
                reason = f"the line search failed: {error}"
                break
            except DirectionError as error:
                reason = f"no direction: {error}"
                break
            if not 0 < alpha < math.inf:
                raise ConfigError(f"{self.who}: expected a step above 0 from {self.search!r}, got {alpha}.")
            x = x + alpha * d
            value, g = self.value(x), self.gradient(x)
            history["alpha"].append(alpha)
            iterations += 1
        return DescentResult(self.unpack(x), value, n, iterations, n <= tol, reason, history)


def check_limits(who: str, tol: Any, max_iterations: Any) -> None:
    """Raise ConfigError for what ends no descent."""
    number(who, "tol", tol, 0.0)
    count(who, "max_iterations", max_iterations, least=0)


def check_function(who: str, name: str, function: Any, example: str) -> None:
    """Raise ConfigError for what cannot be called."""
    if not callable(function):
        raise ConfigError(f"{who}: expected {name} as a function of x, got {function!r:.60}. Try {example}.")


def _search(who: str, search: Any) -> Callable:
    if not callable(search) or isinstance(search, type):
        remedy = f"Did you forget the parentheses: {search.__name__}()?" if isinstance(search, type) else ""
        raise ConfigError(
            f"{who}: expected line_search as an Armijo(), StrongWolfe(), ExactQuadratic(...) or FixedStep(...), "
            f"got {search!r}. {remedy}".rstrip()
        )
    return search


def _reason_to_stop(value: float, n: float, iterations: int, tol: float, limit: int) -> str | None:
    if n <= tol:
        return f"the gradient norm {n:.3g} is within tol = {tol:.3g}"
    if not (math.isfinite(value) and math.isfinite(n)):
        return f"not finite any more: f = {value}, gradient norm {n}"
    if iterations == limit:
        return f"{limit} iterations are used up; the gradient norm is {n:.3g}, tol = {tol:.3g}"
    return None
