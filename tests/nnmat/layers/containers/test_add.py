"""Sums of branches."""

import numpy as np
import pytest

from nnmat import Add, Flatten, Linear, ShapeError


def test_a_residual_connection(rng):
    block = Linear(4, 4)
    model = Add([None, block]).build((4,), dtype=np.float64)
    X, G = rng.standard_normal((2, 3, 4))
    W, b = block.weight.value, block.bias.value
    np.testing.assert_allclose(model.forward(X, training=True), X + X @ W.T + b, rtol=1e-12)
    np.testing.assert_allclose(model.backward(G), G + G @ W, rtol=1e-12)
    np.testing.assert_allclose(block.weight.grad, G.T @ X, rtol=1e-12)


def test_inputs_that_are_added(rng):
    model = Add().build(((4,), (4,)), dtype=np.float64)
    X1, X2, G = rng.standard_normal((3, 3, 4))
    np.testing.assert_array_equal(model.forward((X1, X2), training=True), X1 + X2)
    first, second = model.backward(G)
    np.testing.assert_array_equal(first, G)
    np.testing.assert_array_equal(second, G)
    assert not any(np.shares_memory(*pair) for pair in ((first, second), (first, G), (second, G)))


@pytest.mark.parametrize("layers", [[Linear(4, 3), Linear(4, 2)], [None, Linear(4, 3)], [Flatten(), Linear(4, 5)]])
def test_branches_of_several_shapes_are_refused(layers):
    with pytest.raises(ShapeError, match=r"^Add: expected branches of one output shape, got \(B, .*from branch 1 of 2"):
        Add(layers).build((4,))
