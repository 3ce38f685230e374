"""What a law has to do: its differential has the value of the slope along a line."""

import numpy as np

from nnmat.calculus import evaluate, matrix
from nnmat.calculus.language.expr import bottom_up, node
from nnmat.calculus.laws.differentials import differential


def holds(e, wrt, law, at, rng, near=1e-7):
    """The law of `e` is `law`, and what it says along a random direction of `wrt` is the slope of the values there.

    `at` has an array for every symbol; the direction is symmetric where `wrt` is.
    """

    def d(a):
        return node("d", (a,), None, a.shape) if wrt in a.free else None

    found, claim = differential(e, d)
    assert found == law
    assert claim.shape == e.shape
    direction = rng.standard_normal(np.shape(at[wrt.name]))
    if {"symmetric", "positive_definite"} & set(wrt.data[1]):
        direction = direction + direction.T
    h = 1e-5

    def slope(a):
        ahead, behind = (evaluate(a, **{**at, wrt.name: at[wrt.name] + step * direction}) for step in (h, -h))
        return (ahead - behind) / (2 * h)

    # dA of every operand is a symbol of its own, with the slope of that operand for its value
    slopes = {}

    def named(x, new):
        if x.op != "d":
            return new
        slopes[f"d{len(slopes)}"] = slope(x.args[0])
        return matrix(f"d{len(slopes) - 1}", *x.shape)

    value, wanted = evaluate(bottom_up(claim, named), **at, **slopes), slope(e)
    assert np.allclose(value, wanted, rtol=near, atol=near / 10 * max(1, np.abs(wanted).max()))
