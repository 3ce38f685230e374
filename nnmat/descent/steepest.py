"""Steepest descent (docs/equations.md, ALG-1 to ALG-3)."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnmat_kernels.runtime.door import dtype_remedy, plain

from ..checks import count, number, real_array
from ..errors import ConfigError, DtypeError, NonFiniteError, ShapeError
from .line_search import Armijo, LineSearchError


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


def steepest_descent(
    f: Callable[[Any], float],
    gradient: Callable[[Any], Any],
    x0: Any,
    line_search: Callable | None = None,
    tol: float = 1e-6,
    max_iterations: int = 1000,
    callback: Callable[[int, Any, float, float], None] | None = None,
) -> DescentResult:
    """Minimise f from x0 along unit directions of steepest descent.

    ```
    g = ∇f(x)
    stop if ‖g‖ <= tol                    before the division: at a stationary point d would be 0/0
    d = -g / ‖g‖                          the unit vector along which f falls fastest
    x = x + α d                           α > 0 from the line search; plus, for d already points downhill
    ```
    `x0` is a float64 array of any shape, or a tuple of arrays; then f, gradient and the result use such tuples and ‖g‖
    is the global norm over all of them. `line_search` (default `Armijo()`) is one of `ExactQuadratic`, `Armijo`,
    `StrongWolfe`, `FixedStep`. `callback(iteration, x, f, gradient_norm)` sees every iterate.

    Ends converged, or with a `reason`: the iterations are used up, the line search failed, f or its gradient is no
    longer finite. Raises `NonFiniteError` if f or its gradient is not finite at x0, `ConfigError`, `DtypeError` and
    `ShapeError` for the arguments.
    """
    number("steepest_descent", "tol", tol, 0.0)
    count("steepest_descent", "max_iterations", max_iterations, least=0)
    search = Armijo() if line_search is None else line_search
    _check_functions(f, gradient, search, callback)
    pack, unpack = _packing(x0)

    def value_at(x: np.ndarray) -> float:
        return _as_float(f(unpack(x)))

    def gradient_at(x: np.ndarray) -> np.ndarray:
        return pack(gradient(unpack(x)), "the gradient")

    def look(iteration: int, x: np.ndarray, value: float, n: float) -> None:
        if callback is not None:
            callback(iteration, unpack(x), value, n)

    x = pack(x0, "x0")
    value, g = value_at(x), gradient_at(x)
    n = float(np.linalg.norm(g))
    if not (math.isfinite(value) and math.isfinite(n)):
        raise NonFiniteError(
            f"steepest_descent: expected f and its gradient to be finite at x0, got f = {value} and ‖g‖ = {n}. "
            "Choose another x0."
        )
    result = _descend(value_at, gradient_at, x, value, g, search, tol, max_iterations, look)
    result.x = unpack(result.x)
    return result


def _descend(
    f: Callable, gradient: Callable, x: np.ndarray, value: float, g: np.ndarray, search: Callable, tol, limit, look
) -> DescentResult:
    """The descent on vectors, from x with its value and gradient."""
    history: dict[str, list[float]] = {"f": [], "gradient_norm": [], "alpha": []}
    guess, iterations = None, 0
    while True:
        n = float(np.linalg.norm(g))
        history["f"].append(value)
        history["gradient_norm"].append(n)
        look(iterations, x, value, n)
        if reason := _reason_to_stop(value, n, iterations, tol, limit):
            break
        d = -g / n
        try:
            alpha = float(search(f, gradient, x, d, value, g, guess))
        except LineSearchError as error:
            reason = f"the line search failed: {error}"
            break
        if not 0 < alpha < math.inf:
            raise ConfigError(f"steepest_descent: expected a step above 0 from {search!r}, got {alpha}.")
        x = x + alpha * d
        value, g = f(x), gradient(x)
        history["alpha"].append(alpha)
        guess, iterations = 2 * alpha, iterations + 1
    return DescentResult(x, value, n, iterations, n <= tol, reason, history)


def _reason_to_stop(value: float, n: float, iterations: int, tol: float, limit: int) -> str | None:
    if n <= tol:
        return f"the gradient norm {n:.3g} is within tol = {tol:.3g}"
    if not (math.isfinite(value) and math.isfinite(n)):
        return f"not finite any more: f = {value}, gradient norm {n}"
    if iterations == limit:
        return f"{limit} iterations are used up; the gradient norm is {n:.3g}, tol = {tol:.3g}"
    return None


def _packing(x0: Any) -> tuple[Callable, Callable]:
    """Two functions: from one array or a tuple of arrays to one vector, and back."""
    who = "steepest_descent"
    names = [f"x0[{i}]" for i in range(len(x0))] if isinstance(x0, tuple) else ["x0"]
    arrays = [
        plain(who, name, A, "float64") for name, A in zip(names, x0 if isinstance(x0, tuple) else (x0,), strict=True)
    ]
    shapes = [A.shape for A in arrays]
    for name, A in zip(names, arrays, strict=True):
        if A.dtype.newbyteorder("=") != np.float64:
            raise DtypeError(
                f"{who}: expected x0 as an array of float64 or a tuple of them, got {A.dtype}. "
                f"{dtype_remedy(name, A.dtype, 'float64')}"
            )

    def pack(parts: Any, name: str) -> np.ndarray:
        several = isinstance(x0, tuple)
        if not several:
            parts = (parts,)
        elif not isinstance(parts, list | tuple):
            raise ShapeError(
                f"{who}: expected {name} as a tuple of {len(shapes)} arrays, like x0, got {type(parts).__name__}."
            )
        code = "gradient(x)"
        found = [real_array(who, f"{code}[{i}]" if several else code, A) for i, A in enumerate(parts)]
        if [A.shape for A in found] != shapes:
            raise ShapeError(
                f"{who}: expected {name} of the shape of x0, {shapes}, got {[A.shape for A in found]}. "
                "Each entry of x0 has one of the gradient."
            )
        return np.concatenate([np.ravel(A) for A in found]).astype(np.float64)

    def unpack(vector: np.ndarray) -> Any:
        ends = np.cumsum([math.prod(shape) for shape in shapes])
        parts = tuple(p.reshape(shape) for p, shape in zip(np.split(vector, ends[:-1]), shapes, strict=True))
        return parts if isinstance(x0, tuple) else parts[0]

    return pack, unpack


def _check_functions(f, gradient, search, callback) -> None:
    """Raise ConfigError for what is no function."""
    who = "steepest_descent"
    for name, function, example in (("f", f, "lambda x: x @ x"), ("gradient", gradient, "lambda x: 2 * x")):
        if not callable(function):
            raise ConfigError(f"{who}: expected {name} as a function of x, got {function!r:.60}. Try {example}.")
    if not callable(search) or isinstance(search, type):
        remedy = f"Did you forget the parentheses: {search.__name__}()?" if isinstance(search, type) else ""
        raise ConfigError(
            f"{who}: expected line_search as an Armijo(), StrongWolfe(), ExactQuadratic(...) or FixedStep(...), "
            f"got {search!r}. {remedy}".rstrip()
        )
    if callback is not None and not callable(callback):
        raise ConfigError(
            f"{who}: expected callback as a function (iteration, x, f, gradient_norm) or None, got {callback!r:.60}."
        )


def _as_float(value) -> float:
    """The value of f."""
    if type(value) is float:  # the usual case
        return value
    A = real_array("steepest_descent", "f(x)", value)
    if A.size != 1:
        raise ShapeError(
            f"steepest_descent: expected f to return one number, got shape {A.shape}. Did you forget a sum?"
        )
    return float(A.item())
