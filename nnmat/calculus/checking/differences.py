"""Difference quotients: the judge of every line. It evaluates expressions and knows no law.

Along a direction D, `df ≈ (8 (f₁ - f₋₁) - (f₂ - f₋₂)) / 12h` with fₖ = f(X + k h D), at h and at h/2: their difference
says how much the quotient is worth at this point. A function that swings faster than the steps can give the same wrong
quotient for both. So where one look is not enough, the steps grow from the finest that rounding leaves, and a quotient
that contradicts one of a finer step is not believed.
"""

from functools import lru_cache

import numpy as np

from ..errors import DomainError, UnverifiedError
from ..evaluation.evaluator import Evaluation
from ..language.assumptions import attributes
from ..language.expr import Expr, add, depending, ordered
from ..language.operators import inner
from .sampling import Point, points, structured

FIRST = 0.9169e-3  # no round number: steps that are whole periods of a function see nothing of it
STRETCHED = 1.5  # up to which the first step of a comparison is longer, for each point another: no period fits all
LADDERS = (2.3e-6, 2.3e-12)  # where the growing steps begin: mostly, and for what swings faster
GROWTH, LAST = 7.31, 0.06
AGREE = 1e-6  # relative
ATTEMPTS = 60
BLURS = (1e-9, 1e-13)  # the second for functions that the first takes round a whole period
NOISES = {amount: 1 + amount * np.random.default_rng(0).standard_normal(1 << 14) for amount in BLURS}


@lru_cache(maxsize=8)
def _order(*expressions: Expr) -> list[Expr]:
    """Their nodes, operands first: the same for each of the points of a check."""
    return list(dict.fromkeys(x for e in expressions for x in ordered(e)))


@lru_cache(maxsize=8)
def _moving_order(e: Expr, wrt: Expr) -> list[Expr]:
    """Those of them that depend on `wrt`."""
    return depending(e, wrt)


def quotients(here: Evaluation, wrt: Expr, direction: np.ndarray, e: Expr, h: float) -> tuple[np.ndarray, np.ndarray]:
    """The quotients of `e` at the steps h and h/2. Raises DomainError where a kink lies in between."""
    start = {x: value for x, value in here.known.items() if wrt not in x.free}  # the same wherever `wrt` is
    moved = {k: here.known[wrt] + k * h * direction for k in (-2, -1, -0.5, 0.5, 1, 2)}
    at = {k: Evaluation({**start, wrt: x}, here.sizes) for k, x in moved.items()}
    order = _moving_order(e, wrt)
    for evaluation in at.values():
        evaluation.follow(order)
    f = {k: evaluation.known[e] for k, evaluation in at.items()}
    first, *others = (evaluation.kinks for evaluation in at.values())
    for kinks in others:
        if any(np.any(x != y) for x, y in zip(kinks, first, strict=True)):
            raise DomainError("check: expected a point away from kinks and poles.")
    coarse, fine = ((8 * (f[k] - f[-k]) - (f[2 * k] - f[-2 * k])) / (12 * k * h) for k in (1, 0.5))
    return coarse, fine


def quotient(
    here: Evaluation,
    wrt: Expr,
    direction: np.ndarray,
    e: Expr,
    size: float | None = None,
    finest: bool = False,
    first: float = FIRST,
) -> tuple[np.ndarray, float]:
    """The best difference quotient of `e` round a point, and how uncertain it is; `size` as found by `roundings`.

    `first` is the step of the first look; `finest` begins at the finest steps: before something is called wrong.
    """
    here.value(e)
    size = roundings(here, e)[0] if size is None else size
    try:
        coarse, fine = quotients(here, wrt, direction, e, first)
        error, rounding, large = float(np.abs(coarse - fine).max()), 1e-15 * size / first, float(np.abs(fine).max())
        if error <= 1e-9 * large and rounding <= 1e-7 * large and not finest:
            return fine, error + rounding
    except DomainError:
        pass
    best = np.zeros(0), np.inf
    for least in LADDERS[finest:]:
        found = _climb(here, wrt, direction, e, size, least)
        if found[1] < best[1] or not np.isfinite(best[1]):
            best = found
        if found[1] <= 1e-6 * float(np.abs(found[0]).max(initial=0)):
            break
    if not np.isfinite(best[1]):
        raise DomainError("check: expected a point away from kinks and from the border of the domain.")
    return best


def _climb(
    here: Evaluation, wrt: Expr, direction: np.ndarray, e: Expr, size: float, h: float
) -> tuple[np.ndarray, float]:
    """The best quotient at growing steps, up to the first that contradicts one of a finer step."""
    rungs: list[tuple[np.ndarray, float]] = []
    while h < LAST:
        try:
            coarse, fine = quotients(here, wrt, direction, e, h)
        except DomainError:
            break
        doubt = float(np.abs(coarse - fine).max()) + 1e-15 * size / h
        if any(np.abs(fine - q).max() > 3 * (doubt + unsure) for q, unsure in rungs):
            break
        rungs.append((fine, doubt))
        h *= GROWTH
    return min(rungs, key=lambda rung: rung[1], default=(np.zeros(0), np.inf))


def moving(e: Expr, wrt: Expr) -> Expr:
    """The terms of a sum that depend on `wrt`: the others have no part in its differential, only in its rounding."""
    terms = [a for a in e.args if wrt in a.free] if e.op == "add" else []
    return add(*terms) if any(a.shape == e.shape for a in terms) else e


def roundings(here: Evaluation, *expressions: Expr, times: int = 2) -> list[float]:
    """The size of what each is computed from: every symbol and every result on the way is changed by some 1e-9 of
    itself, at random, and what that moves it by is divided by 1e-9. Rounding moves it by about 1e-16 of this size.
    Once may be far too small by chance, which makes a comparison stricter: enough where that one holds."""
    exact = [here.value(e) for e in expressions]
    moved = [0.0] * len(expressions)
    order = _order(*expressions)
    used, rng = 0, np.random.default_rng(1)
    for amount in BLURS * times:

        def blur(x: Expr, value: np.ndarray, by: float = amount, noise: np.ndarray = NOISES[amount]) -> np.ndarray:
            nonlocal used
            if not x.args and x.op != "sym":
                return value
            used += value.size
            drawn = noise[used - value.size : used]  # once for all checks, but where there is more to blur
            return value * (drawn if used <= noise.size else 1 + by * rng.standard_normal(value.size)).reshape(
                value.shape
            )

        blurred = Evaluation({s: blur(s, a) for s, a in here.known.items() if s.op == "sym"}, here.sizes, blur)
        blurred.follow(order)
        moved = [
            max(m, float(np.abs(blurred.known[e] - value).max()) / amount)
            for m, e, value in zip(moved, expressions, exact, strict=True)
        ]
    return moved


def direction_for(wrt: Expr, point: Point, rng: np.random.Generator) -> np.ndarray:
    """A random direction of length 1 that keeps the attributes."""
    d = structured(rng.standard_normal(point.arrays[wrt].shape), attributes(wrt))
    return d / np.linalg.norm(d)


def compare(f: Expr, gradient: Expr, wrt: Expr, seed: int = 0, trials: int = 3, entries: bool = False) -> float:
    """The largest relative difference of ⟨gradient, D⟩ and the quotient of f over `trials` points.

    Raises UnverifiedError, with the point, where they differ, or if too few points of the domain are found.
    """
    rng, steps = np.random.default_rng(seed), np.random.default_rng((seed, 1))
    both = inner(f, gradient) if f.shape == gradient.shape else f * inner(gradient, gradient)
    found: list[float] = []
    for point in points(both, rng, ATTEMPTS):
        d = direction_for(wrt, point, rng)
        try:
            claim = _Claim(f, gradient, wrt, point, d, entries, FIRST * steps.uniform(1, STRETCHED))
            near = claim.near()
            found += [claim.error()] if near is None else [near]
        except DomainError:
            continue
        if len(found) == trials:
            return max(found)
    raise UnverifiedError(
        f"check: expected {trials} points of the domain of {f} in {ATTEMPTS} draws, found {len(found)}. "
        "Try attributes, such as positive=True or invertible=True."
    )


class _Claim:
    """What a gradient says of the slope of `f` at a point along a direction."""

    def __init__(
        self, f: Expr, gradient: Expr, wrt: Expr, point: Point, direction: np.ndarray, entries: bool, first: float
    ):
        self.f, self.gradient, self.wrt, self.point, self.direction = f, gradient, wrt, point, direction
        self.first = first
        self.part = moving(f, wrt)
        self.here = Evaluation(point.arrays, point.sizes)
        slope = self.here.value(gradient)
        self.here.value(self.part)
        self.steep = float(np.abs(slope).max())
        kept = np.tril(slope) if entries else structured(slope, attributes(wrt))
        self.bent = float(np.abs(slope - kept).max())  # no direction sees that part of it
        along = np.tril(direction) if entries else direction  # of a symmetric matrix the lower entries are free
        self.claimed = float((slope * along).sum())

    def near(self) -> float | None:
        """The relative error where the claim and the quotients agree so well that nobody need ask what they are
        worth; None where that has to be asked."""
        if self.bent > AGREE * self.steep:
            return None
        try:
            found = quotients(self.here, self.wrt, self.direction, self.part, self.first)
        except DomainError:
            return None
        coarse, fine = (float(q[0, 0]) for q in found)
        large, gap = max(abs(self.claimed), abs(fine)), abs(self.claimed - fine)
        agree = large > 0.0 and abs(coarse - fine) <= 1e-9 * large and gap <= AGREE * large
        return gap / large if agree else None

    def error(self) -> float:
        """The relative error, with all that is known of how much the quotient is worth: DomainError if nothing."""
        size, own = roundings(self.here, self.part, self.gradient, times=2 if self.bent > AGREE * self.steep else 1)
        parts = max(size, own)
        zero = self.steep <= 1e-13 * parts  # such a claim meets nothing but rounding errors
        if self.bent > AGREE * self.steep + 1e-13 * own:
            raise UnverifiedError(
                f"check: expected a gradient with the structure of {self.wrt.name}, got {self.gradient}, "
                f"at {self.point}."
            )
        for last in (False, True):
            finest = zero or last  # a quotient that misses the swings of a function would agree with a wrong 0
            if last:
                size, own = roundings(self.here, self.part, self.gradient)
            measured, doubt = quotient(self.here, self.wrt, self.direction, self.part, size, finest, self.first)
            real = float(measured[0, 0])
            large = max(abs(self.claimed), abs(real))
            gap, doubt = abs(self.claimed - real), doubt + 1e-14 * own
            if not doubt <= (1e-8 * parts if zero else 1e-5 * large):
                raise DomainError("check: expected a point where the quotient is worth something.")
            if gap <= AGREE * large + 10 * doubt:
                return gap / ((parts if zero else large) or 1.0)
        raise UnverifiedError(
            f"check: expected the derivative {real:.9g} of {self.f} by {self.wrt.name}, got {self.claimed:.9g} "
            f"from {self.gradient}, at {self.point}."
        )
