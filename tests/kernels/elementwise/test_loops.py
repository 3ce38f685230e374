"""Kernels made of a function of one element: a result apart, and in the place of each argument, with the same bits."""

import numpy as np
import pytest

from nnmat_kernels.elementwise.loops import of_gradients, of_values


@of_values
def halved(x):
    return x / type(x)(3)


@of_gradients
def weighed(g, x):
    return g / (x + type(x)(7))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_places(dtype, rng):
    g, x = rng.random((2, 37)).astype(dtype)
    apart = np.empty_like(x)
    halved(x, apart)
    np.testing.assert_array_equal(apart, x / dtype(3))
    here = x.copy()
    halved(here, here)
    np.testing.assert_array_equal(here, apart)
    weighed(g, x, apart)
    np.testing.assert_array_equal(apart, g / (x + dtype(7)))
    for arrays in ([g.copy(), x], [g, x.copy()]):
        here = next(A for A in arrays if A is not g and A is not x)
        weighed(*arrays, here)
        np.testing.assert_array_equal(here, apart)


def test_kernels_have_names_of_their_own():
    assert halved.__name__ == "halved"
    assert weighed.__module__ == __name__
