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
import math

import numpy as np
from numba import boolean, float64, int64, prange

from ..codegen.copies import flat
from ..codegen.function_pointer import address, call, entry_point, flat_of, matrix_of
from ..codegen.row_norm import ROWS, differentiate_rows, normalise_rows, room_of
from ..errors import ShapeError
from ..runtime.arrays import as_array, checked_out, made, same_dtype
from ..runtime.config import exact_jit, inlined_jit, parallel_jit
from ..runtime.launch import launch, operation
from ..runtime.parallel import CHUNK_SIZE
from ..runtime.scratch import scratch
from ..runtime.target import VECTOR_BYTES
from .sums import PARTIAL_ROWS, ROW_SLOTS

NARROW = 256  # columns


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
    Reference: docs/equations.md, section 3.11; Ba, Kiros & Hinton 2016.
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
    Reference: docs/equations.md, section 3.11; Zhang & Sennrich 2019.
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
    Reference: docs/equations.md, section 3.11.
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
    Reference: docs/equations.md, section 3.11.
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


def rows_of(X):
    """How many rows there are, of all axes but the last one."""
    return X.size // X.shape[-1] if X.shape[-1] else math.prod(X.shape[:-1])


def or_constant(given, value, N, like):
    return np.full(N, value, like.dtype) if given is None else given


def _forward(X, gamma, beta, eps, centred, out, statistics):
    N = X.shape[-1]
    rows = rows_of(X)
    Y, found = _new(out, X.shape, X), np.zeros((3, rows), X.dtype) if statistics is None else statistics
    if X.size:
        gamma, beta = or_constant(gamma, 1, N, X), or_constant(beta, 0, N, X)
        chunk = max(1, CHUNK_SIZE // N)
        launch(
            _forward_kernel(X.dtype), X.reshape(-1), gamma, beta, float(eps), centred, Y.reshape(-1), found, chunk
        )  # fmt: skip
    return made((out, Y), (statistics, found))


def _backward(G, X, statistics, gamma, gX, gg, gb, add_gamma, add_beta, centred):
    N = X.shape[-1]
    if N == 0:
        return
    slots = max(1, min(ROW_SLOTS, X.size // CHUNK_SIZE))
    sums = np.empty((slots, 2 * N), X.dtype)
    launch(
        _backward_kernel(X.dtype), G.reshape(-1), X.reshape(-1), statistics, or_constant(gamma, 1, N, X), centred,
        gX.reshape(-1), sums, add_gamma, add_beta, gg, gb,
    )  # fmt: skip


@functools.cache
def _forward_kernel(dtype):
    """The parallel kernel, with the place of the code for some rows."""
    matrix, vector = matrix_of(dtype), flat_of(dtype)
    kinds = vector, vector, vector, float64, boolean, vector, matrix
    entry = entry_point(_normalise_parallel, int64, *kinds, int64)
    return functools.partial(entry, address(_normalise, *kinds, int64, int64))


@functools.cache
def _backward_kernel(dtype):
    matrix, vector = matrix_of(dtype), flat_of(dtype)
    kinds = vector, vector, matrix, vector, boolean, vector, matrix
    entry = entry_point(_differentiate_parallel, int64, *kinds, boolean, boolean, vector, vector)
    return functools.partial(entry, address(_differentiate, *kinds, int64, int64, int64))


@exact_jit
def _at_once(N, lanes):
    """How many rows are taken at a time."""
    return lanes if N > NARROW else ROWS // 2 * lanes


@exact_jit
def _together(N):
    """How many rows are written in blocks of columns: wide ones use up the level-1 cache."""
    return 2 if N > NARROW else 16


@inlined_jit
def _aligned(x):
    """A copy that begins at a cache line."""
    y = scratch(x.size, x)
    y[:] = x
    return y


@exact_jit
def _normalise(X, gamma0, beta0, eps, centred, Y, statistics, first, last):
    """Rows first..last-1."""
    N, T, apart, lanes = gamma0.size, flat(statistics), statistics.shape[1], VECTOR_BYTES // X.itemsize
    gamma, beta, room, at_once = _aligned(gamma0), _aligned(beta0), scratch(room_of(lanes), X), _at_once(N, lanes)
    for top in range(first, last, at_once):
        rows = min(at_once, last - top)
        normalise_rows(X, top * N, N, rows, gamma, beta, eps, centred, T, top, apart, Y, room, _together(N))


@parallel_jit
def _normalise_parallel(piece, X, gamma, beta, eps, centred, Y, statistics, rows):
    count = statistics.shape[1]
    for c in prange((count + rows - 1) // rows):
        first = np.int64(c) * rows
        last = min(first + rows, count)
        call(piece, (X, gamma, beta, eps, centred, Y, statistics, first, last))


@exact_jit
def _move(x, y):
    """y += x, x = 0."""
    for j in range(y.size):
        y[j] += x[j]
        x[j] = y.dtype.type(0)


@exact_jit
def _differentiate(G, X, statistics, gamma0, centred, gX, sums, slot, first, last):
    """Rows first..last-1; their shares of gγ and gβ go to a slot of `sums`."""
    N, T, apart, lanes = gamma0.size, flat(statistics), statistics.shape[1], VECTOR_BYTES // X.itemsize
    gamma, room, at_once = _aligned(gamma0), scratch(room_of(lanes), X), _at_once(N, lanes)
    second, total, zero = (N + lanes - 1) // lanes * lanes, sums[slot], X.dtype.type(0)
    part = scratch(2 * second, X)
    part[:], total[:] = zero, zero
    for top in range(first, last, at_once):
        rows = min(at_once, last - top)
        differentiate_rows(
            G, X, top * N, N, rows, gamma, centred, T, top, apart, gX, part, second, room, _together(N)
        )  # fmt: skip
        if (top + rows - first) % PARTIAL_ROWS == 0 or top + rows == last:
            _move(part[:N], total[:N])
            _move(part[second : second + N], total[N:])


@parallel_jit
def _differentiate_parallel(piece, G, X, statistics, gamma, centred, gX, sums, add_gamma, add_beta, gg, gb):
    slots, rows = sums.shape[0], statistics.shape[1]
    for s in prange(slots):
        slot = np.int64(s)
        first, last = slot * rows // slots, (slot + 1) * rows // slots
        call(piece, (G, X, statistics, gamma, centred, gX, sums, slot, first, last))
    _fold(sums, add_gamma, add_beta, gg, gb)


@exact_jit
def _fold(sums, add_gamma, add_beta, gamma_gradient, beta_gradient):
    """The slots added in order."""
    N = gamma_gradient.size
    total = sums[0]
    for s in range(1, sums.shape[0]):
        more = sums[s]
        for j in range(total.size):
            total[j] += more[j]
    for j in range(N):
        gamma_gradient[j] = gamma_gradient[j] + total[j] if add_gamma else total[j]
        beta_gradient[j] = beta_gradient[j] + total[N + j] if add_beta else total[N + j]


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
    if type(eps) is float and 0 < eps < math.inf:
        return
    if isinstance(eps, bool) or not isinstance(eps, int | float | np.integer | np.floating) or not 0 < eps < np.inf:
        raise ValueError(f"{who}: expected eps to be a number above 0, got {eps!r}. Try eps=1e-5.")


def per_column(who, name, A, N, dtype):
    """`A` as an array with one number of this dtype for each column."""
    B = as_array(who, name, A, 1)
    if B.shape == (N,) and B.dtype is dtype:  # the usual case, at a third of the cost
        return B
    if B.shape != (N,):
        raise ShapeError(f"{who}: expected {name} of shape {(N,)}, one number for each column, got {B.shape}.")
    same_dtype(who, X=np.empty(0, dtype), **{name: B})
    return B


def _checked_backward(who, G0, X0, statistics0, gamma0, out):
    G, X, statistics = as_array(who, "G", G0), as_array(who, "X", X0), as_array(who, "statistics", statistics0, 2)
    same_dtype(who, G=G, X=X, statistics=statistics)
    if X.ndim == 0 or G.shape != X.shape:
        raise ShapeError(f"{who}: expected G and X of one shape with at least 1 axis, got G {G.shape}, X {X.shape}.")
    rows = rows_of(X)
    if statistics.shape != (3, rows):
        raise ShapeError(f"{who}: expected the statistics {(3, rows)} of the forward pass, got {statistics.shape}.")
    gamma = None if gamma0 is None else per_column(who, "gamma", gamma0, X.shape[-1], X.dtype)
    others = [A0 for A, A0 in ((G, G0), (X, X0)) if not (out is A0 and A is A0)]
    return G, X, statistics, gamma, checked_out(who, out, X.shape, X.dtype, *others, statistics0, gamma0)
