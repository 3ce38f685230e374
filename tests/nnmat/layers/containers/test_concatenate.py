"""Branches side by side."""

import numpy as np
import pytest

from nnmat import Concatenate, Conv2d, Flatten, Linear, ShapeError


def test_one_input(rng):
    layer = Linear(4, 2)
    model = Concatenate([None, layer]).build((4,), dtype=np.float64)
    X, G = rng.standard_normal((3, 4)), rng.standard_normal((3, 6))
    np.testing.assert_allclose(model.forward(X, training=True), np.hstack([X, X @ layer.weight.value.T]), rtol=1e-12)
    np.testing.assert_allclose(model.backward(G), G[:, :4] + G[:, 4:] @ layer.weight.value, rtol=1e-12)
    np.testing.assert_allclose(layer.bias.grad, G[:, 4:].sum(axis=0), rtol=1e-12)


def test_channels_of_images(rng):
    model = Concatenate([Conv2d(2, 3, 1), None]).build((4, 5, 2), dtype=np.float64)
    X = rng.standard_normal((2, 4, 5, 2))
    Y = model.forward(X, training=True)
    assert Y.shape == (2, 4, 5, 5)
    np.testing.assert_array_equal(Y[..., 3:], X)


@pytest.mark.parametrize(
    ("layers", "shape", "text"),
    [
        ([None, Flatten()], (2, 3, 1), r"branch 1\. Put Flatten\(\) before"),
        ([Conv2d(1, 1, 2), None], (4, 4, 1), r"got \(B, 3, 3, 1\) from branch 0 and \(B, 4, 4, 1\) from branch 1\.$"),
        (None, ((2, 3), (3, 3)), r"differ in the last axis only"),
    ],
)
def test_outputs_that_do_not_fit_are_refused(layers, shape, text):
    with pytest.raises(ShapeError, match=text):
        Concatenate(layers).build(shape)
