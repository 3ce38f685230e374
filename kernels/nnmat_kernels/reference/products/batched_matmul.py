"""The product of two stacks of matrices, one pair at a time, in float64."""

import numpy as np

from ..common import into
from .matmul import matmul


def batched_matmul(A, B, transpose_a=False, transpose_b=False, out=None):
    """C[s] = op(A[s]) op(B[s]) for every index s of the broadcast leading axes."""
    lead = np.broadcast_shapes(A.shape[:-2], B.shape[:-2])
    A = np.broadcast_to(A, (*lead, *A.shape[-2:]))
    B = np.broadcast_to(B, (*lead, *B.shape[-2:]))
    C = np.zeros((*lead, A.shape[-1 if transpose_a else -2], B.shape[-2 if transpose_b else -1]))
    for s in np.ndindex(*lead):
        C[s] = matmul(A[s], B[s], transpose_a, transpose_b)
    return into(C, out)
