"""`Derivation.check`: every line against difference quotients and against the line before it."""

import numpy as np

from ...checks import count, generator
from ..errors import DomainError, UnverifiedError
from ..evaluation.evaluator import Evaluation
from ..language.expr import Expr, add
from ..language.operators import inner
from ..records.record import Record, Step
from .differences import ATTEMPTS, compare, direction_for, moving, quotient, roundings
from .sampling import Point, points

LINES = 1e-6  # relative, for lines with measured differentials
GRADIENTS = 1e-9  # relative, for two forms of one gradient


def check(d: Record, trials: int, seed: int) -> float:
    """The largest relative error over all lines and points; UnverifiedError names the step and the point."""
    count("check", "trials", trials)
    rng = generator("check", "seed", seed)
    worst, good = 0.0, 0
    for point in points(_everything(d), rng, ATTEMPTS):
        direction = direction_for(d.wrt, point, rng) if d.wrt in point.arrays else np.zeros((1, 1))
        try:
            worst = max(worst, _at(d, point, direction))
        except DomainError:
            continue
        good += 1
        if good == trials:
            break
    if good < trials:
        raise UnverifiedError(
            f"check: expected {trials} points of the domain of {d.root}, found {good}. Try attributes."
        )
    if d.wrt in d.root.free:
        worst = max(worst, compare(d.root, d.gradient, d.wrt, seed, trials, d.form == "entries"))
    return worst


def _everything(d: Record) -> Expr:
    """One expression that holds all shapes of the derivation."""
    gradients = [inner(link.closed, link.closed) for link in d.chain]
    return add(d.root, *gradients)


def _at(d: Record, point: Point, direction: np.ndarray) -> float:
    """The largest relative error at a point; where a line seems wrong, once more with the finest steps."""
    try:
        return _lines(d, point, direction, False)
    except UnverifiedError:
        return _lines(d, point, direction, True)


def _lines(d: Record, point: Point, direction: np.ndarray, finest: bool) -> float:
    evaluation = Evaluation(point.arrays, point.sizes)
    unit = max(roundings(evaluation, moving(d.root, d.wrt), d.gradient)) if d.wrt in d.root.free else 1.0
    doubts: list[float] = [0.0]  # relative to what the quotients are computed from

    def differences(e: Expr) -> np.ndarray:
        if d.wrt not in e.free:
            return np.zeros(evaluation.shape(e))
        if e is d.wrt:
            return direction
        e = moving(e, d.wrt)
        size = roundings(evaluation, e)[0]
        value, doubt = quotient(evaluation, d.wrt, direction, e, size, finest)
        doubts.append(doubt / size if size else 0.0)
        return value

    evaluation.differences = differences
    worst = 0.0
    for step in d.steps:
        if step.kind == "attribute":
            continue
        before = evaluation.value(step.before)
        after = evaluation.value(step.after)
        bar = LINES if step.kind == "differential" else GRADIENTS
        size = max(float(np.abs(before).max()), float(np.abs(after).max()), _scale(step, evaluation))
        gap = float(np.abs(before - after).max())
        noise = 1e-9 + 100 * sum(doubts) if step.kind == "differential" else 1e-12
        if gap > bar * size + noise * unit:
            raise UnverifiedError(
                f"check: step {step.rule} ({step.statement}) on {step.on} turned {step.before} into {step.after}, "
                f"which differ by {gap:.3g} at {point}."
            )
        worst = max(worst, gap / max(size, 1e-3 * unit, 1e-300))
    return worst


def _scale(step: Step, evaluation: Evaluation) -> float:
    """The size of the terms of a sum, so that cancellation does not count as an error."""
    return max(float(np.abs(evaluation.value(t)).max()) for t in (*step.terms_before, *step.terms_after))
