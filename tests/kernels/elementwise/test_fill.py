"""Filling arrays of any shape and dtype, and nothing beside them."""

import numpy as np
import pytest

from nnmat_kernels.elementwise.fill import fill_unchecked
from tests.kernels.guards import guarded


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(0,), (1,), (3, 5), (2, 3, 4)])
def test_fill(shape, dtype):
    A, intact = guarded(shape, dtype)
    fill_unchecked(A, 0.1)
    assert (dtype(0.1) == A).all()
    intact()
