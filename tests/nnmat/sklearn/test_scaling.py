"""Columns of mean 0 and variance 1."""

import numpy as np
import pytest

from tests.extras import needs

pytestmark = needs("sklearn")

from nnmat.sklearn.scaling import Scaling, far_from_one  # noqa: E402

X = np.random.default_rng(0).standard_normal((40, 3)) * [1.0, 100.0, 0.01] + [0.0, 5.0, 7.0]


def test_columns_have_mean_0_and_variance_1():
    found = Scaling(X)
    Z = found.forward(X, np.float64)
    np.testing.assert_allclose(Z.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(Z.std(axis=0), 1.0)
    np.testing.assert_allclose(found.backward(Z), X)
    assert found.forward(X, np.float32).dtype == np.float32


def test_weights_count_like_repetitions():
    weight = np.arange(40) % 3
    weighted, repeated = Scaling(X, weight), Scaling(X.repeat(weight, axis=0))
    np.testing.assert_allclose(weighted.mean, repeated.mean)
    np.testing.assert_allclose(weighted.scale, repeated.scale)


def test_all_columns_as_one():
    Z = Scaling(X, whole=True).forward(X, np.float64)
    np.testing.assert_allclose([Z.mean(), Z.std()], [0.0, 1.0], atol=1e-12)


def test_a_column_that_does_not_change_is_left():
    found = Scaling(np.full((7, 2), [0.1, 3.0]))
    assert list(found.scale) == [1.0, 1.0]


def test_what_is_far_from_one():
    ordinary = np.random.default_rng(0).uniform(-3, 8, (30, 2))
    assert far_from_one(X)
    assert not far_from_one(ordinary)
    assert far_from_one(ordinary * [1, 100])
    assert far_from_one(ordinary * [1, 0.01])
    assert not far_from_one(ordinary * [1, 0])
    assert far_from_one(np.array([[1.0], [100.0]]))
    assert not far_from_one(np.array([[1.0], [100.0]]), np.array([1.0, 0.0]))


@pytest.mark.parametrize("size", [1e-300, 1e-200, 1e200, 1e300])
@pytest.mark.parametrize("whole", [False, True])
def test_no_square_overflows_or_vanishes(size, whole):
    X = np.random.default_rng(3).standard_normal((50, 2)) + 3.0
    A = Scaling(X * size, whole=whole).forward(X * size, np.float64)
    np.testing.assert_allclose(A, Scaling(X, whole=whole).forward(X, np.float64), rtol=1e-12)
    assert far_from_one(X * size)


def test_columns_of_float32_that_are_small_are_far_from_one():
    assert far_from_one(np.full((3, 1), 1e-24, np.float32))  # its square is 0


def test_numbers_beside_a_large_mean_keep_their_digits():
    y = 1.7e9 + np.arange(5.0)[:, None]
    scaling = Scaling(y)
    np.testing.assert_allclose(scaling.backward(scaling.forward(y, np.float32)), y, rtol=0, atol=1e-3)
