"""`same`: whether two expressions have one value wherever both are defined."""

from ...checks import count
from ..derivation.intermediates import names
from ..errors import UnverifiedError
from ..language.expr import Expr, lift
from ..language.operators import inner
from .points import EQUAL, MANY, both_values, close


def same(a: Expr, b: Expr, trials: int = MANY, seed: int = 0) -> bool:
    """Whether `a` and `b` have the same value, whatever way they are written, at `trials` random points.

    `a == b` asks another question: whether both are written the same. Symbols of one name have to be one symbol.
    Raises ShapeError where they are not, UnverifiedError if no points are found where both are defined.
    """
    a, b = lift(a, "same"), lift(b, "same")
    count("same", "trials", trials)
    if a is b:
        return True
    if a.shape != b.shape:
        return False
    names(inner(a, b))  # one meaning for each name
    found = 0
    for x, y, noise, _ in both_values(a, b, seed):
        if not close(x, y, EQUAL, noise):
            return False
        found += 1
        if found == trials:
            return True
    raise UnverifiedError(f"same: expected {trials} points where both are defined, found {found}. Try attributes.")
