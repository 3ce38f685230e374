"""Jacobians: against closed forms, against each other, and what is refused."""

import numpy as np
import pytest

import nnmat
from nnmat import BatchNorm1d, Conv2d, Dropout, Embedding, Linear, ReLU, Residual, Sequential, Tanh
from nnmat.analysis import jacobians
from nnmat.analysis.jacobians import jacobian, jacobian_norm, jacobian_product

DTYPES = (np.float32, np.float64)


def built(layer, shape, dtype=np.float64):
    return layer.build(shape, rng=0, dtype=dtype)


def block():
    return Sequential([Linear(4, 6), Tanh(), Linear(6, 4)])


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_linear_layer_is_its_weight_for_each_sample(rng, dtype):
    layer = built(Linear(3, 2), (3,), dtype)
    J = jacobian(layer, rng.standard_normal((4, 3)).astype(dtype))
    assert J.dtype == dtype
    assert np.array_equal(J, np.kron(np.eye(4, dtype=dtype), layer.weight.value))


def test_a_convolution_is_k_hat(rng):
    layer = built(Conv2d(2, 4, 3, stride=2, padding=1, groups=2), (4, 5, 2))
    J = jacobian(layer, rng.standard_normal((1, 4, 5, 2)))
    assert np.abs(J - nnmat.khat(layer.weight.value, (4, 5, 2), 2, 1, 1, 2)).max() < 1e-14


def test_a_residual_block_adds_the_identity(rng):
    layer = built(Residual(block()), (4,))
    X = rng.standard_normal((3, 4))
    assert np.allclose(jacobian(layer, X), np.eye(12) + jacobian(layer.named_children()[0][1], X), atol=1e-14)


def test_batch_norm_couples_the_samples(rng):
    X = rng.standard_normal((5, 1))
    layer = built(BatchNorm1d(eps=0.1), (1,))
    r = 1 / np.sqrt(X.var() + 0.1)
    x = r * (X - X.mean())
    assert np.allclose(jacobian(layer, X, training=True), r * (np.eye(5) - 1 / 5 - x @ x.T / 5), atol=1e-14)
    assert np.allclose(jacobian(layer, X), np.eye(5) / np.sqrt(1.1), atol=1e-14)  # of the running statistics


@pytest.mark.parametrize(("dtype", "error"), [(np.float32, 1e-3), (np.float64, 1e-8)])
@pytest.mark.parametrize("training", [False, True])
def test_products_agree_with_the_matrix(rng, dtype, error, training):
    layer = built(Sequential([block(), BatchNorm1d(), Dropout(0.4), ReLU()]), (4,), dtype)
    X, V = rng.standard_normal((2, 6, 4)).astype(dtype)
    exact = jacobian(layer, X, training).astype(np.float64) @ V.reshape(-1)
    product = jacobian_product(layer, X, V, training)
    assert product.dtype == dtype
    assert product.shape == (6, 4)
    assert np.linalg.norm(product.reshape(-1) - exact) < error * np.linalg.norm(exact)


@pytest.mark.parametrize(("dtype", "error"), [(np.float32, 1e-3), (np.float64, 1e-5)])
@pytest.mark.parametrize("training", [False, True])
def test_the_norm_is_the_largest_singular_value(rng, dtype, error, training):
    layer = built(Sequential([block(), BatchNorm1d()]), (4,), dtype)
    X = rng.standard_normal((6, 4)).astype(dtype)
    exact = np.linalg.norm(jacobian(layer, X, training).astype(np.float64), 2)
    tolerance = 1e-5 if dtype == np.float32 else 1e-8
    found = jacobian_norm(layer, X, training, tolerance=tolerance)
    assert exact * (1 - error) < found < exact * (1 + 1e-5)
    assert jacobian_norm(layer, X, training, tolerance=tolerance) == found


def test_a_constant_has_norm_zero(rng):
    layer = built(Sequential([Linear(3, 2), ReLU()]), (3,))
    layer[0].weight.value[...] = 0
    layer[0].bias.value[...] = -1
    assert jacobian_norm(layer, rng.standard_normal((2, 3))) == 0.0


def test_of_no_samples():
    layer, X = built(Linear(3, 2), (3,)), np.zeros((0, 3))
    assert jacobian(layer, X).shape == (0, 0)
    assert jacobian_norm(layer, X) == 0.0


def test_the_layer_is_left_as_it_was(rng):
    model = built(Sequential([Linear(4, 4), BatchNorm1d(), Dropout(0.5)]), (4,))
    X = rng.standard_normal((6, 4))
    model.backward(model.forward(X, training=True))
    before = [A.copy() for A in (*model.buffers().values(), model.flat_gradients, model.flat_parameters)]
    model.forward(X, training=True)
    moved = [A.copy() for A in model.buffers().values()]
    for training in (False, True):
        jacobian(model, X, training)
        jacobian_norm(model, X, training)
    model.backward(X)  # its own record is still there
    assert all(np.array_equal(A, B) for A, B in zip(model.buffers().values(), moved, strict=True))
    assert np.array_equal(model.flat_parameters, before[-1])
    assert not np.array_equal(model.flat_gradients, before[-2])


@pytest.mark.parametrize("function", [jacobian, jacobian_norm])
def test_what_is_refused(function, rng):
    X = rng.standard_normal((2, 3))
    with pytest.raises(nnmat.ConfigError, match="expected a layer, got ndarray"):
        function(X, X)
    with pytest.raises(nnmat.BuildError, match="not built"):
        function(Linear(3, 2), X)
    layer = built(Linear(3, 2), (3,))
    with pytest.raises(nnmat.ConfigError, match="expected training as True or False"):
        function(layer, X, X)
    with pytest.raises(nnmat.ShapeError, match="expected X of shape"):
        function(layer, X[:, :2])
    with pytest.raises(nnmat.DtypeError, match="float32"):
        function(layer, X.astype(np.float32))
    with pytest.raises(nnmat.ShapeError, match="of one input"):
        function(built(nnmat.Add(), ((3,), (3,))), (X, X))
    with pytest.raises(nnmat.DtypeError, match="of floats"):
        function(built(Embedding(5, 3), (4,)), np.zeros((2, 4), np.int64))


def test_a_matrix_that_does_not_fit_is_refused(monkeypatch, rng):
    monkeypatch.setattr(jacobians, "MEMORY", 100)
    with pytest.raises(nnmat.ConfigError, match="jacobian_norm"):
        jacobian(built(Linear(3, 2), (3,)), rng.standard_normal((2, 3)))


def test_too_few_steps_are_an_error(rng):
    layer, X = built(block(), (4,)), rng.standard_normal((6, 4))
    with pytest.raises(nnmat.StateError, match="2 steps for Sequential were not enough"):
        jacobian_norm(layer, X, limit=2)
    for wrong in ({"limit": 0}, {"tolerance": 0.0}, {"seed": -1}):
        with pytest.raises(nnmat.ConfigError):
            jacobian_norm(layer, X, **wrong)


def test_a_norm_that_is_not_finite_is_an_error(rng):
    layer = built(Linear(3, 2), (3,))
    layer.weight.value[...] = np.nan
    with pytest.raises(nnmat.NonFiniteError):
        jacobian_norm(layer, rng.standard_normal((2, 3)))
