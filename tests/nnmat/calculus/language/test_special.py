"""Derivatives of the logarithm of Γ by their series, summed exactly, with what is left by Euler and Maclaurin."""

import math

import numpy as np
import pytest

from nnmat.calculus.language import special

FAR = 4000


def polygamma(n, x):
    """The derivative of order n + 1 of log Γ at x > 0."""
    z = x + FAR
    if n == 0:
        below = math.fsum(-1 / (x + k) for k in range(FAR))
        return math.fsum([math.log(z), -1 / (2 * z), -1 / (12 * z**2), below])
    power = n + 1
    rest = [z**-n / n, z**-power / 2, power * z ** -(power + 1) / 12]
    return (-1) ** (n + 1) * math.factorial(n) * math.fsum([*((x + k) ** -power for k in range(FAR)), *rest])


@pytest.mark.parametrize("n", range(4))
def test_polygamma(n):
    x = np.array([1e-3, 0.1, 0.5, 1.0, 1.5, 2.0, 7.25, 15.999, 16.0, 40.0, 1e4])
    found = special.polygamma(n, x)
    assert np.allclose(found, [polygamma(n, v) for v in x], rtol=2e-14, atol=1e-15)
    assert x[0] == 1e-3  # the argument is left as it was


def test_known_values():
    """ψ(1) = -γ, ψ'(1) = π²/6, ψ'(1/2) = π²/2 (Abramowitz and Stegun 6.3.2, 6.4.2, 6.4.4)."""
    assert abs(special.polygamma(0, np.array([1.0]))[0] + 0.5772156649015329) < 1e-15
    assert np.allclose(special.polygamma(1, np.array([1.0, 0.5])), [math.pi**2 / 6, math.pi**2 / 2], rtol=1e-15)


def test_the_recurrence():
    """Γ(x + 1) = x Γ(x), in each derivative."""
    x = np.linspace(0.2, 30, 50)
    for n in range(4):
        step = special.polygamma(n, x + 1) - special.polygamma(n, x)
        assert np.allclose(step, (-1) ** n * math.factorial(n) * x ** -(n + 1.0), rtol=1e-9)


def test_the_error_function_far_out():
    assert special.erfc(np.array([0.0, 10.0])).tolist() == [1, math.erfc(10)]
    assert special.erf(np.array([[-30.0, 30.0]])).tolist() == [[-1, 1]]
    assert special.lgamma(np.array([1.0, 5.0])).tolist() == [0, math.lgamma(5)]
