"""What activations share."""

import numpy as np
import pytest

import nnmat


@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4)])
def test_any_shape_goes_and_stays(shape):
    for layer in (nnmat.Tanh(), nnmat.ReLU(), nnmat.GELU()):
        assert layer.build(shape).output_shape(shape) == shape
        assert layer.forward(np.zeros((2, *shape), np.float32)).shape == (2, *shape)
