"""The kernels of batch norm: sums of all columns, what follows from them, and the values.

    many rows     chunks of rows: a mean and squares of each; all put together; values, by the same chunks
    few rows      pieces of columns: means, squares and what follows from them; values, by chunks of rows

Each is one kernel of two parallel loops, so that Python starts one and not three. Chunks and pieces follow from the
shape alone. `wide` says how narrow matrices are read.
"""

import functools

import numpy as np
from numba import boolean, float64, int64, prange

from ..codegen.column_norm import column_differences, column_products, column_sums
from ..codegen.function_pointer import address, call, entry_point, flat_of, matrix_of
from ..runtime.config import exact_jit, jit, parallel_jit
from .columns import (
    add_differences,
    add_gradients,
    add_rows,
    bounds,
    fold,
    fold_gradients,
    row_gradients,
    scale_rows,
    sums_for,
    widened,
)


@functools.cache
def forward_kernel(dtype):
    """The parallel kernel, with the places of the code for a chunk: its statistics, what follows of all, its values."""
    flat, matrix, slots = flat_of(dtype), matrix_of(dtype), float64[:, :, ::1]
    known = float64, float64, flat, flat, matrix, flat, flat
    pieces = (
        address(_measure, flat, int64, slots, int64),
        address(_fold_parts, slots, int64, *known, matrix),
        _scale(dtype),
    )
    return functools.partial(
        entry_point(_forward_parallel, *[int64] * 3, flat, slots, *known, matrix, flat, int64), *pieces
    )


@functools.cache
def backward_kernel(dtype):
    flat, matrix, slots = flat_of(dtype), matrix_of(dtype), float64[:, :, ::1]
    known = matrix, flat, boolean, boolean, boolean, flat, flat
    pieces = (
        address(_sum, flat, flat, matrix, int64, slots, int64),
        address(fold_sums, slots, int64, *known, matrix),
        _differentiate(dtype),
    )
    kinds = flat, flat, slots, *known, matrix, flat
    return functools.partial(entry_point(_backward_parallel, *[int64] * 3, *kinds), *pieces)


@functools.cache
def short_forward_kernel(dtype):
    """The parallel kernel for few rows, with the places of the code for some columns, and for the values of a chunk."""
    flat, matrix = flat_of(dtype), matrix_of(dtype)
    known = flat, float64, float64, flat, flat, matrix, flat, flat, matrix
    entry = entry_point(_short_forward_parallel, int64, int64, *known, flat, int64, int64)
    return functools.partial(entry, address(_measure_columns, *known, int64, int64), _scale(dtype))


@functools.cache
def short_backward_kernel(dtype):
    flat, matrix = flat_of(dtype), matrix_of(dtype)
    known = flat, flat, matrix, flat, boolean, boolean, boolean, flat, flat, matrix
    entry = entry_point(_short_backward_parallel, int64, int64, *known, flat, int64, int64)
    return functools.partial(entry, address(_sum_columns, *known, int64, int64), _differentiate(dtype))


@functools.cache
def _scale(dtype):
    """The place of the code for the values of a chunk."""
    return address(scale_rows, flat_of(dtype), matrix_of(dtype), flat_of(dtype))


@functools.cache
def _differentiate(dtype):
    return address(row_gradients, flat_of(dtype), flat_of(dtype), matrix_of(dtype), flat_of(dtype))


@exact_jit
def _split_means(sums, rows, m, rest):
    """The mean in the dtype of X."""
    for c in range(m.size):
        m[c] = sums[c] / rows
        rest[c] = m[c]


@exact_jit
def _store_part(sums, squares, rows, part):
    """What the rounding of the mean lost, and the squares round the mean."""
    for c in range(sums.size):
        rest = sums[c] / rows
        part[1, c] = rest
        part[2, c] = squares[c] - rows * rest * rest


@jit
def _measure(x, width, parts, chunk):
    """Of one chunk: for each column the mean, what its rounding lost, and the sum of the squares round it."""
    N = parts.shape[2]
    first, last = bounds(x.size, width, parts.shape[0], chunk)
    rows = np.float64((last - first) // N)
    S, sums, squares = sums_for(width), np.empty(N), np.empty(N)
    m = np.empty((1, N), x.dtype)
    add_rows(x[first:last], width, S)
    fold(S[0], width, sums)
    _split_means(sums, rows, m[0], parts[chunk, 0])
    S[0, :] = 0.0
    add_differences(x[first:last], width, widened(m, width)[0], S)
    fold(S[0], width, sums)
    fold(S[1], width, squares)
    _store_part(sums, squares, rows, parts[chunk])


@exact_jit
def _add_means(count, part, base, means):
    """means += count times the mean of a chunk, counted from that of the first one."""
    for c in range(means.size):
        means[c] += count * ((part[0, c] - base[c]) + part[1, c])


@exact_jit
def _add_squares(count, part, base, means, squares):
    for c in range(means.size):
        d = ((part[0, c] - base[c]) + part[1, c]) - means[c]
        squares[c] += part[2, c] + count * d * d


@exact_jit
def _store_statistics(statistics, base, means, variances, eps):
    """The mean is base + means."""
    for c in range(means.size):
        statistics[0, c] = base[c] + means[c]
        statistics[1, c] = (base[c] - np.float64(statistics[0, c])) + means[c]
        statistics[2, c] = 1.0 / np.sqrt(variances[c] + eps)


@exact_jit
def _divide(x, divisor):
    for c in range(x.size):
        x[c] /= divisor


@exact_jit
def _run(running, momentum, base, means, factor):
    for c in range(running.size):
        running[c] = (1.0 - momentum) * np.float64(running[c]) + momentum * (factor * (base[c] + means[c]))


@jit
def _fold_parts(parts, size, eps, momentum, running_mean, running_variance, statistics, gamma, beta, constants):
    chunks, N, width = parts.shape[0], parts.shape[2], constants.shape[1]
    rows, means, squares = np.float64(size // N), np.zeros(N), np.zeros(N)
    base = parts[0, 0].copy()
    for k in range(chunks):
        first, last = bounds(size, width, chunks, k)
        _add_means(np.float64((last - first) // N), parts[k], base, means)
    _divide(means, rows)
    for k in range(chunks):
        first, last = bounds(size, width, chunks, k)
        _add_squares(np.float64((last - first) // N), parts[k], base, means, squares)
    _divide(squares, rows)
    _store_statistics(statistics, base, means, squares, eps)
    _run(running_mean, momentum, base, means, 1.0)
    _run(running_variance, momentum, squares, np.zeros(N), rows / (rows - 1.0))
    value_constants(statistics, gamma, beta, constants)


@parallel_jit
def _forward_parallel(
    measure, fold_all, scale, x, parts, eps, momentum, running_mean, running_variance, statistics, gamma, beta,
    constants, y, written,
):  # fmt: skip
    chunks, width = parts.shape[0], constants.shape[1]
    for c in prange(chunks):
        call(measure, (x, width, parts, np.int64(c)))
    call(
        fold_all,
        (parts, x.size, eps, momentum, running_mean, running_variance, statistics, gamma, beta, constants),
    )
    for c in prange(written):
        first, last = bounds(x.size, width, written, np.int64(c))
        call(scale, (x[first:last], constants, y[first:last]))


@exact_jit
def _measure_columns(
    x, eps, momentum, running_mean, running_variance, statistics, gamma, beta, constants, first, last
):  # fmt: skip
    """The statistics and constants of columns first..last-1."""
    N, n = gamma.size, last - first
    rows, S, m, part = x.size // N, sums_for(n), np.empty(n, x.dtype), np.empty((3, n))
    column_sums(x, first, N, rows, n, S)
    _split_means(S[0, :n], np.float64(rows), m, part[0])
    S[0, :] = 0.0
    column_differences(x, first, N, rows, n, m, S)
    _store_part(S[0, :n], S[1, :n], np.float64(rows), part)
    _divide(part[2], np.float64(rows))
    own, narrow = np.empty((3, n), x.dtype), np.empty((3, n), x.dtype)
    _store_statistics(own, part[0], part[1], part[2], eps)
    _run(running_mean[first:last], momentum, part[0], part[1], 1.0)
    _run(running_variance[first:last], momentum, part[2], np.zeros(n), rows / (rows - 1.0))
    _scale_and_shift(own, gamma[first:last], beta[first:last], narrow)
    statistics[:, first:last], constants[:, first:last] = own, narrow


@parallel_jit
def _short_forward_parallel(
    measure, scale, x, eps, momentum, running_mean, running_variance, statistics, gamma, beta, constants, y, columns,
    chunks,
):  # fmt: skip
    N = gamma.size
    for c in prange((N + columns - 1) // columns):
        a = np.int64(c) * columns
        b = min(a + columns, N)
        call(measure, (x, eps, momentum, running_mean, running_variance, statistics, gamma, beta, constants, a, b))
    for c in prange(chunks):
        first, last = bounds(x.size, N, chunks, np.int64(c))
        call(scale, (x[first:last], constants, y[first:last]))


@jit
def known_statistics(running_mean, running_variance, eps, statistics, gamma, beta, constants):
    N = running_mean.size
    base, variances = np.empty(N), np.empty(N)
    for c in range(N):
        base[c], variances[c] = running_mean[c], running_variance[c]
    _store_statistics(statistics, base, np.zeros(N), variances, eps)
    value_constants(statistics, gamma, beta, constants)


@exact_jit
def _scale_and_shift(statistics, gamma, beta, narrow):
    """m, k and b of y = (x - m) k + b: k = r γ, b = β - rest k."""
    for c in range(gamma.size):
        k = statistics[2, c] * gamma[c]
        narrow[0, c], narrow[1, c], narrow[2, c] = statistics[0, c], k, beta[c] - statistics[1, c] * k


@jit
def value_constants(statistics, gamma, beta, constants):
    narrow = np.empty((3, gamma.size), gamma.dtype)
    _scale_and_shift(statistics, gamma, beta, narrow)
    constants[:, :] = widened(narrow, constants.shape[1])


@exact_jit
def products_of_normalised(products, total, statistics):
    """Σ g x̂ = r (Σ g (x - m) - rest Σ g)."""
    for c in range(total.size):
        rest, r = np.float64(statistics[1, c]), np.float64(statistics[2, c])
        products[c] = r * (products[c] - rest * total[c])


@jit
def _sum(g, x, statistics, width, sums, chunk):
    """Of one chunk: for each column Σ g and Σ g x̂."""
    first, last = bounds(x.size, width, sums.shape[0], chunk)
    W, S = widened(statistics[:1], width), sums_for(width)
    add_gradients(g[first:last], x[first:last], width, W[0], S)
    fold(S[0], width, sums[chunk, 0])
    fold(S[1], width, sums[chunk, 1])
    products_of_normalised(sums[chunk, 1], sums[chunk, 0], statistics)


@exact_jit
def _factors(sums, rows, statistics, gamma, training, factors):
    """m, s, q and e of gx = g s - (x - m) q - e: s = γ r, q = γ r² mean(g x̂), e = s mean(g) - rest q."""
    for c in range(gamma.size):
        r = np.float64(statistics[2, c])
        s = np.float64(gamma[c]) * r
        q = s * r * (sums[1, c] / rows) if training else 0.0
        e = s * (sums[0, c] / rows) - np.float64(statistics[1, c]) * q if training else 0.0
        factors[0, c], factors[1, c], factors[2, c], factors[3, c] = statistics[0, c], s, q, e


@jit
def fold_sums(sums, rows, statistics, gamma, training, add_gamma, add_beta, gamma_gradient, beta_gradient, factors):
    """gγ and gβ, and what the gradient of X needs of each column."""
    fold_gradients(sums, add_gamma, add_beta, gamma_gradient, beta_gradient)
    narrow = np.empty((4, gamma.size), gamma.dtype)
    _factors(sums[0], np.float64(rows), statistics, gamma, training, narrow)
    factors[:, :] = widened(narrow, factors.shape[1])


@parallel_jit
def _backward_parallel(
    add_all, fold_all, differentiate, g, x, sums, statistics, gamma, training, add_gamma, add_beta, gg, gb,
    constants, gx,
):  # fmt: skip
    chunks, width = sums.shape[0], constants.shape[1]
    for c in prange(chunks):
        call(add_all, (g, x, statistics, width, sums, np.int64(c)))
    call(
        fold_all,
        (sums, x.size // gamma.size, statistics, gamma, training, add_gamma, add_beta, gg, gb, constants),
    )
    for c in prange(chunks):
        first, last = bounds(x.size, width, chunks, np.int64(c))
        call(differentiate, (g[first:last], x[first:last], constants, gx[first:last]))


@exact_jit
def _sum_columns(
    g, x, statistics, gamma, training, add_gamma, add_beta, gg, gb, factors, first, last
):  # fmt: skip
    """The gradients of γ and β, and the factors, of columns first..last-1."""
    N, n = gamma.size, last - first
    rows, S, sums, own = x.size // N, sums_for(n), np.empty((1, 2, n)), np.empty((3, n), x.dtype)
    own[:, :] = statistics[:, first:last]
    column_products(g, x, first, N, rows, n, own[0], S)
    sums[0, :, :] = S[:, :n]
    products_of_normalised(sums[0, 1], sums[0, 0], own)
    narrow = np.empty((4, n), x.dtype)
    _factors(sums[0], np.float64(rows), own, gamma[first:last], training, narrow)
    factors[:, first:last] = narrow
    fold_gradients(sums, add_gamma, add_beta, gg[first:last], gb[first:last])


@parallel_jit
def _short_backward_parallel(
    add_all, differentiate, g, x, statistics, gamma, training, add_gamma, add_beta, gg, gb, constants, gx, columns,
    chunks,
):  # fmt: skip
    N = gamma.size
    for c in prange((N + columns - 1) // columns):
        a = np.int64(c) * columns
        b = min(a + columns, N)
        call(add_all, (g, x, statistics, gamma, training, add_gamma, add_beta, gg, gb, constants, a, b))
    for c in prange(chunks):
        first, last = bounds(x.size, N, chunks, np.int64(c))
        call(differentiate, (g[first:last], x[first:last], constants, gx[first:last]))
