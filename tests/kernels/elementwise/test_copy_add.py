import numpy as np
import pytest

from nnmat_kernels import unchecked as k
from nnmat_kernels.runtime.config import settings
from nnmat_kernels.runtime.parallel import PARALLEL_SIZE

SIZES = (0, 1, 17) if settings.DISABLE_JIT else (0, 1, 17, PARALLEL_SIZE - 1, PARALLEL_SIZE + 5)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_copies_and_sums_are_those_of_numpy(size, dtype):
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((2, size)).astype(dtype)
    C = k.copy(A)
    assert C is not A
    assert C.tobytes() == A.tobytes()
    assert k.add(A, B).tobytes() == (A + B).tobytes()
    assert k.add(C, B, C) is C
    assert C.tobytes() == (A + B).tobytes()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_and_sums_of_rows(size, dtype):
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((2, size)).astype(dtype)
    assert k.multiply(A, B).tobytes() == (A * B).tobytes()
    C = A.copy()
    assert k.multiply(C, B, C) is C
    assert C.tobytes() == (A * B).tobytes()
    rows, width = max(size // 17, 1), 17 if size >= 17 else size
    X, b = A[: rows * width].reshape(rows, width).copy(), B[:width].copy()
    assert k.add_to_rows(X, b).tobytes() == (X + b).tobytes()
    assert k.add_to_rows(X, b, X) is X


def test_a_copy_may_have_another_dtype():
    x = np.array([1 / 3, np.nan, -np.inf], np.float32)
    assert k.copy(x, np.empty(3)).tobytes() == x.astype(np.float64).tobytes()
