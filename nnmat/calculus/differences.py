"""Difference quotients: the judge of every line. It evaluates expressions and knows no law.

Along a direction D, `df ≈ (8 (f₁ - f₋₁) - (f₂ - f₋₂)) / 12h` with fₖ = f(X + k h D), at two steps: their difference
says how much the quotient is worth at this point.
"""

import numpy as np

from .errors import DomainError, UnverifiedError
from .evaluator import Evaluation
from .expr import Expr
from .functions import inner
from .known import attributes
from .sampling import Point, points, structured

STEPS = (1e-3, 2e-4, 5e-3)
AGREE = 1e-6  # relative
ATTEMPTS = 60


class Stencil:
    """The values of expressions at X, X ± hD and X ± 2hD. Raises DomainError where a kink lies in between."""

    def __init__(self, point: Point, wrt: Expr, direction: np.ndarray, h: float):
        self.h = h
        self.at = [
            Evaluation({**point.arrays, wrt: point.arrays[wrt] + k * h * direction}, point.sizes)
            for k in (-2, -1, 1, 2)
        ]

    def quotient(self, e: Expr) -> np.ndarray:
        """The differential of `e` along the direction."""
        a, b, c, d = (ev.value(e) for ev in self.at)
        for ev in self.at[1:]:
            if any((x != y).any() for x, y in zip(ev.kinks, self.at[0].kinks, strict=True)):
                raise DomainError("check: expected a point away from kinks.")
        return (8 * (c - b) - (d - a)) / (12 * self.h)


def quotient(point: Point, wrt: Expr, direction: np.ndarray, e: Expr) -> tuple[np.ndarray, float]:
    """The best difference quotient of `e`, and how uncertain it is."""
    best, doubt = np.zeros(0), np.inf
    for h in STEPS:
        try:
            coarse = Stencil(point, wrt, direction, h).quotient(e)
            fine = Stencil(point, wrt, direction, h / 2).quotient(e)
        except DomainError:
            continue
        error = float(np.abs(coarse - fine).max())
        if error < doubt:
            best, doubt = fine, error
        if doubt <= 1e-9 * float(np.abs(best).max()):
            break
    if not np.isfinite(doubt):
        raise DomainError("check: expected a point away from kinks and from the border of the domain.")
    return best, doubt


def direction_for(wrt: Expr, point: Point, rng: np.random.Generator) -> np.ndarray:
    """A random direction of length 1 that keeps the attributes."""
    d = structured(rng.standard_normal(point.arrays[wrt].shape), attributes(wrt))
    return d / np.linalg.norm(d)


def compare(f: Expr, gradient: Expr, wrt: Expr, seed: int = 0, trials: int = 3, entries: bool = False) -> float:
    """The largest relative difference of ⟨gradient, D⟩ and the quotient of f over `trials` points.

    Raises UnverifiedError, with the point, where they differ, or if too few points of the domain are found.
    """
    rng = np.random.default_rng(seed)
    both = inner(f, gradient) if f.shape == gradient.shape else f * inner(gradient, gradient)
    good, worst = 0, 0.0
    for point in points(both, rng, ATTEMPTS):
        d = direction_for(wrt, point, rng)
        try:
            evaluation = Evaluation(point.arrays, point.sizes)
            value = abs(evaluation.value(f)[0, 0])
            slope = evaluation.value(gradient)
            measured, doubt = quotient(point, wrt, d, f)
        except DomainError:
            continue
        along = np.tril(d) if entries else d  # of a symmetric matrix the lower entries are the free ones
        claimed = float((slope * along).sum())
        real = float(measured[0, 0])
        size = max(abs(claimed), abs(real))
        flat = float(np.abs(slope).max()) < 1e-15  # a claim of zero meets rounding errors of the size of the parts of f
        floor = 1e-11 * (value + flat)
        gap = abs(claimed - real)
        if doubt > 1e-5 * size + floor:
            continue  # the quotient is worth nothing here
        if gap > AGREE * size + 10 * doubt + floor:
            raise UnverifiedError(
                f"check: expected the derivative {real:.9g} of {f} by {wrt.name}, got {claimed:.9g} "
                f"from {gradient}, at {point}."
            )
        worst = max(worst, gap / max(size, 1e-3))
        good += 1
        if good == trials:
            return worst
    raise UnverifiedError(
        f"check: expected {trials} points of the domain of {f} in {ATTEMPTS} draws, found {good}. "
        "Try attributes, such as positive=True or invertible=True."
    )
