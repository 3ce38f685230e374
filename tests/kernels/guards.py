"""What tests of all kernels share: outputs inside a buffer of known values, awkward inputs, one thread and many."""

import os

import numpy as np
import pytest

import nnmat_kernels as k

GUARD = 64


def guarded(shape, dtype):
    """A C-contiguous array of NaN (or -1) of `shape` and a function that asserts that nothing round it was written."""
    size = int(np.prod(shape))
    fill = np.nan if np.issubdtype(dtype, np.floating) else -1
    buffer = np.full(size + 2 * GUARD, fill, dtype)
    buffer[:GUARD], buffer[GUARD + size :] = 7, 7

    def intact():
        assert (buffer[:GUARD] == 7).all(), "wrote before the output"
        assert (buffer[GUARD + size :] == 7).all(), "wrote behind the output"

    return buffer[GUARD : GUARD + size].reshape(shape), intact


def buried(values):
    """A flat array of `values` between NaN, and where they begin."""
    flat = np.full(values.size + 2 * GUARD, np.nan, values.dtype)
    flat[GUARD : GUARD + values.size] = values.reshape(-1)
    return flat, GUARD


def awkward_layouts(A):
    """The same values as `A` in arrays that kernels cannot take as they are: strided, reversed, Fortran, read-only."""
    wide = np.full((*A.shape[:-1], 2 * A.shape[-1]), np.nan, A.dtype)
    wide[..., ::2] = A
    read_only = A.copy()
    read_only.flags.writeable = False
    return {
        "strided": wide[..., ::2],
        "reversed": A[::-1].copy()[::-1],
        "fortran": np.asfortranarray(A),
        "read-only": read_only,
    }


def same_bits_for_any_threads(compute):
    """Runs `compute()`, which returns an array or several, with one thread and with all; asserts the same bits.

    With one thread in all there is nothing to compare: the test is skipped, so call it last.
    """
    if k.max_num_threads() == 1 or os.environ.get("NUMBA_DISABLE_JIT") == "1":
        pytest.skip("one thread only (one core, NUMBA_NUM_THREADS=1, or the JIT is off)")
    before, results = k.get_num_threads(), []
    try:
        for threads in (1, k.max_num_threads(), k.max_num_threads()):
            k.set_num_threads(threads)
            result = compute()
            arrays = result if isinstance(result, tuple | list) else [result]
            results.append([(np.shape(A), np.asarray(A).tobytes()) for A in arrays])
    finally:
        k.set_num_threads(before)
    for others in results[1:]:
        for i, (one, many) in enumerate(zip(results[0], others, strict=True)):
            assert one == many, f"result {i} depends on the number of threads"
