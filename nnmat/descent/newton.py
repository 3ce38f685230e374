"""Newton's method with a line search; the step by conjugate gradients, or from the Hessian (docs/equations.md, 6.5)."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..checks import number, real_array
from ..errors import ConfigError, ShapeError
from .line_search import Armijo, LineSearchError
from .problem import DescentResult, DirectionError, Problem, check_function, check_limits

ROUNDING = 1024 * float(np.finfo(np.float64).eps)  # relative: what of f a sum over samples loses
SYMMETRIC = 1e-6  # relative: a Hessian by difference quotients is no more


def newton(
    f: Callable[[Any], float],
    gradient: Callable[[Any], Any],
    x0: Any,
    hessian_product: Callable[[Any, Any], Any] | None = None,
    hessian: Callable[[Any], Any] | None = None,
    line_search: Callable | None = None,
    tol: float = 1e-6,
    max_iterations: int = 100,
    accuracy: float | None = None,
    callback: Callable[[int, Any, float, float], None] | None = None,
) -> DescentResult:
    """Minimise f from x0 by Newton's method.

    ```
    g = ∇f(x), H = ∇²f(x)
    stop if ‖g‖ <= tol
    H d = -g                              to ‖H d + g‖ <= η ‖g‖ by conjugate gradients, which need only products H v;
                                          where vᵀ H v <= 0 they end: with what they have, or with -g at once
    x = x + α d                           α = 1 is tried first by the line search
    ```
    Give one of `hessian_product(x, v)` = H v, v and the result like x0, and `hessian(x)`, the positive definite matrix
    (n, n) of all n entries of x0, row by row, one array after the other; the system is then solved by a factorisation.
    `accuracy` is η; None: min(½, ‖g‖/‖∇f(x0)‖), which keeps the convergence quadratic. Where the fall of f that is to
    come, ½|gᵀd|, is lost in the rounding of f, the whole step is taken as long as it makes ‖g‖ smaller.
    Other arguments and the result as in `steepest_descent`; "products" in `history` are the products H v of each step.
    Reference: J. Nocedal, S. Wright, "Numerical Optimization", 2nd ed., algorithm 7.1.

    Ends converged, or with a `reason`, as `steepest_descent` does, and where a Hessian is not positive definite or
    not finite. Raises `NonFiniteError` if f or its gradient is not finite at x0, `ConfigError`, `DtypeError` and
    `ShapeError` for the arguments.
    """
    who = "newton"
    check_limits(who, tol, max_iterations)
    if (hessian is None) == (hessian_product is None):
        both = "none" if hessian is None else "both"
        raise ConfigError(
            f"{who}: expected one of hessian_product and hessian, got {both}. Try hessian_product=lambda x, v: 2 * v."
        )
    if hessian is None:
        check_function(who, "hessian_product", hessian_product, "lambda x, v: 2 * v")
    else:
        check_function(who, "hessian", hessian, "lambda x: 2 * np.eye(x.size)")
    if accuracy is not None and not 0 < number(who, "accuracy", accuracy) < 1:
        raise ConfigError(f"{who}: expected accuracy as a number between 0 and 1, or None, got {accuracy!r}.")
    problem = Problem(who, f, gradient, x0, Armijo() if line_search is None else line_search, callback)
    first = float(np.linalg.norm(problem.gradient_at_x))
    multiply: Any = hessian_product
    products: list[float] = []

    def direction(x: np.ndarray, g: np.ndarray, n: float) -> np.ndarray:
        if hessian is not None:
            return _solved(who, problem, hessian, x, g)
        at = problem.unpack(x)
        d, used = conjugate_gradients(
            lambda v: problem.pack(multiply(at, problem.unpack(v)), "the product with H", "hessian_product(x, v)"),
            g,
            min(0.5, n / first) if accuracy is None else accuracy,
        )
        products.append(float(used))
        return d

    def step(x: np.ndarray, d: np.ndarray, value: float, g: np.ndarray, last: float | None) -> float:
        if 0 < -0.5 * float(np.vdot(g, d)) <= ROUNDING * abs(value):
            after = float(np.linalg.norm(problem.gradient(x + d)))
            if not after < np.linalg.norm(g):
                raise LineSearchError(
                    f"neither f nor ‖g‖ falls above rounding (f = {value:.9g}, then ‖g‖ = {after:.3g})"
                )
            return 1.0
        return problem.search(problem.value, problem.gradient, x, d, value, g, None)

    result = problem.descend(direction, step, tol, max_iterations)
    if hessian is None:
        result.history["products"] = products
    return result


def conjugate_gradients(
    product: Callable[[np.ndarray], np.ndarray], g: np.ndarray, accuracy: float
) -> tuple[np.ndarray, int]:
    """d with ‖H d + g‖ <= accuracy ‖g‖, and the number of products H v it took.

    `product(v)` is H v. Where vᵀ H v <= 0 the d so far, or -g if there is none. Raises DirectionError where it is not
    finite.
    """
    d, r, p = np.zeros_like(g), g, -g
    square = float(np.vdot(r, r))
    enough, most = accuracy * math.sqrt(square), 2 * len(g)
    for used in range(1, most + 1):
        Hp = product(p)
        curvature = float(np.vdot(p, Hp))
        if not math.isfinite(curvature):
            raise DirectionError(f"the product with the Hessian is not finite: vᵀ H v = {curvature}")
        if curvature <= 0:
            return (-g if used == 1 else d), used
        a = square / curvature
        d, r = d + a * p, r + a * Hp
        square, before = float(np.vdot(r, r)), square
        if math.sqrt(square) <= enough:
            break
        p = (square / before) * p - r
    return d, used


def _solved(who: str, problem: Problem, hessian: Callable, x: np.ndarray, g: np.ndarray) -> np.ndarray:
    """-H⁻¹ g of a positive definite H."""
    H = real_array(who, "hessian(x)", hessian(problem.unpack(x))).astype(np.float64)
    if H.shape != (len(g), len(g)):
        raise ShapeError(
            f"{who}: expected the Hessian of shape {(len(g), len(g))}, for {len(g)} entries of x0, got {H.shape}."
        )
    if not np.isfinite(H).all():
        raise DirectionError("the Hessian is not finite")
    if np.abs(H - H.T).max() > SYMMETRIC * np.abs(H).max():
        raise ConfigError(f"{who}: expected a symmetric Hessian, got one that differs from its transpose.")
    try:
        np.linalg.cholesky(H)
    except np.linalg.LinAlgError:
        raise DirectionError(
            "the Hessian is not positive definite. Add a multiple of ‖x‖² to f, or give hessian_product, which goes on"
        ) from None
    return np.linalg.solve(H, -g)
