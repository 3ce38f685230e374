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

import numpy as np

from ..errors import ShapeError
from ..runtime.arrays import as_array, checked_out, made, same_dtype
from ..runtime.launch import launch, operation
from ..runtime.parallel import CHUNK_SIZE
from .batch_norm_passes import differentiate, normalise, sum_gradients
from .batch_statistics import (
    backward_kernel,
    fold_sums,
    forward_kernel,
    known_statistics,
    short_backward_kernel,
    short_forward_kernel,
    value_constants,
)
from .columns import FULL, wide
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
def batch_norm_unchecked(
    X, gamma, beta, eps, momentum, running_mean, running_variance, out=None, statistics=None, plus=None, relu=False
):  # fmt: skip
    """`plus` is added to the values, if it is given; then, with `relu`, `out` is the positive part."""
    N, Y, found = _prepared(X, out, statistics)
    if X.size:
        x, y, gamma, beta = X.reshape(-1), Y.reshape(-1), or_constant(gamma, 1, N, X), or_constant(beta, 0, N, X)
        rest = float(eps), float(momentum), running_mean, running_variance, found, gamma, beta
        chunks, joined = _chunks(X.size), plus is not None or relu
        constants, written = np.empty((3, _width(X)), X.dtype), 0 if joined else chunks
        if _is_short(X):
            launch(short_forward_kernel(X.dtype), x, *rest, constants, y, _columns_at_once(N), written)
        else:
            launch(forward_kernel(X.dtype), x, np.empty((chunks, 3, N)), *rest, constants, y, written)
        if joined:
            normalise(x, constants, chunks, plus, relu, y)
    return made((out, Y), (statistics, found))


@operation("out", "statistics")
def batch_norm_evaluation_unchecked(
    X, gamma, beta, eps, running_mean, running_variance, out=None, statistics=None, plus=None, relu=False
):  # fmt: skip
    """`plus` and `relu` as above."""
    N, Y, found = _prepared(X, out, statistics)
    if N:
        gamma, beta, constants = (
            or_constant(gamma, 1, N, X),
            or_constant(beta, 0, N, X),
            np.empty((3, wide(N)), X.dtype),
        )
        launch(known_statistics, running_mean, running_variance, float(eps), found, gamma, beta, constants)
        normalise(X.reshape(-1), constants, _chunks(X.size), plus, relu, Y.reshape(-1))
    return made((out, Y), (statistics, found))


@operation("out", "gamma_gradient", "beta_gradient", "masked")
def batch_norm_backward_unchecked(
    G, X, statistics, gamma, training=True, out=None, gamma_gradient=None, beta_gradient=None, add_gamma=False,
    add_beta=False, relu=False, beta=None, Y=None, masked=None,
):  # fmt: skip
    """The gradients of γ and β are added to what stands there if `add_gamma` and `add_beta` say so.

    With `relu` the gradient is that of the positive part Y: of the values, which follow from X, γ and `beta`, or where
    `Y` is given of something else besides; then `masked` is what it lets through of G.
    """
    N, gX, _ = _prepared(X, out, statistics)
    gg, gb = (np.empty(N, X.dtype) if A is None else A for A in (gamma_gradient, beta_gradient))
    if N:
        g, x, gx, gamma = G.reshape(-1), X.reshape(-1), gX.reshape(-1), or_constant(gamma, 1, N, X)
        rest, chunks = (statistics, gamma, training, add_gamma, add_beta, gg, gb), _chunks(X.size)
        constants, slots = np.empty((4, _width(X)), X.dtype), 1 if _is_short(X) else chunks
        if relu:
            sums, values, by_values = np.empty((slots, 2, N)), np.empty((3, _width(X)), X.dtype), Y is None
            if by_values:
                launch(value_constants, statistics, gamma, or_constant(beta, 0, N, X), values)
            sum_gradients(g, x, Y, masked, statistics, values, sums)
            launch(fold_sums, sums, x.size // N, *rest, constants)
            differentiate(g if by_values else masked.reshape(-1), x, values, constants, chunks, by_values, gx)
        elif _is_short(X):
            launch(short_backward_kernel(X.dtype), g, x, *rest, constants, gx, _columns_at_once(N), chunks)
        else:
            launch(backward_kernel(X.dtype), g, x, np.empty((slots, 2, N)), *rest, constants, gx)
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


def _width(X):
    """The width in which X is read."""
    return X.shape[-1] if _is_short(X) else wide(X.shape[-1])


def _columns_at_once(N):
    return FEW_COLUMNS if N < MANY_PIECES * FULL else FULL
