"""The passes of batch norm over all numbers, alone or in one with what stands beside it: a sum, a ReLU.

    forward     y = f((x - m) k + b + a)          f the ReLU or nothing, a what is added or nothing
    backward    Σ g and Σ g x̂ of each column, then gx = g s - (x - m) q - e
                behind a ReLU with g 1[y > 0] in the place of g: y is computed once more from x, which costs less than
                to read it; where something was added it is read, and what comes through is kept

Programs of a step ask for the joined ones, and their bits are those of one pass after the other.
"""

import functools

import numpy as np
from numba import float64, int64, prange

from ..codegen.column_norm import GIVEN, PLAIN, VALUES, gradients_of_columns, sums_of_columns
from ..codegen.function_pointer import address, call, flat_of, matrix_of
from ..elementwise.vector_math import fma
from ..runtime.config import exact_jit, jit, parallel_jit
from ..runtime.launch import launch
from .columns import bounds, fold, scale_rows, widened


def normalise(x, constants, chunks, plus, relu, y):
    """y = f((x - m) k + b + plus), with m, k and b the rows of `constants`; `plus` may be None."""
    if plus is None and not relu:
        launch(_normalise_parallel, _plain_pieces(x.dtype)[0], x, constants, chunks, y)
        return
    a, floor = x[:0] if plus is None else plus.reshape(-1), x.dtype.type(0 if relu else np.nan)
    launch(_normalise_and_join_parallel, _joined_pieces(x.dtype)[0], x, constants, chunks, a, floor, y)


def sum_gradients(g, x, Y, masked, statistics, values, sums, relu):
    """Of each chunk and column Σ h and Σ h x̂, with h = g, or what a ReLU lets through of g if `relu`.

    The ReLU is that of the values, which have the constants `values`; or its output Y is given, and h is `masked`.
    """
    y, h = (x[:0], x[:0]) if Y is None else (Y.reshape(-1), masked.reshape(-1))
    if not relu:
        piece = _plain_pieces(x.dtype)[1]
    else:
        piece = _joined_pieces(x.dtype)[1 if Y is None else 2]
    launch(_sum_parallel, piece, g, x, y, h, values, statistics, sums)


def differentiate(g, x, values, constants, chunks, relu, gx):
    """gx = h s - (x - m) q - e, with m, s, q and e the rows of `constants`; h as above, of the values."""
    piece = _joined_pieces(x.dtype)[3] if relu else _plain_pieces(x.dtype)[2]
    launch(_differentiate_parallel, piece, g, x, values, constants, chunks, gx)


@functools.cache
def _plain_pieces(dtype):
    """Where the code for a chunk lies: values, sums of gradients, gradients."""
    flat, matrix = flat_of(dtype), matrix_of(dtype)
    return (
        address(scale_rows, flat, matrix, flat),
        address(_sum_plain, *_of_sums(dtype)),
        address(_differentiate_plain, flat, flat, matrix, matrix, flat),
    )


@functools.cache
def _joined_pieces(dtype):
    """The same, joined: the sums behind a ReLU of the values, and of an output that is given."""
    flat, matrix = flat_of(dtype), matrix_of(dtype)
    return (
        address(_normalise_and_join, flat, matrix, flat, flat.dtype, flat),
        address(_sum_by_values, *_of_sums(dtype)),
        address(_sum_by_output, *_of_sums(dtype)),
        address(_differentiate_by_values, flat, flat, matrix, matrix, flat),
    )


def _of_sums(dtype):
    flat, matrix = flat_of(dtype), matrix_of(dtype)
    return flat, flat, flat, flat, matrix, matrix, float64[:, :, ::1], int64


@parallel_jit
def _normalise_parallel(piece, x, constants, chunks, y):
    for c in prange(chunks):
        first, last = bounds(x.size, constants.shape[1], chunks, np.int64(c))
        call(piece, (x[first:last], constants, y[first:last]))


@exact_jit
def _join_row(x, m, k, b, floor, y):
    """No number is below a floor that is NaN."""
    zero = y.dtype.type(0)
    for j in range(y.size):
        value = fma(x[j] - m[j], k[j], b[j])
        y[j] = zero if value <= floor else value


@exact_jit
def _join_sum(x, m, k, b, a, floor, y):
    zero = y.dtype.type(0)
    for j in range(y.size):
        value = a[j] + fma(x[j] - m[j], k[j], b[j])
        y[j] = zero if value <= floor else value


@jit
def _normalise_and_join(x, constants, a, floor, y):
    w = constants.shape[1]
    for i in range(0, x.size, w):
        e = min(i + w, x.size)
        if a.size > 0:
            _join_sum(x[i:e], constants[0], constants[1], constants[2], a[i:e], floor, y[i:e])
        else:
            _join_row(x[i:e], constants[0], constants[1], constants[2], floor, y[i:e])


@parallel_jit
def _normalise_and_join_parallel(piece, x, constants, chunks, a, floor, y):
    for c in prange(chunks):
        first, last = bounds(x.size, constants.shape[1], chunks, np.int64(c))
        call(piece, (x[first:last], constants, a[first:last], floor, y[first:last]))


@exact_jit
def _products_of_normalised(products, total, statistics):
    """Σ g x̂ = r (Σ g (x - m) - rest Σ g)."""
    for c in range(total.size):
        rest, r = np.float64(statistics[1, c]), np.float64(statistics[2, c])
        products[c] = r * (products[c] - rest * total[c])


@jit
def _store_sums(S, statistics, sums):
    """Σ g and Σ g x̂ of each column, from the wide rows S of Σ g and Σ g (x - m)."""
    fold(S[0], sums[0])
    fold(S[1], sums[1])
    _products_of_normalised(sums[1], sums[0], statistics)


@exact_jit
def _add_plain(g, x, y, h, first, last, V, S):
    for i in range(first, last, V.shape[1]):
        sums_of_columns(PLAIN, g, x, y, h, i, V.shape[1], min(V.shape[1], last - i), V, S)


@exact_jit
def _add_by_values(g, x, y, h, first, last, V, S):
    for i in range(first, last, V.shape[1]):
        sums_of_columns(VALUES, g, x, y, h, i, V.shape[1], min(V.shape[1], last - i), V, S)


@exact_jit
def _add_by_output(g, x, y, h, first, last, V, S):
    for i in range(first, last, V.shape[1]):
        sums_of_columns(GIVEN, g, x, y, h, i, V.shape[1], min(V.shape[1], last - i), V, S)


@jit
def _sum_plain(g, x, y, h, values, statistics, sums, chunk):
    first, last = bounds(x.size, values.shape[1], sums.shape[0], chunk)
    S = np.zeros((2, values.shape[1]), x.dtype)
    _add_plain(g, x, y, h, first, last, widened(statistics[:1], values.shape[1]), S)
    _store_sums(S, statistics, sums[chunk])


@jit
def _sum_by_values(g, x, y, h, values, statistics, sums, chunk):
    first, last = bounds(x.size, values.shape[1], sums.shape[0], chunk)
    S = np.zeros((2, values.shape[1]), x.dtype)
    _add_by_values(g, x, y, h, first, last, values, S)
    _store_sums(S, statistics, sums[chunk])


@jit
def _sum_by_output(g, x, y, h, values, statistics, sums, chunk):
    first, last = bounds(x.size, values.shape[1], sums.shape[0], chunk)
    S = np.zeros((2, values.shape[1]), x.dtype)
    _add_by_output(g, x, y, h, first, last, widened(statistics[:1], values.shape[1]), S)
    _store_sums(S, statistics, sums[chunk])


@parallel_jit
def _sum_parallel(piece, g, x, y, h, values, statistics, sums):
    for c in prange(sums.shape[0]):
        call(piece, (g, x, y, h, values, statistics, sums, np.int64(c)))


@exact_jit
def _differentiate_plain(g, x, values, constants, gx):
    w = constants.shape[1]
    for i in range(0, x.size, w):
        gradients_of_columns(PLAIN, g, x, i, w, min(w, x.size - i), values, constants, gx)


@exact_jit
def _differentiate_by_values(g, x, values, constants, gx):
    w = constants.shape[1]
    for i in range(0, x.size, w):
        gradients_of_columns(VALUES, g, x, i, w, min(w, x.size - i), values, constants, gx)


@parallel_jit
def _differentiate_parallel(piece, g, x, values, constants, chunks, gx):
    for c in prange(chunks):
        first, last = bounds(x.size, constants.shape[1], chunks, np.int64(c))
        call(piece, (g[first:last], x[first:last], values, constants, gx[first:last]))
