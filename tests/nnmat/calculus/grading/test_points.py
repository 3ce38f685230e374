"""Points of grading: a function, its differential and its gradient by numbers."""

import numpy as np
import pytest

from nnmat.calculus import UnverifiedError, derive, log, matrix, sum, vector
from nnmat.calculus.grading.points import both_values, close, places

A, x = matrix("A", "M", "N"), vector("x", "M")


def test_a_gradient_meets_its_differential():
    f = sum((A.T @ x) * (A.T @ x))
    G = derive(f, A).gradient
    found = places(f, A, G)
    assert len(found) == 3
    for place in found:
        slope = float((place.value(G) * place.direction).sum())
        assert place.differential(f)[0, 0] == pytest.approx(slope, rel=1e-7)
        assert place.differential(x).tolist() == np.zeros_like(place.value(x)).tolist()
        assert place.differential(A) is place.direction
        assert "A = " in str(place)


def test_no_points():
    f = sum(log(-(x * x) - 1))
    with pytest.raises(UnverifiedError, match="expected 3 points"):
        places(f, x, derive(f, x, check=False).gradient)


def test_closeness():
    a = np.array([[1.0, 2.0]])
    assert close(a, a * (1 + 1e-10), 1e-8, 1.0)
    assert not close(a, a + 1e-3, 1e-8, 1.0)
    assert not close(a, a.T, 1e-8, 1.0)
    assert close(a * 1e-20, a * 0, 1e-8, 1.0)
    u, v, _, point = next(both_values(A.T @ x, (x.T @ A).T, 0))
    assert u.shape == v.shape
    assert point.sizes
