"""Normalisation of every row: layer norm, and without the centring RMS norm. A row is the last axis.

    m = mean x        v = mean (x - m)²        r = 1/√(v + ε)        x̂ = r (x - m)        y = γ ⊙ x̂ + β

For RMS norm m = 0 and β = 0. With ĝ = γ ⊙ g the derivative of a row is

    gx = r (ĝ - mean ĝ - x̂ mean(ĝ ⊙ x̂))        gγ = Σ g ⊙ x̂        gβ = Σ g        (sums over all rows)

where RMS norm has no mean ĝ.

**Two passes.** The mean is taken first, and the squares are those of the differences from it. A mean that is rounded to
the dtype of X would cost digits where all numbers of a row lie far from 0 (10⁴ ± 1): the differences, which are exact
there, say what the rounding has lost, and that is kept as the rest of the mean. `statistics` (3, rows) holds m, its
rest and r for the backward pass.

Chunks of rows follow from the shape; each has a slot for its sums gγ and gβ, and the slots are added in order.
"""

import functools

import numpy as np
from numba import boolean, float64, int64, prange

from ..codegen.function_pointer import address, call, flat_of, matrix_of
from ..elementwise.vector_math import fma
from ..errors import ShapeError
from ..runtime.arrays import as_array, checked_out, made, same_dtype
from ..runtime.config import exact_jit, jit, parallel_jit, part_jit
from ..runtime.launch import launch, operation
from ..runtime.parallel import CHUNK_SIZE
from .sums import PARTIAL_ROWS, ROW_SLOTS

NORM_RUN = 1_024  # numbers of a row that are summed in their dtype


def layer_norm(
    X: np.ndarray,
    gamma: np.ndarray | None = None,
    beta: np.ndarray | None = None,
    eps: float = 1e-5,
    out: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Every row with mean 0 and variance 1, then scaled and shifted column by column.

    Forward: Y = X̂ diag(γ) + 1 βᵀ, X̂ = diag(r) X C with C = I - 11ᵀ/N, r = (mean of (X C)² + ε)^(-1/2) for each row.
    Backward: `layer_norm_backward`, from X and the statistics.
    Shapes: X (..., N), gamma and beta (N,) or None (1 and 0), Y as X, statistics (3, rows): the mean, what its rounding
        lost, and r; float32 or float64. `out` may be X itself, not overlap it otherwise.
    Errors: DtypeError, ShapeError, ValueError (eps, out).
    Reference: docs/equations.md, section 3.3; Ba, Kiros & Hinton 2016.
    """
    X, gamma, beta, out = _checked("layer_norm", X, gamma, beta, eps, out)
    return out, layer_norm_unchecked(X, gamma, beta, eps, out)


def rms_norm(
    X: np.ndarray, gamma: np.ndarray | None = None, eps: float = 1e-5, out: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Every row with a mean square of 1, then scaled column by column.

    Forward: Y = X̂ diag(γ), X̂ = diag(r) X, r = (mean of X² + ε)^(-1/2) for each row.
    Backward: `rms_norm_backward`, from X and the statistics.
    Shapes: X (..., N), gamma (N,) or None (1), Y as X, statistics (3, rows): 0, 0 and r; float32 or float64. `out` may
        be X itself, not overlap it otherwise.
    Errors: DtypeError, ShapeError, ValueError (eps, out).
    Reference: docs/equations.md, section 3.3; Zhang & Sennrich 2019.
    """
    X, gamma, _, out = _checked("rms_norm", X, gamma, None, eps, out)
    return out, rms_norm_unchecked(X, gamma, eps, out)


def layer_norm_backward(
    G: np.ndarray,
    X: np.ndarray,
    statistics: np.ndarray,
    gamma: np.ndarray | None = None,
    out: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The derivatives of the layer norm with respect to X, γ and β.

    Forward: `layer_norm`.
    Backward: gX = diag(r)(Ĝ C - diag(rowmean(Ĝ ⊙ X̂)) X̂), Ĝ = G diag(γ); gγ = (G ⊙ X̂)ᵀ 1; gβ = Gᵀ 1.
    Shapes: G, X and gX (..., N), statistics (3, rows) of the forward pass, gγ and gβ (N,). `out` for gX may be G or X.
    Errors: DtypeError, ShapeError, ValueError (out).
    Reference: docs/equations.md, section 3.3.
    """
    G, X, statistics, gamma, out = _checked_backward("layer_norm_backward", G, X, statistics, gamma, out)
    return out, *layer_norm_backward_unchecked(G, X, statistics, gamma, out)


def rms_norm_backward(
    G: np.ndarray,
    X: np.ndarray,
    statistics: np.ndarray,
    gamma: np.ndarray | None = None,
    out: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The derivatives of the RMS norm with respect to X and γ.

    Forward: `rms_norm`.
    Backward: gX = diag(r)(Ĝ - diag(rowmean(Ĝ ⊙ X̂)) X̂), Ĝ = G diag(γ); gγ = (G ⊙ X̂)ᵀ 1.
    Shapes: G, X and gX (..., N), statistics (3, rows) of the forward pass, gγ (N,). `out` for gX may be G or X.
    Errors: DtypeError, ShapeError, ValueError (out).
    Reference: docs/equations.md, section 3.3.
    """
    G, X, statistics, gamma, out = _checked_backward("rms_norm_backward", G, X, statistics, gamma, out)
    return out, rms_norm_backward_unchecked(G, X, statistics, gamma, out)


@operation("out", "statistics")
def layer_norm_unchecked(X, gamma, beta, eps, out=None, statistics=None):
    return _forward(X, gamma, beta, eps, True, out, statistics)


@operation("out", "statistics")
def rms_norm_unchecked(X, gamma, eps, out=None, statistics=None):
    return _forward(X, gamma, None, eps, False, out, statistics)


@operation("out", "gamma_gradient", "beta_gradient")
def layer_norm_backward_unchecked(
    G, X, statistics, gamma, out=None, gamma_gradient=None, beta_gradient=None, add_gamma=False, add_beta=False
):
    """The gradients of γ and β are added to what stands there if `add_gamma` and `add_beta` say so."""
    gX, gg = _new(out, X.shape, X), _new(gamma_gradient, X.shape[-1:], X)
    gb = _new(beta_gradient, X.shape[-1:], X)
    _backward(G, X, statistics, gamma, gX, gg, gb, add_gamma, add_beta, True)
    return made((out, gX), (gamma_gradient, gg), (beta_gradient, gb))


@operation("out", "gamma_gradient")
def rms_norm_backward_unchecked(G, X, statistics, gamma, out=None, gamma_gradient=None, add_gamma=False):
    gX, gg = _new(out, X.shape, X), _new(gamma_gradient, X.shape[-1:], X)
    _backward(G, X, statistics, gamma, gX, gg, np.empty_like(gg), add_gamma, False, False)
    return made((out, gX), (gamma_gradient, gg))


def _new(given, shape, like):
    return np.empty(shape, like.dtype) if given is None else given


def or_constant(given, value, N, like):
    return np.full(N, value, like.dtype) if given is None else given


def _forward(X, gamma, beta, eps, centred, out, statistics):
    N = X.shape[-1]
    rows = X.size // N if N else int(np.prod(X.shape[:-1]))
    Y, found = _new(out, X.shape, X), np.zeros((3, rows), X.dtype) if statistics is None else statistics
    if X.size:
        gamma, beta = or_constant(gamma, 1, N, X), or_constant(beta, 0, N, X)
        at_once = max(1, CHUNK_SIZE // N)
        place = _pieces(X.dtype)[0]
        launch(
            _normalise_parallel,
            place,
            X.reshape(rows, N),
            gamma,
            beta,
            float(eps),
            centred,
            Y.reshape(rows, N),
            found,
            at_once,
        )
    return made((out, Y), (statistics, found))


def _backward(G, X, statistics, gamma, gX, gg, gb, add_gamma, add_beta, centred):
    N = X.shape[-1]
    rows = statistics.shape[1]
    if N == 0:
        return
    slots = max(1, min(ROW_SLOTS, X.size // CHUNK_SIZE))
    sums = np.empty((slots, 2, N), X.dtype)
    launch(
        _differentiate_parallel, _pieces(X.dtype)[1], G.reshape(rows, N), X.reshape(rows, N), statistics,
        or_constant(gamma, 1, N, X), centred, gX.reshape(rows, N), sums,
    )  # fmt: skip
    launch(_fold, sums, add_gamma, add_beta, gg, gb)


@functools.cache
def _pieces(dtype):
    """Where the code for some rows lies, forward and backward."""
    matrix, flat = matrix_of(dtype), flat_of(dtype)
    forward = address(_normalise, matrix, flat, flat, float64, boolean, matrix, matrix, int64, int64)
    sums = flat.copy(ndim=3)
    return forward, address(_differentiate, matrix, matrix, matrix, flat, boolean, matrix, sums, int64, int64, int64)


@part_jit
def _sum_of_run(x):
    total = x.dtype.type(0)
    for j in range(x.size):
        total += x[j]
    return total


@part_jit
def _mean(x):
    total = 0.0
    for a in range(0, x.size, NORM_RUN):
        total += np.float64(_sum_of_run(x[a : a + NORM_RUN]))
    return total / np.float64(x.size)


@part_jit
def _differences_of_run(x, m, d):
    total, squares = x.dtype.type(0), x.dtype.type(0)
    for j in range(x.size):
        e = x[j] - m
        d[j] = e
        total += e
        squares += e * e
    return total, squares


@part_jit
def _differences(x, m, d):
    """d = x - m; the means of d and of its squares."""
    total, squares = 0.0, 0.0
    for a in range(0, x.size, NORM_RUN):
        part, more = _differences_of_run(x[a : a + NORM_RUN], m, d[a : a + NORM_RUN])
        total += np.float64(part)
        squares += np.float64(more)
    return total / np.float64(x.size), squares / np.float64(x.size)


@exact_jit
def _scale_and_shift(y, rest, r, gamma, beta):
    """y = γ ⊙ r (y - rest) + β."""
    for j in range(y.size):
        y[j] = fma((y[j] - rest) * r, gamma[j], beta[j])


@jit
def _normalise(X, gamma, beta, eps, centred, Y, statistics, first, last):
    """Rows first..last-1."""
    zero = X.dtype.type(0)
    for i in range(first, last):
        x, y = X[i], Y[i]
        m = X.dtype.type(_mean(x)) if centred else zero
        mean, square = _differences(x, m, y)
        rest = mean if centred else 0.0
        r = X.dtype.type(1.0 / np.sqrt(square - rest * rest + eps))
        statistics[0, i], statistics[1, i], statistics[2, i] = m, rest, r
        _scale_and_shift(y, X.dtype.type(rest), r, gamma, beta)


@parallel_jit
def _normalise_parallel(piece, X, gamma, beta, eps, centred, Y, statistics, rows):
    for c in prange((X.shape[0] + rows - 1) // rows):
        first = np.int64(c) * rows
        last = min(first + rows, X.shape[0])
        call(piece, (X, gamma, beta, eps, centred, Y, statistics, first, last))


@exact_jit
def _normalised(x, m, rest, r, xh):
    for j in range(xh.size):
        xh[j] = ((x[j] - m) - rest) * r


@part_jit
def _products_of_run(g, gamma, xh):
    total, inner = g.dtype.type(0), g.dtype.type(0)
    for j in range(g.size):
        h = g[j] * gamma[j]
        total += h
        inner += h * xh[j]
    return total, inner


@part_jit
def _inner(g, gamma, xh):
    """mean ĝ and mean ĝ ⊙ x̂."""
    total, inner = 0.0, 0.0
    for a in range(0, g.size, NORM_RUN):
        b = a + NORM_RUN
        part, more = _products_of_run(g[a:b], gamma[a:b], xh[a:b])
        total += np.float64(part)
        inner += np.float64(more)
    return total / np.float64(g.size), inner / np.float64(g.size)


@exact_jit
def _add_products(g, xh, gamma_sums, beta_sums):
    for j in range(g.size):
        gamma_sums[j] = fma(g[j], xh[j], gamma_sums[j])
        beta_sums[j] += g[j]


@exact_jit
def _row_gradient(g, gamma, xh, mean, inner, r, gx):
    for j in range(gx.size):
        gx[j] = fma(-xh[j], inner, g[j] * gamma[j] - mean) * r


@jit
def _differentiate(G, X, statistics, gamma, centred, gX, sums, slot, first, last):
    """Rows first..last-1; their shares of gγ and gβ go to a slot of `sums`."""
    N = X.shape[1]
    zero = X.dtype.type(0)
    xh, part, total = np.empty(N, X.dtype), np.zeros((2, N), X.dtype), sums[slot]
    total[:] = zero
    for top in range(first, last, PARTIAL_ROWS):
        for i in range(top, min(top + PARTIAL_ROWS, last)):
            g, r = G[i], statistics[2, i]
            _normalised(X[i], statistics[0, i], statistics[1, i], r, xh)
            mean, inner = _inner(g, gamma, xh)
            _add_products(g, xh, part[0], part[1])
            _row_gradient(g, gamma, xh, X.dtype.type(mean) if centred else zero, X.dtype.type(inner), r, gX[i])
        for k in range(2):
            for j in range(N):
                total[k, j] += part[k, j]
                part[k, j] = zero


@parallel_jit
def _differentiate_parallel(piece, G, X, statistics, gamma, centred, gX, sums):
    slots, rows = sums.shape[0], X.shape[0]
    for s in prange(slots):
        slot = np.int64(s)
        first, last = slot * rows // slots, (slot + 1) * rows // slots
        call(piece, (G, X, statistics, gamma, centred, gX, sums, slot, first, last))


@jit
def _fold(sums, add_gamma, add_beta, gamma_gradient, beta_gradient):
    """The slots added in order."""
    for j in range(gamma_gradient.size):
        a, b = sums[0, 0, j], sums[0, 1, j]
        for s in range(1, sums.shape[0]):
            a += sums[s, 0, j]
            b += sums[s, 1, j]
        gamma_gradient[j] = gamma_gradient[j] + a if add_gamma else a
        beta_gradient[j] = beta_gradient[j] + b if add_beta else b


def _checked(who, X0, gamma0, beta0, eps, out):
    X = as_array(who, "X", X0)
    check_eps(who, eps)
    if X.ndim == 0:
        raise ShapeError(f"{who}: expected X with at least 1 dimension, got shape (). Try X[np.newaxis].")
    gamma, beta = (
        None if A is None else per_column(who, name, A, X.shape[-1], X.dtype)
        for name, A in (("gamma", gamma0), ("beta", beta0))
    )
    same = out is X0 and X is X0
    return X, gamma, beta, checked_out(who, out, X.shape, X.dtype, None if same else X0, gamma0, beta0)


def check_eps(who, eps):
    """A number above 0, or what an error says."""
    if isinstance(eps, bool) or not isinstance(eps, int | float | np.integer | np.floating) or not 0 < eps < np.inf:
        raise ValueError(f"{who}: expected eps to be a number above 0, got {eps!r}. Try eps=1e-5.")


def per_column(who, name, A, N, dtype):
    """`A` as an array with one number of this dtype for each column."""
    B = as_array(who, name, A, 1)
    if B.shape != (N,):
        raise ShapeError(f"{who}: expected {name} of shape {(N,)}, one number for each column, got {B.shape}.")
    same_dtype(who, X=np.empty(0, dtype), **{name: B})
    return B


def _checked_backward(who, G0, X0, statistics0, gamma0, out):
    G, X, statistics = as_array(who, "G", G0), as_array(who, "X", X0), as_array(who, "statistics", statistics0, 2)
    same_dtype(who, G=G, X=X, statistics=statistics)
    if X.ndim == 0 or G.shape != X.shape:
        raise ShapeError(f"{who}: expected G and X of one shape with at least 1 axis, got G {G.shape}, X {X.shape}.")
    rows = int(np.prod(X.shape[:-1]))
    if statistics.shape != (3, rows):
        raise ShapeError(f"{who}: expected the statistics {(3, rows)} of the forward pass, got {statistics.shape}.")
    gamma = None if gamma0 is None else per_column(who, "gamma", gamma0, X.shape[-1], X.dtype)
    others = [A0 for A, A0 in ((G, G0), (X, X0)) if not (out is A0 and A is A0)]
    return G, X, statistics, gamma, checked_out(who, out, X.shape, X.dtype, *others, statistics0, gamma0)
