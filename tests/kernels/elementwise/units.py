"""What the tests of smooth units share: every check that holds for all of them."""

import numpy as np

import nnmat_kernels as k
from nnmat_kernels import unchecked
from nnmat_kernels.reference.elementwise import smooth_units as naive
from nnmat_kernels.runtime.parallel import PARALLEL_SIZE
from tests.kernels.derivatives import slope
from tests.kernels.guards import awkward_layouts, guarded, same_bits_for_any_threads

SHAPES = [(), (0,), (1,), (3, 0, 2), (7,), (2, 3, 4, 5), (PARALLEL_SIZE + 13,)]


class Unit:
    """One unit with its derivative and its options."""

    def __init__(self, name, *options):
        self.name, self.options = name, options

    def value(self, X, out=None):
        return getattr(k, self.name)(X, *self.options, out=out)

    def gradient(self, G, X, out=None):
        return getattr(k, f"{self.name}_backward")(G, X, *self.options, out=out)

    def check_values(self, shape, dtype, rng, ulps=12):
        """Against the twin, near 0 and far from it."""
        X, G = np.asarray(3 * rng.standard_normal(shape), dtype), np.asarray(rng.standard_normal(shape), dtype)
        eps = np.finfo(dtype).eps
        twins = getattr(naive, self.name), getattr(naive, f"{self.name}_backward")
        pairs = (self.value(X), twins[0](X, *self.options)), (self.gradient(G, X), twins[1](G, X, *self.options))
        for result, expected in pairs:
            assert result.dtype == dtype
            assert result.shape == shape
            np.testing.assert_allclose(result, expected, rtol=ulps * eps, atol=4 * eps)

    def check_range(self, dtype, limit, ulps=12):
        """The relative error over a wide range. In a tail e^-u, the rounding of u alone costs u/2 units."""
        x = np.concatenate([np.linspace(-limit, limit, 4001), np.logspace(-30, 0, 501), -np.logspace(-30, 0, 501)])
        x = x.astype(dtype)
        info = np.finfo(dtype)
        expected = getattr(naive, self.name)(x, *self.options)
        with np.errstate(divide="ignore"):
            units = ulps + 2 * np.abs(
                np.log(np.minimum(np.abs(expected), 1)), where=expected != 0, out=np.zeros(x.size)
            )
        error = np.abs(self.value(x) - expected)
        assert (error <= units * info.eps * np.abs(expected) + 64 * float(info.smallest_subnormal)).all()
        slopes = getattr(naive, f"{self.name}_backward")(np.ones_like(x), x, *self.options)
        np.testing.assert_allclose(self.gradient(np.ones_like(x), x), slopes, rtol=0, atol=6 * info.eps)

    def check_derivative(self, rng):
        X = 2 * rng.standard_normal(200)
        X[np.abs(X) < 1e-2] = 1
        found = [slope(self.value, x, 1.0, 1e-3) for x in X[:, None]]
        np.testing.assert_allclose(self.gradient(np.ones_like(X), X), np.ravel(found), rtol=0, atol=1e-10)

    def check_places(self, dtype, rng):
        """The bits of an element do not depend on where it stands, on `out`, or on the layout."""
        X, G = (3 * rng.standard_normal((2, 150))).astype(dtype)
        expected = self.value(X), self.gradient(G, X)
        for first in range(0, 70, 3):
            for length in (1, 2, 7, 8, 9, 17, 31, 80):
                part = slice(first, first + length)
                np.testing.assert_array_equal(self.value(X[part]), expected[0][part])
                np.testing.assert_array_equal(self.gradient(G[part], X[part]), expected[1][part])
        for call, arrays, right in ((self.value, [X], expected[0]), (self.gradient, [G, X], expected[1])):
            out, intact = guarded(X.shape, dtype)
            assert call(*arrays, out=out) is out
            np.testing.assert_array_equal(out, right)
            intact()
            for i in range(len(arrays)):
                given = [A.copy() for A in arrays]
                call(*given, out=given[i])
                np.testing.assert_array_equal(given[i], right)
            for layout in awkward_layouts(X):
                np.testing.assert_array_equal(call(*[awkward_layouts(A)[layout] for A in arrays]), right)
        made = getattr(unchecked, self.name)(X, *self.options)
        np.testing.assert_array_equal(made, expected[0])
        made = getattr(unchecked, f"{self.name}_backward")(G, X, *self.options)
        np.testing.assert_array_equal(made, expected[1])

    def check_special(self, dtype, values, slopes):
        """At NaN, inf, -inf, 0."""
        X = np.array([np.nan, np.inf, -np.inf, 0] * 9, dtype)
        np.testing.assert_array_equal(self.value(X), np.array([*values] * 9, dtype))
        np.testing.assert_array_equal(self.gradient(np.ones_like(X), X), np.array([*slopes] * 9, dtype))
        G = np.ones(20, dtype)
        G[[3, 17]] = np.nan
        np.testing.assert_array_equal(np.isnan(self.gradient(G, np.ones_like(G))), np.isnan(G))

    def check_threads(self, dtype, rng):
        X, G = rng.standard_normal((2, 3 * PARALLEL_SIZE + 5)).astype(dtype)
        same_bits_for_any_threads(lambda: (self.value(X), self.gradient(G, X)))
