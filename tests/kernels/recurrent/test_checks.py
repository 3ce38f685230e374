"""What recurrent layers ask of their arrays."""

import numpy as np
import pytest

from nnmat_kernels.errors import DtypeError, ShapeError
from nnmat_kernels.recurrent.checks import checked_sequence, checked_shape, or_zeros


def test_sequences_and_shapes():
    A, W = np.zeros((2, 3, 8), np.float32), np.zeros((8, 2), np.float32)
    assert checked_sequence("f", A, W, 4)[0] is A
    with pytest.raises(ShapeError, match=r"^f: expected A \(B, T, 4 N\)"):
        checked_sequence("f", A[:, :, :7], W, 4)
    assert checked_shape("f", "S", None, (2,), A) is None
    with pytest.raises(ShapeError, match=r"^f: expected S of shape \(2, 3\), got \(3, 2\)"):
        checked_shape("f", "S", np.zeros((3, 2), np.float32), (2, 3), A)
    with pytest.raises(DtypeError, match=r"^f: expected arrays of one dtype"):
        checked_shape("f", "S", np.zeros((2, 3)), (2, 3), A)
    assert or_zeros(None, (2, 3), A).dtype == np.float32
    assert or_zeros(W, (8, 2), A) is W
