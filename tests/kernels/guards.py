"""Output arrays inside a larger buffer of known values, to catch a kernel that writes past its output."""

import numpy as np

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
