"""Difference quotients: the judge of every line. It evaluates expressions and knows no law.

Along a direction D, `df ≈ (8 (f₁ - f₋₁) - (f₂ - f₋₂)) / 12h` with fₖ = f(X + k h D), at h and at h/2: their difference
says how much the quotient is worth at this point. A function that swings faster than the steps can give the same wrong
quotient for both. So where one look is not enough, the steps grow from the finest that rounding leaves, and a quotient
that contradicts one of a finer step is not believed.
"""

import numpy as np

from ..errors import DomainError, UnverifiedError
from ..evaluation.evaluator import Evaluation
from ..language.assumptions import attributes
from ..language.expr import Expr, add, ordered
from ..language.operators import inner
from .sampling import Point, points, structured

FIRST = 0.9169e-3  # no round number: steps that are whole periods of a function see nothing of it
LADDERS = (2.3e-6, 2.3e-12)  # where the growing steps begin: mostly, and for what swings faster
GROWTH, LAST = 7.31, 0.06
AGREE = 1e-6  # relative
ATTEMPTS = 60
BLURS = (1e-9, 1e-13)  # the second for functions that the first takes round a whole period


def fixed(here: Evaluation, wrt: Expr) -> dict[Expr, np.ndarray]:
    """The values that are the same wherever `wrt` is."""
    return {e: value for e, value in here.known.items() if wrt not in e.free}


def quotients(here: Evaluation, wrt: Expr, direction: np.ndarray, e: Expr, h: float) -> tuple[np.ndarray, np.ndarray]:
    """The quotients of `e` at the steps h and h/2. Raises DomainError where a kink lies in between."""
    start = fixed(here, wrt)
    moved = {k: here.known[wrt] + k * h * direction for k in (-2, -1, -0.5, 0.5, 1, 2)}
    at = {k: Evaluation({**start, wrt: x}, here.sizes) for k, x in moved.items()}
    order = ordered(e, until=start.__contains__)
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
    here: Evaluation, wrt: Expr, direction: np.ndarray, e: Expr, size: float | None = None, finest: bool = False
) -> tuple[np.ndarray, float]:
    """The best difference quotient of `e` round a point, and how uncertain it is; `size` as found by `roundings`.

    `finest` begins at the finest steps: before something is called wrong.
    """
    here.value(e)
    size = roundings(here, e)[0] if size is None else size
    try:
        coarse, fine = quotients(here, wrt, direction, e, FIRST)
        error, rounding, large = float(np.abs(coarse - fine).max()), 1e-15 * size / FIRST, float(np.abs(fine).max())
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
    rng = np.random.default_rng(0)
    moved = [0.0] * len(expressions)
    order = list(dict.fromkeys(x for e in expressions for x in ordered(e)))
    for amount in BLURS * times:

        def blur(x: Expr, value: np.ndarray, by: float = amount) -> np.ndarray:
            if not x.args and x.op != "sym":
                return value
            if value.size == 1:
                return value * (1 + by * rng.standard_normal())
            return value * (1 + by * rng.standard_normal(value.shape))

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
    rng = np.random.default_rng(seed)
    both = inner(f, gradient) if f.shape == gradient.shape else f * inner(gradient, gradient)
    good, worst = 0, 0.0
    for point in points(both, rng, ATTEMPTS):
        d = direction_for(wrt, point, rng)
        try:
            here = Evaluation(point.arrays, point.sizes)
            slope = here.value(gradient)
            steep = float(np.abs(slope).max())
            kept = np.tril(slope) if entries else structured(slope, attributes(wrt))
            bent = float(np.abs(slope - kept).max())
            size, own = roundings(here, moving(f, wrt), gradient, times=2 if bent > AGREE * steep else 1)
        except DomainError:
            continue
        claimed = float((slope * (np.tril(d) if entries else d)).sum())  # of a symmetric matrix the lower are free
        parts = max(size, own)
        zero = steep <= 1e-13 * parts  # such a claim meets nothing but rounding errors
        if bent > AGREE * steep + 1e-13 * own:  # no direction sees that part of it
            raise UnverifiedError(
                f"check: expected a gradient with the structure of {wrt.name}, got {gradient}, at {point}."
            )
        for last in (False, True):
            finest = zero or last  # a quotient that misses the swings of a function would agree with a wrong 0
            try:
                if last:
                    size, own = roundings(here, moving(f, wrt), gradient)
                measured, doubt = quotient(here, wrt, d, moving(f, wrt), size, finest)
            except DomainError:
                doubt = np.inf
                break
            real = float(measured[0, 0])
            large = max(abs(claimed), abs(real))
            gap, doubt = abs(claimed - real), doubt + 1e-14 * own
            believed = doubt <= (1e-8 * parts if zero else 1e-5 * large)
            if not believed or gap <= AGREE * large + 10 * doubt:
                break
        else:
            raise UnverifiedError(
                f"check: expected the derivative {real:.9g} of {f} by {wrt.name}, got {claimed:.9g} "
                f"from {gradient}, at {point}."
            )
        if not (np.isfinite(doubt) and believed):
            continue  # the quotient is worth nothing here
        worst = max(worst, gap / ((parts if zero else large) or 1.0))
        good += 1
        if good == trials:
            return worst
    raise UnverifiedError(
        f"check: expected {trials} points of the domain of {f} in {ATTEMPTS} draws, found {good}. "
        "Try attributes, such as positive=True or invertible=True."
    )
