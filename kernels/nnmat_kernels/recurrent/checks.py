"""What the public functions of recurrent layers ask of their arrays."""

import numpy as np

from ..errors import ShapeError
from ..runtime.arrays import as_array, same_dtype


def checked_sequence(who, A, W, gates):
    """Pre-activations (B, T, gates N) and weights (gates N, N)."""
    A, W = as_array(who, "A", A, 3), as_array(who, "W", W, 2)
    same_dtype(who, A=A, W=W)
    N = W.shape[1]
    if W.shape[0] != gates * N or A.shape[2] != gates * N:
        raise ShapeError(
            f"{who}: expected A (B, T, {gates} N) and W ({gates} N, N), {gates} gates of N units, "
            f"got {A.shape} and {W.shape}."
        )
    return A, W


def checked_shape(who, name, A, shape, like):
    """An array of this shape and of the dtype of `like`; None stays None."""
    if A is None:
        return None
    A = as_array(who, name, A)
    same_dtype(who, A=like, **{name: A})
    if A.shape != shape:
        raise ShapeError(f"{who}: expected {name} of shape {shape}, got {A.shape}.")
    return A


def or_zeros(A, shape, like):
    return np.zeros(shape, like.dtype) if A is None else A
