"""The element-wise parts of Muon, by their equations."""

import numpy as np
import pytest

from nnmat_kernels import unchecked as k
from nnmat_kernels.runtime.parallel import PARALLEL_SIZE
from tests.kernels.guards import same_bits_for_any_threads

SIZES = [0, 1, 7, 1001, 70_001]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", SIZES)
def test_the_equations(dtype, n, rng):
    g, m, theta, X = (rng.standard_normal(n).astype(dtype) for _ in range(4))
    close = {"rtol": 1e-5 if dtype == np.float32 else 1e-13, "atol": 1e-6 if dtype == np.float32 else 1e-14}
    for nesterov in (False, True):
        mean = m.copy()
        D = k.muon_direction(g, mean, 0.9, nesterov, -0.5)
        expected = 0.9 * m - 0.05 * g
        np.testing.assert_allclose(mean, expected, **close)
        np.testing.assert_allclose(D, 0.9 * expected - 0.05 * g if nesterov else expected, **close)
    np.testing.assert_allclose(k.combination(g, X, -1.5, 2.0), -1.5 * g + 2.0 * X, **close)
    np.testing.assert_allclose(k.muon_unit(X, 4.0, 1e-7), X / 4, **close)
    np.testing.assert_allclose(k.muon_unit(X, 0.0, 0.5), X / 0.5, **close)
    after = theta.copy()
    k.muon_step(after, X, 0.1, 3.0, 0.2)
    np.testing.assert_allclose(after, theta - 0.1 * (3 * X + 0.2 * theta), **close)
    assert D.dtype == after.dtype == dtype


def test_nan_is_not_hidden():
    assert np.isnan(k.muon_unit(np.ones(3), np.nan, 1e-7)).all()


def test_bits_do_not_depend_on_the_number_of_threads(rng):
    n = 200_003
    assert n >= PARALLEL_SIZE
    g, m, theta = (rng.standard_normal(n).astype(np.float32) for _ in range(3))

    def run():
        mean, after = m.copy(), theta.copy()
        D = k.muon_direction(g, mean, 0.9)
        X = k.combination(k.muon_unit(D, 3.0, 1e-7), D, 0.3, 0.7)
        k.muon_step(after, X, 0.1, 0.3, 0.2)
        return [mean, D, X, after]

    same_bits_for_any_threads(run)
