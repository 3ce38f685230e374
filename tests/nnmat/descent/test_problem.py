"""Functions of arrays as functions of one vector, and the loop of every descent."""

import numpy as np
import pytest

from nnmat.descent import Armijo
from nnmat.descent.problem import DirectionError, Problem
from nnmat.errors import ConfigError, ShapeError


def squares(parts):
    return sum(float(np.sum(A * A)) for A in parts)


def test_arrays_and_their_vector():
    x0 = np.arange(4.0).reshape(2, 2), np.array(5.0)
    problem = Problem("me", squares, lambda parts: tuple(np.multiply(2, A) for A in parts), x0, Armijo(), None)
    assert np.array_equal(problem.x, [0, 1, 2, 3, 5])
    assert [A.shape for A in problem.unpack(problem.x)] == [(2, 2), ()]
    assert np.array_equal(problem.pack(problem.unpack(problem.x), "x0", "x0"), problem.x)
    assert problem.at_x == 39
    assert np.array_equal(problem.gradient_at_x, 2 * problem.x)


def test_parts_that_do_not_fit_are_named():
    x0 = np.ones(2), np.ones(3)
    problem = Problem("me", squares, lambda parts: tuple(2 * A for A in parts), x0, Armijo(), None)
    with pytest.raises(ShapeError, match="me: expected V as a tuple of 2 arrays, like x0, got ndarray"):
        problem.pack(np.ones(5), "V", "V")
    with pytest.raises(ShapeError, match=r"me: expected V of the shape of x0, .*Each entry of x0 has one of V"):
        problem.pack((np.ones(2), np.ones(2)), "V", "V")
    with pytest.raises(ShapeError, match="me: expected f to return one number"):
        Problem("me", lambda x: x, lambda x: x, np.ones(2), Armijo(), None)


def test_the_loop():
    problem = Problem("me", lambda x: float(x @ x), lambda x: 2 * x, np.ones(2), Armijo(), None)
    given = []

    def step(x, d, value, g, last):
        given.append(last)
        return 0.5

    result = problem.descend(lambda x, g, n: -g / 2, step, 0.1, 10)
    assert given == [None, *[0.5] * (result.iterations - 1)]
    assert result.converged
    assert result.gradient_norm == pytest.approx(2 * np.linalg.norm(result.x))

    def nowhere(x, g, n):
        raise DirectionError("all is flat")

    assert problem.descend(nowhere, step, 0.1, 10).reason == "no direction: all is flat"
    with pytest.raises(ConfigError, match="me: expected a step above 0"):
        problem.descend(lambda x, g, n: -g, lambda *_: -1.0, 0.1, 10)


def test_nothing_to_minimise_over():
    with pytest.raises(ShapeError, match="me: expected x0 as an array or a tuple of arrays, got an empty tuple"):
        Problem("me", squares, lambda parts: parts, (), Armijo(), None)
