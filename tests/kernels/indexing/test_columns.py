import numpy as np

from nnmat_kernels import unchecked as k


def test_columns_are_taken_out_and_put_back():
    A = np.random.default_rng(0).standard_normal((2, 3, 7)).astype(np.float32)
    parts = [k.copy_columns(A, first, width) for first, width in ((0, 2), (2, 0), (2, 5))]
    assert [part.shape for part in parts] == [(2, 3, 2), (2, 3, 0), (2, 3, 5)]
    assert (parts[2] == A[..., 2:]).all()
    B = np.full_like(A, np.nan)
    for part, first in zip(parts, (0, 2, 2), strict=True):
        assert k.paste_columns(part, B, first) is B
    assert B.tobytes() == A.tobytes()
