"""The matrix product, element by element as it is defined, in float64."""

import numpy as np

from ..common import into
from ..elementwise.activations import relu, sigmoid, tanh


def matmul(A, B, transpose_a=False, transpose_b=False, out=None, accumulate=False, bias=None, activation=None):
    """C = f((C if accumulated) + op(A) op(B) + 1 biasᵀ)."""
    A = np.asarray(A, np.float64)
    B = np.asarray(B, np.float64)
    if transpose_a:
        A = A.T
    if transpose_b:
        B = B.T
    C = np.zeros((A.shape[0], B.shape[1]))
    for p in range(A.shape[1]):  # a sum of outer products
        C += A[:, p, None] * B[None, p, :]
    if bias is not None:
        C += np.asarray(bias, np.float64)
    if accumulate:
        C += out
    if activation is not None:
        C = {"relu": relu, "sigmoid": sigmoid, "tanh": tanh}[activation](C)
    return into(C, out)
