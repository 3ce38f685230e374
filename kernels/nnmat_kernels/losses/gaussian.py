"""The negative log-likelihood of Gaussians whose means and variances, or covariances, are outputs. Value and gradient.

H (..., K) holds for each row the M means μ, and behind them, by `covariance`,

    diagonal    M variances v                                          K = 2 M
    spherical   one variance for all M                                 K = M + 1
    cholesky    the lower triangle of Λ by rows, Σ = Λ Λᵀ              K = M + M (M + 1)/2

    l_bm   = ½ (log v + (μ - y)²/v)         ∂/∂μ = (μ - y)/v        ∂/∂v = ½ (1/v - (μ - y)²/v²)
    loss_b = Σ_i log |Λ_ii| + ½ ‖u‖²        ∂/∂μ = -p               ∂/∂Λ = lower(diag(1/Λ_ii) - p uᵀ)
                                            u = Λ⁻¹ (y - μ)         p = Λ⁻ᵀ u = Σ⁻¹ (y - μ)

A variance below eps counts as eps. The mean is over all entries l_bm, or over the rows loss_b.
"""

import numbers

import numpy as np
from numba import prange

from ..elementwise.vector_math import log
from ..errors import DataError, ShapeError
from ..runtime.arrays import checked_out
from ..runtime.config import NOWHERE, exact_jit, jit, parallel_jit, part_jit
from ..runtime.launch import launch, operation
from ..runtime.parallel import CHUNK_SIZE, PARALLEL_SIZE, in_row_chunks_of_two
from .labels import wrong_target
from .likelihoods import HALF_LOG_TWO_PI
from .targets import as_array_of_targets, as_rows, as_sample_weight, as_targets, check_reduction, target_rows
from .weighted_rows import given_or_made, mean_over_rows, spread, sum_of_weights

COVARIANCES = ("diagonal", "spherical", "cholesky")


@part_jit
def _diagonal_rows(H, Y, w, eps, constant, divisor, columns, G, values, sums, slot, first, last):
    """Rows first..last; G has as many columns as H, or 2 M, for derivatives that a cotangent comes to."""
    M = Y.shape[1]
    zero, one, half = H.dtype.type(0), H.dtype.type(1), H.dtype.type(0.5)
    each = Y.size // w.size if w.size > 0 else Y.size
    apart, own = H.shape[1] == 2 * M, G.shape[1] == 2 * M
    share = 1.0 / (divisor * columns) if divisor > 0.0 else 0.0
    terms, slopes = np.empty(M), np.empty(M, H.dtype)
    value = 0.0
    for b in range(first, last):
        h, y, g = H[b], Y[b], G[b]
        for m in range(M):
            weight = w[(b * M + m) // each] if w.size > 0 else 1.0
            factor = H.dtype.type(share * weight)
            v = h[M + m] if apart else h[M]
            v = eps if v < eps else v
            r, inverse = h[m] - y[m], one / v
            q = r * r * inverse
            terms[m] = weight * np.float64(half * (log(v) + q) + constant) if factor != zero else 0.0
            g[m] = factor * (r * inverse) if factor != zero else zero
            slopes[m] = factor * (half * inverse * (one - q)) if factor != zero else zero
        total, slope = 0.0, 0.0
        for m in range(M):
            total += terms[m]
            slope += np.float64(slopes[m])
        value += total
        if own:
            for m in range(M):
                g[M + m] = slopes[m]
        else:
            g[M] = slope
        if values.size > 0:
            for m in range(M):
                values[b, m] = terms[m]
    sums[slot] = value


@part_jit
def _cholesky_rows(H, Y, w, eps, constant, divisor, columns, G, values, sums, slot, first, last):
    """Rows first..last: two triangular solves each, in float64."""
    M = Y.shape[1]
    share = 1.0 / divisor if divisor > 0.0 else 0.0
    u, p = np.empty(M), np.empty(M)
    value = 0.0
    for b in range(first, last):
        h, g, L = H[b], G[b], H[b, M:]
        weight = w[b] if w.size > 0 else 1.0
        factor = share * weight
        if factor == 0.0:  # left out: whatever stands in this row
            for k in range(g.size):
                g[k] = 0
            if values.size > 0:
                values[b, 0] = 0
            continue
        loss, k = np.float64(constant) * M, 0
        for i in range(M):
            t = np.float64(Y[b, i]) - np.float64(h[i])
            for j in range(i):
                t -= L[k + j] * u[j]
            k += i
            u[i] = t / L[k]
            loss += log(abs(np.float64(L[k]))) + 0.5 * u[i] * u[i]
            k += 1
        for i in range(M - 1, -1, -1):
            t = u[i]
            for n in range(i + 1, M):
                t -= L[n * (n + 1) // 2 + i] * p[n]
            p[i] = t / L[i * (i + 1) // 2 + i]
        k = M
        for i in range(M):
            g[i] = -factor * p[i]
            for j in range(i):
                g[k + j] = -factor * p[i] * u[j]
            k += i
            g[k] = factor * (1.0 / np.float64(h[k]) - p[i] * u[i])
            k += 1
        value += weight * loss
        if values.size > 0:
            values[b, 0] = weight * loss
    sums[slot] = value


@parallel_jit
def _diagonal_rows_parallel(H, Y, w, eps, constant, divisor, columns, G, values, sums):
    rows, chunks = H.shape[0], sums.size
    for i in prange(chunks):
        k = np.int64(i)
        first, last = k * rows // chunks, (k + 1) * rows // chunks
        _diagonal_rows(H, Y, w, eps, constant, divisor, columns, G, values, sums, k, first, last)


@parallel_jit
def _cholesky_rows_parallel(H, Y, w, eps, constant, divisor, columns, G, values, sums):
    rows, chunks = H.shape[0], sums.size
    for i in prange(chunks):
        k = np.int64(i)
        first, last = k * rows // chunks, (k + 1) * rows // chunks
        _cholesky_rows(H, Y, w, eps, constant, divisor, columns, G, values, sums, k, first, last)


@exact_jit
def wrong_spread(H, M, w, triangular):
    """(0, the first place in H of a variance below 0, or of a 0 on the diagonal of Λ, that counts, or -1)."""
    rows, K = H.shape
    each = rows * M // w.size if w.size > 0 else 1
    apart = K == 2 * M and not triangular
    for b in range(rows):
        k, step = M, 1
        while k < K:
            wrong = H[b, k] == 0 if triangular else H[b, k] < 0
            if wrong:
                first, last = (k - M, k - M + 1) if apart else (0, M)  # the entries that it is the variance of
                for m in range(first, last):
                    if w.size == 0 or w[(b * M + m) // each] != 0.0:
                        return 0.0, np.int64(b * K + k)
            step += 1 if triangular else 0
            k += step
    return 0.0, NOWHERE


@jit
def _chain(out, G, C, first, last):
    M = C.shape[1]
    for b in range(first, last):
        for m in range(M):
            out[b, m] = C[b, m] * G[b, m]
        slope = 0.0
        for m in range(M):
            slope += np.float64(C[b, m]) * np.float64(G[b, M + m])
        if out.shape[1] == 2 * M:
            for m in range(M):
                out[b, M + m] = C[b, m] * G[b, M + m]
        else:
            out[b, M] = slope


_chain_parallel = in_row_chunks_of_two(_chain)


def gaussian_negative_log_likelihood(
    H: np.ndarray,
    y: np.ndarray,
    covariance: str = "diagonal",
    eps: float = 1e-6,
    full: bool = False,
    sample_weight: np.ndarray | None = None,
    out: np.ndarray | None = None,
    reduction: str = "mean",
    who: str = "gaussian_negative_log_likelihood",
) -> tuple:
    """Mean negative log-likelihood of y under the Gaussians in H (..., K), and its gradient with respect to H.

    Forward and backward: the equations at the head of this file. `full`: with ½ log 2π for each of the M numbers.
    Shapes: H (..., K), float32 or float64; y (..., M), or (...) if M = 1, finite; sample_weight (...) or its first
        axes, or as y unless "cholesky"; the gradient as H, written to `out` if given. For the reduction "none" values
        as y with derivatives (..., 2 M), which `gaussian_chain` multiplies; "cholesky": values (...), derivatives as H.
    Errors: ShapeError, DtypeError, LabelError, DataError (weights, a variance below 0, a 0 on the diagonal of Λ),
        ValueError (options); `who` is the name in their texts.
    Reference: docs/equations.md, sections 4.8 and 2.3.
    """
    return weighted_gaussian(H, y, covariance, eps, full, sample_weight, out, reduction, who)[:2]


def weighted_gaussian(H, y, covariance, eps, full, sample_weight, out, reduction, who) -> tuple:
    """As `gaussian_negative_log_likelihood`, with the divisor D as a third result (D = 0: value 0.0, zero gradient)."""
    check_reduction(who, reduction)
    if not isinstance(covariance, str) or covariance not in COVARIANCES:
        known = ", ".join(map(repr, COVARIANCES))
        raise ValueError(f"{who}: expected covariance as one of {known}, got {covariance!r}.")
    if not isinstance(eps, numbers.Real) or not 0.0 < eps < np.inf:  # type: ignore[operator]
        raise ValueError(f"{who}: expected eps finite and above 0, got {eps!r}. The default is 1e-6.")
    H2 = as_rows(who, H)
    least, most = float(np.finfo(H2.dtype).tiny), float(np.finfo(H2.dtype).max)
    if not least <= float(eps) <= most:
        raise ValueError(f"{who}: expected eps from {least:g} for {H2.dtype}, and finite, got {eps!r}. Try 1e-6.")
    y = as_array_of_targets(who, y, booleans=True)
    shape = shape_of_targets(who, y.shape, H.shape, covariance)
    Y = target_rows(who, y, shape, H2.dtype)
    rows_only = shape[:-1] if covariance == "cholesky" else shape
    s = None
    if sample_weight is not None:
        s = as_sample_weight(who, sample_weight, shape[:-1], None if covariance == "cholesky" else shape)
    if reduction == "none":
        L, G, divisor = gaussian_values_unchecked(H2, Y, covariance, eps, full, s, who=who)
        return L.reshape(rows_only), G.reshape(*H.shape[:-1], G.shape[1]), divisor
    G = None if out is None else checked_out(who, out, H.shape, H2.dtype, H, y, sample_weight).reshape(H2.shape)
    value, G, divisor = gaussian_unchecked(H2, Y, covariance, eps, full, s, reduction, G, who)
    return value, given_or_made(out, G, H.shape), divisor


def shape_of_targets(who: str, y_shape: tuple | None, H_shape: tuple, covariance: str) -> tuple:
    """(..., M) for H of this shape; raises ShapeError for a K that fits no M, and for targets of another shape."""
    K = H_shape[-1]
    M = {"diagonal": K // 2, "spherical": K - 1, "cholesky": (int((9 + 8 * K) ** 0.5) - 3) // 2}[covariance]
    columns = {"diagonal": 2 * M, "spherical": M + 1, "cholesky": M * (M + 3) // 2}[covariance]
    if M < 1 or columns != K:
        sizes = {"diagonal": "2 M", "spherical": "M + 1", "cholesky": "M + M (M + 1)/2"}[covariance]
        raise ShapeError(
            f"{who}: expected H with {sizes} columns for means and {covariance} covariance of M numbers, got {K}."
        )
    shape = (*H_shape[:-1], M)
    if y_shape is not None and y_shape != shape and not (M == 1 and y_shape == shape[:-1]):
        raise ShapeError(
            f"{who}: expected y of shape {shape}, got {y_shape}: the {K} columns of H are {M} means and the "
            f"{covariance} covariance."
        )
    return shape


@operation("G", refuses=True)
def gaussian_unchecked(H, Y, covariance, eps, full, sample_weight=None, reduction="mean", G=None, who="gaussian"):
    """(value, G, D) of a matrix of outputs and one of targets; a wrong target, weight or variance raises."""
    rows, M = Y.shape
    G = np.empty(H.shape, H.dtype) if G is None else G
    if rows == 0:
        return 0.0, G, float(reduction == "sum")
    w = _checked(who, H, Y, covariance, sample_weight)
    divisor, columns = float(rows), 1 if covariance == "cholesky" else M
    if reduction == "sum":
        divisor, columns = 1.0, 1
    elif w.size:
        divisor = launch(sum_of_weights, w, w.size // rows)
    values = np.empty((0, 1), H.dtype)
    return _launch(H, Y, w, covariance, eps, full, divisor, columns, G, values), G, divisor


@operation("L", "G", refuses=True)
def gaussian_values_unchecked(H, Y, covariance, eps, full, sample_weight=None, L=None, G=None, who="gaussian"):
    """(L, G, 1.0): the losses of entries, or of rows (rows, 1), and their derivatives (rows, 2 M), or as H."""
    rows, M = Y.shape
    triangular = covariance == "cholesky"
    L = np.empty((rows, 1 if triangular else M), H.dtype) if L is None else L
    G = np.empty((rows, H.shape[1] if triangular else 2 * M), H.dtype) if G is None else G
    if rows:
        w = _checked(who, H, Y, covariance, sample_weight)
        _launch(H, Y, w, covariance, eps, full, 1.0, 1, G, L)
    return L, G, 1.0


@operation("out")
def gaussian_chain_unchecked(G, C, columns, out=None):
    """The gradient (rows, columns) for the cotangent C (rows, M) of values, G (rows, 2 M) their derivatives."""
    out = np.empty((len(G), columns), G.dtype) if out is None else out
    if G.size < PARALLEL_SIZE:
        launch(_chain, out, G, C, 0, len(G))
    else:
        launch(_chain_parallel, out, G, C, len(G))
    return out


def _checked(who, H, Y, covariance, sample_weight) -> np.ndarray:
    """The weights, or an empty array, after a look at targets, weights and variances by kernels."""
    M, largest = Y.shape[1], np.finfo(H.dtype).max
    _, wrong = launch(wrong_target, Y, -largest, largest)
    if wrong >= 0:
        as_targets(who, Y, Y.shape, H.dtype)  # raises
    w = np.empty(0)
    if sample_weight is not None:
        entries = covariance != "cholesky" and sample_weight.size == Y.size
        w = spread(who, sample_weight, Y.size if entries else len(Y))
    triangular = covariance == "cholesky"
    _, wrong = launch(wrong_spread, H, M, w, triangular)
    if wrong >= 0:
        row, column = divmod(int(wrong), H.shape[1])
        what = "no 0 on the diagonal of Λ" if triangular else "variances >= 0"
        raise DataError(
            f"{who}: expected {what}, got {H[row, column]} in row {row}, column {column} of H. "
            + (
                "Let its bias there begin with 1."
                if triangular
                else "Let the model end in a Softplus for these columns."
            )
        )
    return w


def _launch(H, Y, w, covariance, eps, full, divisor, columns, G, values) -> float:
    serial, parallel = _diagonal_rows, _diagonal_rows_parallel
    if covariance == "cholesky":
        serial, parallel = _cholesky_rows, _cholesky_rows_parallel
    options = H.dtype.type(eps), H.dtype.type(HALF_LOG_TWO_PI if full else 0.0)
    sizes = PARALLEL_SIZE, CHUNK_SIZE, divisor, columns
    return mean_over_rows(serial, parallel, *sizes, H, Y, w, *options, divisor, columns, G, values)
