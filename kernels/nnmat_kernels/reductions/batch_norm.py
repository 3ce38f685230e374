"""Normalisation of every column over all rows: batch norm. Images (B, H, W, C) are B H W rows of C columns.

    training     μ, v: mean and biased variance of the batch          r = 1/√(v + ε)      x̂ = r (x - μ)
    evaluation   μ, v: the running ones                               y = γ x̂ + β

    gγ = Σ g x̂        gβ = Σ g        gx = γ r (g - [ gβ/B + x̂ gγ/B ])        (sums over rows; [...] in training only)

**Two passes, over each chunk of rows.** A chunk, which the level-2 cache holds, takes the mean of its own rows and then
the squares of the differences from it; means and squares of all chunks are put together in float64:

    μ = Σ n_k μ_k / Σ n_k        v = Σ (q_k + n_k (μ_k - μ)²) / Σ n_k

So no digits cancel, whatever the offset of a column. `statistics` (3, N) holds μ, what its rounding to the dtype of X
has lost, and r, for the backward pass. Chunks follow from the shape alone.
"""

import functools

import numpy as np
from numba import boolean, float64, int64, prange

from ..codegen.column_norm import column_differences, column_gradients, column_products, column_sums, scale_columns
from ..codegen.function_pointer import address, call, entry_point, flat_of, matrix_of
from ..errors import ShapeError
from ..runtime.arrays import as_array, checked_out, made, same_dtype
from ..runtime.config import exact_jit, jit, parallel_jit
from ..runtime.launch import launch, operation
from ..runtime.parallel import CHUNK_SIZE
from .columns import (
    FULL,
    add_differences,
    add_gradients,
    add_rows,
    fold,
    fold_gradients,
    row_gradients,
    scale_rows,
    sums_for,
    wide,
    widened,
)  # fmt: skip
from .layer_norm import check_eps, or_constant, per_column

MOST_CHUNKS = 64
SHORT_BYTES, SHORT_COLUMNS = 4096, 64  # bytes of a column, and columns, that are shared by columns and not by rows
FEW_COLUMNS, MANY_PIECES = 32, 4  # columns of a piece where blocks of `FULL` would be fewer pieces than that


def batch_norm(
    X: np.ndarray,
    gamma: np.ndarray | None = None,
    beta: np.ndarray | None = None,
    eps: float = 1e-5,
    momentum: float = 0.1,
    running_mean: np.ndarray | None = None,
    running_variance: np.ndarray | None = None,
    out: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Every column with mean 0 and variance 1 over the batch, then scaled and shifted: the training form.

    Forward: Y = X̂ diag(γ) + 1 βᵀ, X̂ = C X diag(r), C = I - 11ᵀ/B, r = (mean of (C X)² over the rows + ε)^(-1/2).
        The running mean and variance are changed in place: a ← (1 - momentum) a + momentum μ, and the same with the
        variance, divided by B - 1 there and not by B (PyTorch's conventions).
    Backward: `batch_norm_backward`, from X and the statistics.
    Shapes: X (..., N) of at least 2 rows, Y as X; gamma, beta and the running ones (N,) or None (1, 0, not kept);
        statistics (3, N): μ, what its rounding lost, and r; float32 or float64. `out` may be X itself.
    Errors: DtypeError, ShapeError, ValueError (eps, momentum, out).
    Reference: docs/equations.md, section 3.11; Ioffe & Szegedy 2015.
    """
    who = "batch_norm"
    X, gamma, beta, out = _checked(who, X, gamma, beta, eps, out)
    N = X.shape[-1]
    rows = X.size // N if N else 2
    if N and rows < 2:
        raise ShapeError(
            f"{who}: expected at least 2 rows, for one has no variance, got X of shape {X.shape}. "
            "Give a larger batch, or call batch_norm_evaluation."
        )
    if isinstance(momentum, bool) or not isinstance(momentum, int | float | np.number) or not 0 <= momentum <= 1:
        raise ValueError(f"{who}: expected momentum to be a number in [0, 1], got {momentum!r}. Try momentum=0.1.")
    mean = _running(who, "running_mean", running_mean, X)
    variance = _running(who, "running_variance", running_variance, X)
    return out, batch_norm_unchecked(X, gamma, beta, eps, momentum, mean, variance, out)


def batch_norm_evaluation(
    X: np.ndarray,
    running_mean: np.ndarray,
    running_variance: np.ndarray,
    gamma: np.ndarray | None = None,
    beta: np.ndarray | None = None,
    eps: float = 1e-5,
    out: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Batch norm with known mean and variance: the form for evaluation.

    Forward: Y = (X - 1 μᵀ) diag(r ⊙ γ) + 1 βᵀ, r = (v + ε)^(-1/2), μ and v the running mean and variance.
    Backward: `batch_norm_backward` with training=False.
    Shapes: X (..., N), Y as X; running_mean, running_variance, gamma and beta (N,), the last two or None (1, 0);
        statistics (3, N) as those of `batch_norm`; float32 or float64. `out` may be X itself.
    Errors: DtypeError, ShapeError, ValueError (eps, out).
    Reference: docs/equations.md, section 3.11.
    """
    who = "batch_norm_evaluation"
    X, gamma, beta, out = _checked(who, X, gamma, beta, eps, out)
    mean, variance = (
        per_column(who, name, A, X.shape[-1], X.dtype)
        for name, A in (("running_mean", running_mean), ("running_variance", running_variance))
    )
    return out, batch_norm_evaluation_unchecked(X, gamma, beta, eps, mean, variance, out)


def batch_norm_backward(
    G: np.ndarray,
    X: np.ndarray,
    statistics: np.ndarray,
    gamma: np.ndarray | None = None,
    training: bool = True,
    out: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The derivatives of the batch norm with respect to X, γ and β.

    Forward: `batch_norm`; with training=False `batch_norm_evaluation`.
    Backward: gX = r ⊙ (Ĝ - mean_rows(Ĝ) - X̂ ⊙ mean_rows(Ĝ ⊙ X̂)), Ĝ = G diag(γ); in evaluation G diag(γ ⊙ r).
        gγ = (G ⊙ X̂)ᵀ 1; gβ = Gᵀ 1.
    Shapes: G, X and gX (..., N), statistics (3, N) of the forward pass, gγ and gβ (N,). `out` for gX may be G or X.
    Errors: DtypeError, ShapeError, ValueError (out).
    Reference: docs/equations.md, section 3.11.
    """
    who = "batch_norm_backward"
    G0, X0, statistics0 = G, X, statistics
    G, X, statistics = as_array(who, "G", G), as_array(who, "X", X), as_array(who, "statistics", statistics, 2)
    same_dtype(who, G=G, X=X, statistics=statistics)
    if X.ndim == 0 or G.shape != X.shape:
        raise ShapeError(f"{who}: expected G and X of one shape with at least 1 axis, got G {G.shape}, X {X.shape}.")
    if statistics.shape != (3, X.shape[-1]):
        raise ShapeError(
            f"{who}: expected the statistics {(3, X.shape[-1])} of the forward pass, got {statistics.shape}."
        )
    own = None if gamma is None else per_column(who, "gamma", gamma, X.shape[-1], X.dtype)
    others = [A0 for A, A0 in ((G, G0), (X, X0)) if not (out is A0 and A is A0)]
    out = checked_out(who, out, X.shape, X.dtype, *others, statistics0, gamma)
    return out, *batch_norm_backward_unchecked(G, X, statistics, own, bool(training), out)


def _checked(who, X0, gamma, beta, eps, out):
    X = as_array(who, "X", X0)
    check_eps(who, eps)
    if X.ndim == 0:
        raise ShapeError(f"{who}: expected X with at least 1 axis, its last one the columns, got shape ().")
    own = [
        None if A is None else per_column(who, name, A, X.shape[-1], X.dtype)
        for name, A in (("gamma", gamma), ("beta", beta))
    ]
    return X, *own, checked_out(who, out, X.shape, X.dtype, None if out is X0 and X is X0 else X0, gamma, beta)


def _running(who, name, A, X):
    """An array that is changed in place, or one that nobody sees."""
    if A is None:
        return np.zeros(X.shape[-1], X.dtype)
    found = per_column(who, name, A, X.shape[-1], X.dtype)
    if found is not A:
        raise ShapeError(f"{who}: expected {name} to be writable and C-contiguous, for it is changed in place.")
    return found


@operation("running_mean", "running_variance", "out", "statistics")
def batch_norm_unchecked(X, gamma, beta, eps, momentum, running_mean, running_variance, out=None, statistics=None):
    N, Y, found = _prepared(X, out, statistics)
    if X.size:
        x, y, gamma, beta = X.reshape(-1), Y.reshape(-1), or_constant(gamma, 1, N, X), or_constant(beta, 0, N, X)
        rest = float(eps), float(momentum), running_mean, running_variance, found, gamma, beta
        if _is_short(X):
            launch(_short_forward(X.dtype), x, *rest, y, _columns_at_once(N))
        else:
            parts, constants = np.empty((_chunks(X.size), 3, N)), np.empty((3, wide(N)), X.dtype)
            launch(_forward(X.dtype), x, parts, *rest, constants, y)
    return made((out, Y), (statistics, found))


@operation("out", "statistics")
def batch_norm_evaluation_unchecked(X, gamma, beta, eps, running_mean, running_variance, out=None, statistics=None):
    N, Y, found = _prepared(X, out, statistics)
    if N:
        gamma, beta, constants = (
            or_constant(gamma, 1, N, X),
            or_constant(beta, 0, N, X),
            np.empty((3, wide(N)), X.dtype),
        )
        launch(_known_statistics, running_mean, running_variance, float(eps), found, gamma, beta, constants)
        launch(_scale_parallel, _scale(X.dtype), X.reshape(-1), constants, _chunks(X.size), Y.reshape(-1))
    return made((out, Y), (statistics, found))


@operation("out", "gamma_gradient", "beta_gradient")
def batch_norm_backward_unchecked(
    G, X, statistics, gamma, training=True, out=None, gamma_gradient=None, beta_gradient=None, add_gamma=False,
    add_beta=False,
):  # fmt: skip
    """The gradients of γ and β are added to what stands there if `add_gamma` and `add_beta` say so."""
    N, gX, _ = _prepared(X, out, statistics)
    gg, gb = (np.empty(N, X.dtype) if A is None else A for A in (gamma_gradient, beta_gradient))
    if N:
        g, x, gx, gamma = G.reshape(-1), X.reshape(-1), gX.reshape(-1), or_constant(gamma, 1, N, X)
        rest = statistics, gamma, training, add_gamma, add_beta, gg, gb
        if _is_short(X):
            launch(_short_backward(X.dtype), g, x, *rest, gx, _columns_at_once(N))
        else:
            sums, constants = np.empty((_chunks(X.size), 2, N)), np.empty((4, wide(N)), X.dtype)
            launch(_backward(X.dtype), g, x, sums, *rest, constants, gx)
    return made((out, gX), (gamma_gradient, gg), (beta_gradient, gb))


def _prepared(X, out, statistics):
    N = X.shape[-1]
    Y = np.empty(X.shape, X.dtype) if out is None else out
    return N, Y, np.zeros((3, N), X.dtype) if statistics is None else statistics


def _chunks(size):
    return max(1, min(MOST_CHUNKS, size // CHUNK_SIZE))


def _is_short(X):
    """Whether all rows of some columns fit in the level-2 cache, and there are enough columns to share."""
    N = X.shape[-1]
    return N >= SHORT_COLUMNS and 0 < X.nbytes <= N * SHORT_BYTES


def _columns_at_once(N):
    return FEW_COLUMNS if N < MANY_PIECES * FULL else FULL


@functools.cache
def _forward(dtype):
    """The parallel kernel, with the places of the code for a chunk: its statistics, what follows of all, its values."""
    flat, matrix, slots = flat_of(dtype), matrix_of(dtype), float64[:, :, ::1]
    known = float64, float64, flat, flat, matrix, flat, flat
    pieces = (
        address(_measure, flat, int64, slots, int64),
        address(_fold_parts, slots, int64, *known, matrix),
        _scale(dtype),
    )
    return functools.partial(entry_point(_forward_parallel, *[int64] * 3, flat, slots, *known, matrix, flat), *pieces)


@functools.cache
def _backward(dtype):
    flat, matrix, slots = flat_of(dtype), matrix_of(dtype), float64[:, :, ::1]
    known = matrix, flat, boolean, boolean, boolean, flat, flat
    pieces = (
        address(_sum, flat, flat, matrix, int64, slots, int64),
        address(_fold_sums, slots, int64, *known, matrix),
        address(row_gradients, flat, flat, matrix, flat),
    )
    kinds = flat, flat, slots, *known, matrix, flat
    return functools.partial(entry_point(_backward_parallel, *[int64] * 3, *kinds), *pieces)


@functools.cache
def _short_forward(dtype):
    """The parallel kernel for few rows, with the place of the code for some columns."""
    flat, matrix = flat_of(dtype), matrix_of(dtype)
    kinds = flat, float64, float64, flat, flat, matrix, flat, flat, flat
    entry = entry_point(_short_forward_parallel, int64, *kinds, int64)
    return functools.partial(entry, address(_normalise_columns, *kinds, int64, int64))


@functools.cache
def _short_backward(dtype):
    flat, matrix = flat_of(dtype), matrix_of(dtype)
    kinds = flat, flat, matrix, flat, boolean, boolean, boolean, flat, flat, flat
    entry = entry_point(_short_backward_parallel, int64, *kinds, int64)
    return functools.partial(entry, address(_differentiate_columns, *kinds, int64, int64))


@functools.cache
def _scale(dtype):
    return address(scale_rows, flat_of(dtype), matrix_of(dtype), flat_of(dtype))


@jit
def _bounds(size, width, chunks, chunk):
    """Where a chunk begins and ends: at whole rows of the wide matrix, but for the last one."""
    rows = (size + width - 1) // width
    return min(chunk * rows // chunks * width, size), min((chunk + 1) * rows // chunks * width, size)


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
    first, last = _bounds(x.size, width, parts.shape[0], chunk)
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
        first, last = _bounds(size, width, chunks, k)
        _add_means(np.float64((last - first) // N), parts[k], base, means)
    _divide(means, rows)
    for k in range(chunks):
        first, last = _bounds(size, width, chunks, k)
        _add_squares(np.float64((last - first) // N), parts[k], base, means, squares)
    _divide(squares, rows)
    _store_statistics(statistics, base, means, squares, eps)
    _run(running_mean, momentum, base, means, 1.0)
    _run(running_variance, momentum, squares, np.zeros(N), rows / (rows - 1.0))
    _value_constants(statistics, gamma, beta, constants)


@parallel_jit
def _forward_parallel(
    measure, fold_all, scale, x, parts, eps, momentum, running_mean, running_variance, statistics, gamma, beta,
    constants, y,
):  # fmt: skip
    chunks, width = parts.shape[0], constants.shape[1]
    for c in prange(chunks):
        call(measure, (x, width, parts, np.int64(c)))
    call(
        fold_all,
        (parts, x.size, eps, momentum, running_mean, running_variance, statistics, gamma, beta, constants),
    )
    for c in prange(chunks):
        first, last = _bounds(x.size, width, chunks, np.int64(c))
        call(scale, (x[first:last], constants, y[first:last]))


@jit
def _normalise_columns(
    x, eps, momentum, running_mean, running_variance, statistics, gamma, beta, y, first, last
):  # fmt: skip
    """Columns first..last-1 of all rows."""
    N, n = gamma.size, last - first
    rows, S, m, part = x.size // N, sums_for(n), np.empty(n, x.dtype), np.empty((3, n))
    column_sums(x, first, N, rows, n, S)
    _split_means(S[0, :n], np.float64(rows), m, part[0])
    S[0, :] = 0.0
    column_differences(x, first, N, rows, n, m, S)
    _store_part(S[0, :n], S[1, :n], np.float64(rows), part)
    _divide(part[2], np.float64(rows))
    own, constants = np.empty((3, n), x.dtype), np.empty((3, n), x.dtype)
    _store_statistics(own, part[0], part[1], part[2], eps)
    _run(running_mean[first:last], momentum, part[0], part[1], 1.0)
    _run(running_variance[first:last], momentum, part[2], np.zeros(n), rows / (rows - 1.0))
    _scale_and_shift(own, gamma[first:last], beta[first:last], constants)
    statistics[:, first:last] = own
    scale_columns(x, first, N, rows, n, constants, y)


@parallel_jit
def _short_forward_parallel(
    piece, x, eps, momentum, running_mean, running_variance, statistics, gamma, beta, y, columns
):  # fmt: skip
    N = gamma.size
    for c in prange((N + columns - 1) // columns):
        first = np.int64(c) * columns
        call(
            piece,
            (
                x, eps, momentum, running_mean, running_variance, statistics, gamma, beta, y, first,
                min(first + columns, N),
            ),
        )  # fmt: skip


@jit
def _known_statistics(running_mean, running_variance, eps, statistics, gamma, beta, constants):
    N = running_mean.size
    base, variances = np.empty(N), np.empty(N)
    for c in range(N):
        base[c], variances[c] = running_mean[c], running_variance[c]
    _store_statistics(statistics, base, np.zeros(N), variances, eps)
    _value_constants(statistics, gamma, beta, constants)


@exact_jit
def _scale_and_shift(statistics, gamma, beta, narrow):
    """m, k and b of y = (x - m) k + b: k = r γ, b = β - rest k."""
    for c in range(gamma.size):
        k = statistics[2, c] * gamma[c]
        narrow[0, c], narrow[1, c], narrow[2, c] = statistics[0, c], k, beta[c] - statistics[1, c] * k


@jit
def _value_constants(statistics, gamma, beta, constants):
    narrow = np.empty((3, gamma.size), gamma.dtype)
    _scale_and_shift(statistics, gamma, beta, narrow)
    constants[:, :] = widened(narrow, constants.shape[1])


@parallel_jit
def _scale_parallel(piece, x, constants, chunks, y):
    for c in prange(chunks):
        first, last = _bounds(x.size, constants.shape[1], chunks, np.int64(c))
        call(piece, (x[first:last], constants, y[first:last]))


@exact_jit
def _products_of_normalised(products, total, statistics):
    """Σ g x̂ = r (Σ g (x - m) - rest Σ g)."""
    for c in range(total.size):
        rest, r = np.float64(statistics[1, c]), np.float64(statistics[2, c])
        products[c] = r * (products[c] - rest * total[c])


@jit
def _sum(g, x, statistics, width, sums, chunk):
    """Of one chunk: for each column Σ g and Σ g x̂."""
    first, last = _bounds(x.size, width, sums.shape[0], chunk)
    W, S = widened(statistics[:1], width), sums_for(width)
    add_gradients(g[first:last], x[first:last], width, W[0], S)
    fold(S[0], width, sums[chunk, 0])
    fold(S[1], width, sums[chunk, 1])
    _products_of_normalised(sums[chunk, 1], sums[chunk, 0], statistics)


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
def _fold_sums(sums, rows, statistics, gamma, training, add_gamma, add_beta, gamma_gradient, beta_gradient, factors):
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
        first, last = _bounds(x.size, width, chunks, np.int64(c))
        call(differentiate, (g[first:last], x[first:last], constants, gx[first:last]))


@jit
def _differentiate_columns(
    g, x, statistics, gamma, training, add_gamma, add_beta, gg, gb, gx, first, last
):  # fmt: skip
    """Columns first..last-1 of all rows."""
    N, n = gamma.size, last - first
    rows, S, sums, own = x.size // N, sums_for(n), np.empty((1, 2, n)), np.empty((3, n), x.dtype)
    own[:, :] = statistics[:, first:last]
    column_products(g, x, first, N, rows, n, own[0], S)
    sums[0, :, :] = S[:, :n]
    _products_of_normalised(sums[0, 1], sums[0, 0], own)
    factors = np.empty((4, n), x.dtype)
    _factors(sums[0], np.float64(rows), own, gamma[first:last], training, factors)
    fold_gradients(sums, add_gamma, add_beta, gg[first:last], gb[first:last])
    column_gradients(g, x, first, N, rows, n, factors, gx)


@parallel_jit
def _short_backward_parallel(
    piece, g, x, statistics, gamma, training, add_gamma, add_beta, gg, gb, gx, columns
):  # fmt: skip
    N = gamma.size
    for c in prange((N + columns - 1) // columns):
        first = np.int64(c) * columns
        last = min(first + columns, N)
        call(piece, (g, x, statistics, gamma, training, add_gamma, add_beta, gg, gb, gx, first, last))
