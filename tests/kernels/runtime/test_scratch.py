"""Scratch arrays: their size, their dtype, and where they begin."""

import numpy as np
import pytest

from nnmat_kernels.runtime.config import jit
from nnmat_kernels.runtime.scratch import LINE_BYTES, scratch


@jit
def room(count, like):
    return scratch(count, like)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [0, 1, 7, 64, 1000])
def test_scratch_begins_at_a_cache_line(dtype, count):
    kept = []  # so that each is a new piece of memory
    for _ in range(20):
        S = room(count, np.empty(1, dtype))
        kept.append(S)
        assert S.shape == (count,)
        assert S.dtype == dtype
        assert count == 0 or S.ctypes.data % LINE_BYTES == 0
        S[:] = 1
