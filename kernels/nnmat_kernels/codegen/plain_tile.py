"""The register tile and its packing in plain Python: what `tile` stands for when Numba's compiler is switched off.

Slow, and the same results up to rounding; NUMBA_DISABLE_JIT=1 runs the loops round the tile step by step with these.
"""

import numpy as np

from ..runtime.target import ROWS, VECTOR_BYTES


def row_places(count, first, step, present):
    return tuple(first + min(i, present - 1) * step for i in range(count))


def tile(
    vectors, masked, a_rows, c_rows, n, taps, k, A, tap_a, step_a, B, b, tap_b, step_b, C, ahead, keep, bias, at, f
):  # fmt: skip
    n = n if masked else vectors * (VECTOR_BYTES // C.itemsize)
    rows = []
    for a, c in zip(a_rows, c_rows, strict=True):
        row = C[c : c + n].copy() if keep else np.zeros(n, C.dtype)
        for t in range(taps):
            for p in range(k):
                q = b + t * tap_b + p * step_b
                row += A[a + t * tap_a + p * step_a] * B[q : q + n]
        if at >= 0:
            row += bias[at : at + n]
        rows.append(np.where(row <= 0, 0, row) if f else row)
    for c, row in zip(c_rows, rows, strict=True):
        C[c : c + n] = row


def fetch(lines, A, a):
    pass


def _width(vectors, S):
    lanes = VECTOR_BYTES // S.itemsize
    return (vectors or -(-ROWS // lanes)) * lanes


def pack_transposed(vectors, S, s, B, b, row_b, n, k):
    width = _width(vectors, S)
    for p in range(k):
        for j in range(width):
            S[s + p * width + j] = B[b + min(j, n - 1) * row_b + p]


def pack(vectors, S, s, B, b, row_b, n, k):
    width = _width(vectors, S)
    for p in range(k):
        S[s + p * width : s + (p + 1) * width] = 0
        m = min(n, width)
        S[s + p * width : s + p * width + m] = B[b + p * row_b : b + p * row_b + m]


def listed_places(count, table, first, present, offset):
    return tuple(int(table[first + min(i, present - 1)] + offset) for i in range(count))


def channel_tile(
    vectors, masked, a_rows, c_rows, many, n, taps, k, A, tap_a, step_a, B, b, tap_b, step_b, C, keep, bias, at, f
):  # fmt: skip
    n = n if masked else many * vectors * (VECTOR_BYTES // C.itemsize)
    rows = []
    for a, c in zip(a_rows, c_rows, strict=True):
        row = C[c : c + n].copy() if keep else np.zeros(n, C.dtype)
        for t in range(taps):
            for p in range(k):
                x, y = a + t * tap_a + p * step_a, b + t * tap_b + p * step_b
                row += A[x : x + n] * B[y : y + n]
        if at >= 0:
            row += bias[at : at + n]
        rows.append(np.where(row <= 0, 0, row) if f else row)
    for c, row in zip(c_rows, rows, strict=True):
        C[c : c + n] = row


def flat(A):
    return A.reshape(A.size)


def dots(columns, a_rows, c_rows, b_rows, n, k, A, B, C, keep, bias, at, f):
    rows = []  # all of them before one is stored, for the last row may be there twice
    for a, c in zip(a_rows, c_rows, strict=True):
        row = np.array([np.dot(A[a : a + k], B[b : b + k]) for b in b_rows[:n]], C.dtype)
        if keep:
            row += C[c : c + n]
        if at >= 0:
            row += bias[at : at + n]
        rows.append(np.where(row <= 0, 0, row) if f else row)
    for c, row in zip(c_rows, rows, strict=True):
        C[c : c + n] = row


def call(place, arguments):
    place(*arguments)
