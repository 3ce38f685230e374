"""Difference quotients: the judge of every line. It evaluates expressions and knows no law.

Along a direction D, `df ≈ (8 (f₁ - f₋₁) - (f₂ - f₋₂)) / 12h` with fₖ = f(X + k h D), at two steps: their difference
says how much the quotient is worth at this point.
"""

import numpy as np

from ..errors import DomainError, UnverifiedError
from ..evaluation.evaluator import Evaluation
from ..language.assumptions import attributes
from ..language.expr import Expr, add
from ..language.operators import inner
from .sampling import Point, points, structured

STEPS = (1e-3, 2e-4, 5e-3, 5e-2)
AGREE = 1e-6  # relative
ATTEMPTS = 60
BLUR = 1e-9


def fixed(here: Evaluation, wrt: Expr) -> dict[Expr, np.ndarray]:
    """The values that are the same wherever `wrt` is."""
    return {e: value for e, value in here.known.items() if wrt not in e.free}


class Stencil:
    """The values of expressions at X ± hD and X ± 2hD. Raises DomainError where a kink lies in between."""

    def __init__(self, here: Evaluation, wrt: Expr, direction: np.ndarray, h: float):
        self.h = h
        start = fixed(here, wrt)
        self.at = [Evaluation({**start, wrt: here.known[wrt] + k * h * direction}, here.sizes) for k in (-2, -1, 1, 2)]

    def quotient(self, e: Expr) -> np.ndarray:
        """The differential of `e` along the direction."""
        a, b, c, d = (ev.value(e) for ev in self.at)
        for ev in self.at[1:]:
            if any(np.any(x != y) for x, y in zip(ev.kinks, self.at[0].kinks, strict=True)):
                raise DomainError("check: expected a point away from kinks and poles.")
        return (8 * (c - b) - (d - a)) / (12 * self.h)


def quotient(here: Evaluation, wrt: Expr, direction: np.ndarray, e: Expr, size: float = 0) -> tuple[np.ndarray, float]:
    """The best difference quotient of `e` round a point, and how uncertain it is; `size` as found by `roundings`."""
    here.value(e)
    best, doubt = np.zeros(0), np.inf
    for h in STEPS:
        try:
            coarse = Stencil(here, wrt, direction, h).quotient(e)
            fine = Stencil(here, wrt, direction, h / 2).quotient(e)
        except DomainError:
            continue
        error, rounding, large = float(np.abs(coarse - fine).max()), 1e-15 * size / h, float(np.abs(fine).max())
        if error + rounding < doubt:
            best, doubt = fine, error + rounding
        if error <= 1e-9 * large and rounding <= 1e-7 * large:
            break
    if not np.isfinite(doubt):
        raise DomainError("check: expected a point away from kinks and from the border of the domain.")
    return best, doubt


def moving(e: Expr, wrt: Expr) -> Expr:
    """The terms of a sum that depend on `wrt`: the others have no part in its differential, only in its rounding."""
    terms = [a for a in e.args if wrt in a.free] if e.op == "add" else []
    return add(*terms) if any(a.shape == e.shape for a in terms) else e


def roundings(here: Evaluation, *expressions: Expr) -> list[float]:
    """The size of what each is computed from: every symbol and every result on the way is changed by some 1e-9 of
    itself, at random, and what that moves it by is divided by 1e-9. Rounding moves it by about 1e-16 of this size."""
    exact = [here.value(e) for e in expressions]
    rng = np.random.default_rng(0)

    def blur(x: Expr, value: np.ndarray) -> np.ndarray:
        return value * (1 + BLUR * rng.standard_normal(value.shape)) if x.args or x.op == "sym" else value

    moved = [0.0] * len(expressions)
    for _ in range(3):
        blurred = Evaluation({s: blur(s, a) for s, a in here.known.items() if s.op == "sym"}, here.sizes, blur)
        moved = [
            max(m, float(np.abs(blurred.value(e) - value).max()))
            for m, e, value in zip(moved, expressions, exact, strict=True)
        ]
    return [m / BLUR for m in moved]


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
            here = Evaluation(point.arrays, point.sizes)
            slope = here.value(gradient)
            size, own = roundings(here, moving(f, wrt), gradient)
            measured, doubt = quotient(here, wrt, d, moving(f, wrt), size)
        except DomainError:
            continue
        along = np.tril(d) if entries else d  # of a symmetric matrix the lower entries are the free ones
        claimed = float((slope * along).sum())
        real = float(measured[0, 0])
        large = max(abs(claimed), abs(real))
        parts = max(size, own)
        steep = float(np.abs(slope).max())
        zero = steep <= 1e-13 * parts  # such a claim meets nothing but rounding errors
        kept = np.tril(slope) if entries else structured(slope, attributes(wrt))
        if np.abs(slope - kept).max() > AGREE * steep + 1e-13 * own:  # no direction sees that part of it
            raise UnverifiedError(
                f"check: expected a gradient with the structure of {wrt.name}, got {gradient}, at {point}."
            )
        doubt += 1e-14 * own
        if doubt > (1e-8 * parts if zero else 1e-5 * large):
            continue  # the quotient is worth nothing here
        gap = abs(claimed - real)
        if gap > AGREE * large + 10 * doubt:
            raise UnverifiedError(
                f"check: expected the derivative {real:.9g} of {f} by {wrt.name}, got {claimed:.9g} "
                f"from {gradient}, at {point}."
            )
        worst = max(worst, gap / ((parts if zero else large) or 1.0))
        good += 1
        if good == trials:
            return worst
    raise UnverifiedError(
        f"check: expected {trials} points of the domain of {f} in {ATTEMPTS} draws, found {good}. "
        "Try attributes, such as positive=True or invertible=True."
    )
