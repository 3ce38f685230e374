"""What the tests of the products and convolutions share: exact data, the bound on rounding, signatures."""

import numpy as np

from tests.kernels.guards import same_bits_for_any_threads as same_bits_for_any_threads

DTYPES = [np.float32, np.float64]


def integers(rng, shape, dtype):
    """Small whole numbers: sums of their products are exact, even in float32 and in any order."""
    return rng.integers(-3, 4, shape).astype(dtype)


def within_rounding(C, exact, magnitude, terms, dtype):
    """Asserts |C - exact| <= 2 (terms + 3) eps magnitude, where magnitude is the same sum over absolute values.

    That is the classical bound for a sum of `terms` products in any order (Higham, 2002, section 3.1), twice, because
    the twin rounds too.
    """
    bound = 2 * (terms + 3) * np.finfo(dtype).eps * magnitude
    assert C.dtype == dtype
    assert (np.abs(C - exact) <= bound).all(), float(np.max(np.abs(C - exact) / np.maximum(bound, 1e-300)))


def frozen(A):
    """`A`, made read-only: a kernel that wrote to its input would raise."""
    A.flags.writeable = False
    return A


def one_signature_per_dtype(*kernels):
    """Asserts that no body was compiled twice for one dtype (a literal argument does that, and costs seconds)."""
    for kernel in kernels:
        signatures = getattr(kernel, "signatures", [])  # none with NUMBA_DISABLE_JIT
        dtypes = [str(signature[0].dtype) for signature in signatures]
        assert len(set(dtypes)) == len(dtypes), f"{kernel.__name__}: {signatures}"
