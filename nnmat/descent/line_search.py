"""How far to go along a direction d: the step α > 0 of x + α d.

Every search is called as `search(f, gradient, x, d, value, g, guess)` with vectors x, d, g = ∇f(x), value = f(x) and a
first guess, and returns α or raises `LineSearchError`. All need gᵀd < 0: d goes downhill. Comparisons are written as
`not f(x + α d) <= bound`, which is true for a NaN: a step out of the domain of f is refused, where `f(x + α d) > bound`
would let it through. Reference: docs/equations.md, ALG-2; J. Nocedal, S. Wright, "Numerical Optimization", chapter 3.
"""

import math
from collections.abc import Callable

import numpy as np

from ..checks import count, number, positive
from ..errors import ConfigError
from ..habits import arguments_checked

Vector = np.ndarray
Function = Callable[[Vector], float]
Gradient = Callable[[Vector], Vector]


class LineSearchError(ArithmeticError):
    """A line search that found no step: not downhill, not bounded, or no improvement above rounding."""


class FixedStep:
    """α is a constant. Along a *unit* direction the iterates end up jumping to and fro across the minimiser."""

    @arguments_checked
    def __init__(self, alpha: float):
        self.alpha = positive("FixedStep", "alpha", alpha)

    def __call__(self, f: Function, gradient: Gradient, x: Vector, d: Vector, value: float, g: Vector, guess: float):
        return self.alpha

    def __repr__(self) -> str:
        return f"FixedStep({self.alpha})"


class ExactQuadratic:
    """α = -gᵀd / (dᵀ A d): the minimiser along d if f is a quadratic with Hessian A.

    `hessian_product(d)` returns A d; for ‖X w - y‖² it is 2 Xᵀ(X d). Fails where dᵀ A d is not positive.
    """

    @arguments_checked
    def __init__(self, hessian_product: Callable[[Vector], Vector]):
        if not callable(hessian_product):
            raise ConfigError(
                f"ExactQuadratic: expected a function d -> A d, got {type(hessian_product).__name__}. "
                "Try lambda d: A @ d."
            )
        self.hessian_product = hessian_product

    def __call__(self, f: Function, gradient: Gradient, x: Vector, d: Vector, value: float, g: Vector, guess: float):
        slope, curvature = _slope(g, d), float(np.vdot(d, self.hessian_product(d)))
        if not curvature > 0:
            raise LineSearchError(f"the curvature dᵀ A d = {curvature:.3g} is not positive: f has no minimum along d")
        return -slope / curvature

    def __repr__(self) -> str:
        return "ExactQuadratic(hessian_product)"


class Armijo:
    """Backtracking: from a first guess, shrink α until f(x + α d) <= f(x) + c1 α gᵀd.

    f must really fall: for tiny α the bound rounds to f(x), which a step of no effect would meet. `initial` is the
    guess of the first iteration, later ones start at twice the last step. Fails after `max_shrinks`.
    """

    @arguments_checked
    def __init__(self, initial: float = 1.0, c1: float = 1e-4, shrink: float = 0.5, max_shrinks: int = 60):
        self.initial = positive("Armijo", "initial", initial)
        self.c1, self.shrink = number("Armijo", "c1", c1), number("Armijo", "shrink", shrink)
        if not 0 < self.c1 < 1 or not 0 < self.shrink < 1:
            raise ConfigError(
                f"Armijo: expected 0 < c1 < 1 and 0 < shrink < 1, got c1={c1!r}, shrink={shrink!r}. "
                "The usual values are 1e-4 and 0.5."
            )
        self.max_shrinks = count("Armijo", "max_shrinks", max_shrinks, least=0)

    def __call__(
        self, f: Function, gradient: Gradient, x: Vector, d: Vector, value: float, g: Vector, guess: float | None
    ):
        slope, alpha = _slope(g, d), self.initial if guess is None else guess
        for _ in range(self.max_shrinks + 1):
            trial = f(x + alpha * d)
            if trial <= value + self.c1 * alpha * slope and trial < value:  # both false for NaN
                return alpha
            alpha *= self.shrink
        raise LineSearchError(f"no step down to {alpha:.3g} lowers f enough (f = {value:.9g}, slope {slope:.3g})")

    def __repr__(self) -> str:
        return f"Armijo(initial={self.initial}, c1={self.c1}, shrink={self.shrink})"


class StrongWolfe:
    """α with f(x + α d) <= f(x) + c1 α gᵀd and |∇f(x + α d)ᵀd| <= c2 |gᵀd|, 0 < c1 < c2 < 1.

    Grows α until an interval must hold such a step, then shrinks the interval by cubic interpolation of f and its
    slope at both ends. c2 = 0.1 suits gradient directions. Fails after `max_evaluations` values of f, or when f falls
    without end.
    """

    @arguments_checked
    def __init__(
        self,
        initial: float = 1.0,
        c1: float = 1e-4,
        c2: float = 0.1,
        max_step: float = 1e10,
        max_evaluations: int = 100,
    ):
        self.initial = positive("StrongWolfe", "initial", initial)
        self.max_step = positive("StrongWolfe", "max_step", max_step)
        self.c1, self.c2 = number("StrongWolfe", "c1", c1), number("StrongWolfe", "c2", c2)
        if not 0 < self.c1 < self.c2 < 1:
            raise ConfigError(
                f"StrongWolfe: expected 0 < c1 < c2 < 1, got c1={c1!r}, c2={c2!r}. The usual values are 1e-4 and 0.1."
            )
        self.max_evaluations = count("StrongWolfe", "max_evaluations", max_evaluations)

    def __call__(
        self, f: Function, gradient: Gradient, x: Vector, d: Vector, value: float, g: Vector, guess: float | None
    ):
        slope = _slope(g, d)
        line = _Line(f, gradient, x, d, value, slope, self)
        previous = 0.0, value, slope
        alpha = min(self.initial if guess is None else guess, self.max_step)
        while True:
            phi = line.value(alpha)
            if not line.low_enough(alpha, phi) or (previous[0] > 0 and not phi < previous[1]):
                return line.zoom(previous, line.point(alpha, phi))
            point = line.point(alpha, phi)
            if line.flat_enough(point[2]):
                return alpha
            if not point[2] < 0:
                return line.zoom(point, previous)
            if alpha >= self.max_step:
                raise LineSearchError(f"f still falls at the longest step {alpha:.3g}: is it bounded below?")
            previous, alpha = point, min(2 * alpha, self.max_step)

    def __repr__(self) -> str:
        return f"StrongWolfe(initial={self.initial}, c1={self.c1}, c2={self.c2})"


Point = tuple[float, float, float]  # α, φ(α), and φ'(α), which is NaN where φ is not finite


class _Line:
    """φ(α) = f(x + α d) and the two conditions of the strong Wolfe search."""

    def __init__(self, f, gradient, x, d, value: float, slope: float, settings: StrongWolfe):
        self.f, self.gradient, self.x, self.d = f, gradient, x, d
        self.value0, self.slope0, self.settings = value, slope, settings
        self.left = settings.max_evaluations

    def value(self, alpha: float) -> float:
        if self.left == 0:
            raise LineSearchError(
                f"no step meets both conditions after {self.settings.max_evaluations} values "
                f"(f = {self.value0:.9g}, slope {self.slope0:.3g}, last step {alpha:.3g})"
            )
        self.left -= 1
        return float(self.f(self.x + alpha * self.d))

    def point(self, alpha: float, phi: float) -> Point:
        slope = np.vdot(self.gradient(self.x + alpha * self.d), self.d) if math.isfinite(phi) else math.nan
        return alpha, phi, float(slope)

    def low_enough(self, alpha: float, phi: float) -> bool:
        return math.isfinite(phi) and phi <= self.value0 + self.settings.c1 * alpha * self.slope0

    def flat_enough(self, slope: float) -> bool:
        return abs(slope) <= -self.settings.c2 * self.slope0

    def zoom(self, low: Point, high: Point) -> float:
        """Shrink the interval; `low` is low enough, has the smallest φ seen, and φ falls from it towards `high`."""
        while True:
            alpha = _between(low, high)
            if alpha in (low[0], high[0]):
                raise LineSearchError(f"no step between {low[0]:.17g} and {high[0]:.17g} meets both conditions")
            phi = self.value(alpha)
            if not self.low_enough(alpha, phi) or not phi < low[1]:
                high = self.point(alpha, phi)
                continue
            point = self.point(alpha, phi)
            if self.flat_enough(point[2]):
                return alpha
            if point[2] * (high[0] - low[0]) >= 0:
                high = low
            low = point


def _between(low: Point, high: Point) -> float:
    """The minimiser of the cubic through both points if it lies in the inner 80 % of the interval, else the middle."""
    (a, phi_a, slope_a), (b, phi_b, slope_b) = low, high
    middle, width = (a + b) / 2, abs(b - a)
    s = slope_a + slope_b - 3 * (phi_a - phi_b) / (a - b)
    root = s * s - slope_a * slope_b
    if not root >= 0:  # no minimum, or a slope is NaN
        return middle
    w = math.copysign(math.sqrt(root), b - a)
    divisor = slope_b - slope_a + 2 * w
    alpha = b - (b - a) * (slope_b + w - s) / divisor if divisor else math.nan
    return alpha if abs(alpha - middle) <= 0.4 * width else middle


def _slope(g: Vector, d: Vector) -> float:
    slope = float(np.vdot(g, d))
    if not slope < 0:
        raise LineSearchError(f"the direction does not go downhill: gᵀd = {slope:.3g}")
    return slope
