"""Steepest descent (docs/equations.md, ALG-1 to ALG-3)."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .line_search import Armijo
from .problem import DescentResult, Problem, check_limits


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
    who = "steepest_descent"
    check_limits(who, tol, max_iterations)
    problem = Problem(who, f, gradient, x0, Armijo() if line_search is None else line_search, callback)

    def direction(x: np.ndarray, g: np.ndarray, n: float) -> np.ndarray:
        return -g / n

    def step(x: np.ndarray, d: np.ndarray, value: float, g: np.ndarray, last: float | None) -> float:
        return problem.search(problem.value, problem.gradient, x, d, value, g, None if last is None else 2 * last)

    return problem.descend(direction, step, tol, max_iterations)
