"""What tests of kernels with a backward share: a difference quotient with a random cotangent, in float64."""

import numpy as np


def slope(value, A, direction, h=1e-4):
    """d/dt value(A + t direction) at t = 0, by five points."""

    def at(t):
        return value(A + t * direction)

    return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)


def assert_gradient(value, A, gradient, rng, rtol=1e-7):
    """Asserts that `gradient` is that of the number `value(A)`, along three random directions."""
    for _ in range(3):
        direction = rng.standard_normal(np.shape(A))
        expected = slope(value, A, direction)
        scale = max(abs(expected), float(np.abs(gradient).sum()) / max(1, np.size(A)), 1e-3)
        np.testing.assert_allclose(np.sum(gradient * direction), expected, rtol=rtol, atol=rtol * scale)


def assert_close(given, expected, dtype, factor=40, scale=None):
    """Asserts that arrays agree to `factor` eps of the largest entry (at least 1, or `scale`)."""
    given, expected = np.asarray(given), np.asarray(expected)
    assert given.dtype == dtype
    assert given.shape == expected.shape
    if expected.size:
        largest = max(1.0, float(np.abs(expected[np.isfinite(expected)]).max(initial=0))) if scale is None else scale
        np.testing.assert_allclose(given, expected, rtol=0, atol=factor * float(np.finfo(dtype).eps) * largest)
