"""A function at random points: what its lines must be equal to, by numbers alone."""

from collections.abc import Iterator

import numpy as np

from ...checks import generator
from ..checking.differences import ATTEMPTS, direction_for, moving, quotient, roundings
from ..checking.sampling import Point, points
from ..errors import DomainError, UnverifiedError
from ..evaluation.evaluator import Evaluation
from ..language.expr import Expr
from ..language.operators import inner

EQUAL, BY_QUOTIENTS = 1e-8, 2e-6  # relative
MANY = 3


def close(a: np.ndarray, b: np.ndarray, bar: float, noise: float) -> bool:
    """Whether two values are one, up to rounding of what has the size `noise`."""
    if a.shape != b.shape:
        return False
    size = max(float(np.abs(a).max()), float(np.abs(b).max()))
    return float(np.abs(a - b).max()) <= bar * size + 1e-12 * noise


class Place:
    """A point, and a direction in which the variable moves there."""

    def __init__(self, point: Point, wrt: Expr, f: Expr, rng: np.random.Generator):
        self.point, self.wrt, self.f = point, wrt, f
        self.direction = direction_for(wrt, point, rng)
        self.here = Evaluation(point.arrays, point.sizes)
        self.here.differences = self.differential
        self.noise = roundings(self.here, moving(f, wrt))[0]

    def differential(self, e: Expr) -> np.ndarray:
        """d(e) along the direction, by difference quotients."""
        if e is self.wrt:
            return self.direction
        if self.wrt not in e.free:
            return np.zeros(self.here.shape(e))
        e = moving(e, self.wrt)
        return quotient(self.here, self.wrt, self.direction, e, roundings(self.here, e)[0])[0]

    def value(self, e: Expr) -> np.ndarray:
        """The value of an expression, with its differentials."""
        return self.here.value(e)

    def __str__(self) -> str:
        return str(self.point)


def places(f: Expr, wrt: Expr, gradient: Expr, seed: int = 0) -> list[Place]:
    """Points of the domain of a function and of its gradient. Raises UnverifiedError if too few are found."""
    rng = generator("grade", "seed", seed)
    found: list[Place] = []
    for point in points(f + inner(gradient, gradient), rng, ATTEMPTS):
        try:
            place = Place(point, wrt, f, rng)
            place.value(gradient)
            place.differential(f)
        except DomainError:
            continue
        found.append(place)
        if len(found) == MANY:
            return found
    raise UnverifiedError(f"grade: expected {MANY} points of the domain of {f}, found {len(found)}. Try attributes.")


def both_values(a: Expr, b: Expr, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray, float, Point]]:
    """The values of two expressions at random points, and the size of what they are computed from."""
    whole = inner(a, a) + inner(b, b)
    for point in points(whole, generator("same", "seed", seed), ATTEMPTS):
        here = Evaluation(point.arrays, point.sizes)
        try:
            yield here.value(a), here.value(b), max(roundings(here, a, b)), point
        except DomainError:
            continue
