"""Values against NumPy, and points outside the domain."""

import numpy as np
import pytest

from nnmat.calculus import DomainError, evaluate, exp, gradient, inv, log, norm2, parse, sqrt, sum, trace, vector

RNG = np.random.default_rng(0)


def test_values_against_numpy():
    x, A, B = RNG.standard_normal(3), RNG.standard_normal((3, 2)), RNG.standard_normal((2, 2))
    z, b = RNG.standard_normal(2), RNG.standard_normal(2)
    f = parse("x.T @ A @ sigmoid(inv(B) @ z + b)")
    y = 1 / (1 + np.exp(-(np.linalg.solve(B, z) + b)))
    assert abs(evaluate(f, x=x, A=A, B=B, z=z, b=b) - x @ A @ y) < 1e-13
    g = evaluate(gradient(f, "A"), x=x, A=A, B=B, z=z, b=b)
    assert g.shape == (3, 2)
    assert np.allclose(g, np.outer(x, y))
    assert evaluate(gradient(f, "b"), x=x, A=A, B=B, z=z, b=b).shape == (2,)


def test_points_outside_the_domain():
    v = vector("v", "N")
    for f, at, text in [
        (sum(log(v)), [1.0, -1.0], "log: expected points of its domain, got -1"),
        (sum(sqrt(v)), [1.0, -1.0], "sqrt: expected points of its domain"),
        (sum(1 / v), [1.0, 0.0], "expected divisors other than 0"),
        (sum(v**0.5), [1.0, -2.0], "expected positive numbers under the power 1/2"),
        (norm2(v), [0.0, 0.0], "norm: expected a vector other than 0"),
        (trace(inv(v @ v.T)), [1.0, 2.0], "inv: expected an invertible matrix, got a singular one"),
        (sum(exp(v)), [1.0, 1e4], "expected finite values"),
        (sum(v), [1.0, np.nan], "expected finite values for v, got NaN or infinity"),
    ]:
        with pytest.raises(DomainError, match=text):
            evaluate(f, v=at)
