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

from ..codegen.function_pointer import address, call, flat_of, matrix_of
from ..runtime.config import jit, parallel_jit
from ..runtime.launch import launch
from .batch_statistics import products_of_normalised
from .columns import (
    add_behind_relu,
    add_let_through,
    behind_relu_gradients,
    bounds,
    fold,
    join_rows,
    row_gradients,
    scale_rows,
    sums_for,
    widened,
)  # fmt: skip


def normalise(x, constants, chunks, plus, relu, y):
    """y = f((x - m) k + b + plus), with m, k and b the rows of `constants`; `plus` may be None."""
    if plus is None and not relu:
        launch(_normalise_parallel, _plain_pieces(x.dtype)[0], x, constants, chunks, y)
        return
    a, floor = x[:0] if plus is None else plus.reshape(-1), x.dtype.type(0 if relu else np.nan)
    launch(_normalise_and_join_parallel, _joined_pieces(x.dtype)[0], x, constants, chunks, a, floor, y)


def sum_gradients(g, x, Y, masked, statistics, values, sums):
    """Of each chunk and column Σ h and Σ h x̂, with h what a ReLU lets through of g.

    The ReLU is that of the values, which have the constants `values`; or its output Y is given, and h is `masked`.
    """
    y, h = (x[:0], x[:0]) if Y is None else (Y.reshape(-1), masked.reshape(-1))
    piece = _joined_pieces(x.dtype)[1 if Y is None else 2]
    launch(_sum_parallel, piece, g, x, y, h, values, statistics, sums)


def differentiate(g, x, values, constants, chunks, relu, gx):
    """gx = h s - (x - m) q - e, with m, s, q and e the rows of `constants`; h as above, of the values."""
    piece = _joined_pieces(x.dtype)[3] if relu else _plain_pieces(x.dtype)[1]
    launch(_differentiate_parallel, piece, g, x, values, constants, chunks, gx)


@functools.cache
def _plain_pieces(dtype):
    """Where the code for a chunk lies: values, gradients."""
    flat, matrix = flat_of(dtype), matrix_of(dtype)
    return (
        address(scale_rows, flat, matrix, flat),
        address(_differentiate_plain, flat, flat, matrix, matrix, flat),
    )


@functools.cache
def _joined_pieces(dtype):
    """Of the joined ones: values, the sums behind a ReLU of the values, and of an output that is given, gradients."""
    flat, matrix = flat_of(dtype), matrix_of(dtype)
    return (
        address(join_rows, flat, flat, matrix, flat.dtype, flat),
        address(_sum_by_values, *_of_sums(dtype)),
        address(_sum_by_output, *_of_sums(dtype)),
        address(behind_relu_gradients, flat, flat, matrix, matrix, flat),
    )


def _of_sums(dtype):
    flat, matrix = flat_of(dtype), matrix_of(dtype)
    return flat, flat, flat, flat, matrix, matrix, float64[:, :, ::1], int64


@parallel_jit
def _normalise_parallel(piece, x, constants, chunks, y):
    for c in prange(chunks):
        first, last = bounds(x.size, constants.shape[1], chunks, np.int64(c))
        call(piece, (x[first:last], constants, y[first:last]))


@parallel_jit
def _normalise_and_join_parallel(piece, x, constants, chunks, a, floor, y):
    for c in prange(chunks):
        first, last = bounds(x.size, constants.shape[1], chunks, np.int64(c))
        call(piece, (x[first:last], a[first:last], constants, floor, y[first:last]))


@jit
def _store_sums(S, width, statistics, sums):
    """Σ g and Σ g x̂ of each column, from the wide rows S of Σ g and Σ g (x - m)."""
    fold(S[0], width, sums[0])
    fold(S[1], width, sums[1])
    products_of_normalised(sums[1], sums[0], statistics)


@jit
def _sum_by_values(g, x, y, h, values, statistics, sums, chunk):
    width = values.shape[1]
    first, last = bounds(x.size, width, sums.shape[0], chunk)
    S = sums_for(width)
    add_behind_relu(g[first:last], x[first:last], values, S)
    _store_sums(S, width, statistics, sums[chunk])


@jit
def _sum_by_output(g, x, y, h, values, statistics, sums, chunk):
    width = values.shape[1]
    first, last = bounds(x.size, width, sums.shape[0], chunk)
    m, S = widened(statistics[:1], width), sums_for(width)
    add_let_through(g[first:last], x[first:last], y[first:last], h[first:last], m, S)
    _store_sums(S, width, statistics, sums[chunk])


@parallel_jit
def _sum_parallel(piece, g, x, y, h, values, statistics, sums):
    for c in prange(sums.shape[0]):
        call(piece, (g, x, y, h, values, statistics, sums, np.int64(c)))


@jit
def _differentiate_plain(g, x, values, constants, gx):
    row_gradients(g, x, constants, gx)


@parallel_jit
def _differentiate_parallel(piece, g, x, values, constants, chunks, gx):
    for c in prange(chunks):
        first, last = bounds(x.size, constants.shape[1], chunks, np.int64(c))
        call(piece, (g[first:last], x[first:last], values, constants, gx[first:last]))
