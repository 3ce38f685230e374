"""Group norm of images (B, H, W, C): each image's channels in groups, each group with mean 0 and variance 1.

    μ, v: of the H W C/groups numbers of a group        r = 1/√(v + ε)        x̂ = r (x - μ)        y = γ x̂ + β
    gx = r (γ g - mean(γ g) - x̂ mean(γ g x̂))        gγ = Σ g x̂        gβ = Σ g        (means over a group)

It is the layer norm of rows (B groups, C/groups H W), but in memory a group lies in pieces of C/groups numbers. So sums
are taken for each channel of an image first, as in `batch_norm`, and then put together for the groups. One thread takes
a whole image.
"""

import functools

import numpy as np
from numba import float64, int64, prange

from ..codegen.function_pointer import address, call, flat_of, matrix_of
from ..errors import ShapeError
from ..runtime.arrays import as_array, checked_out, made, same_dtype
from ..runtime.config import jit, parallel_jit
from ..runtime.launch import launch, operation
from .columns import (
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


def group_norm(
    X: np.ndarray,
    groups: int,
    gamma: np.ndarray | None = None,
    beta: np.ndarray | None = None,
    eps: float = 1e-5,
    out: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Every group of channels of every image with mean 0 and variance 1, then scaled and shifted channel by channel.

    Forward: y = γ x̂ + β, x̂ = r (x - μ), with μ and r = (v + ε)^(-1/2) of each image's group.
    Backward: `group_norm_backward`, from X and the statistics.
    Shapes: X (B, ..., C) with C a multiple of groups, gamma and beta (C,) or None (1, 0), Y as X, statistics
        (3, B groups): μ, what its rounding lost, and r; float32 or float64. `out` may be X itself.
    Errors: DtypeError, ShapeError, ValueError (eps, out).
    Reference: docs/equations.md, section 3.11; Wu & He 2018.
    """
    who = "group_norm"
    X0, X = X, as_array(who, "X", X)
    check_eps(who, eps)
    _check_groups(who, X, groups)
    own = [
        None if A is None else per_column(who, name, A, X.shape[-1], X.dtype)
        for name, A in (("gamma", gamma), ("beta", beta))
    ]
    out = checked_out(who, out, X.shape, X.dtype, None if out is X0 and X is X0 else X0, gamma, beta)
    return out, group_norm_unchecked(X, groups, *own, eps, out)


def group_norm_backward(
    G: np.ndarray,
    X: np.ndarray,
    groups: int,
    statistics: np.ndarray,
    gamma: np.ndarray | None = None,
    out: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The derivatives of the group norm with respect to X, γ and β.

    Forward: `group_norm`.
    Backward: gx = r (γ g - mean(γ g) - x̂ mean(γ g x̂)) in each group; gγ = Σ g x̂, gβ = Σ g for each channel.
    Shapes: G, X and gX (B, ..., C), statistics (3, B groups) of the forward pass, gγ and gβ (C,). `out` for gX may be
        G or X.
    Errors: DtypeError, ShapeError, ValueError (out).
    Reference: docs/equations.md, section 3.11.
    """
    who = "group_norm_backward"
    G0, X0, statistics0 = G, X, statistics
    G, X, statistics = as_array(who, "G", G), as_array(who, "X", X), as_array(who, "statistics", statistics, 2)
    same_dtype(who, G=G, X=X, statistics=statistics)
    _check_groups(who, X, groups)
    if G.shape != X.shape:
        raise ShapeError(f"{who}: expected G and X of one shape, got G {G.shape}, X {X.shape}.")
    if statistics.shape != (3, len(X) * groups):
        raise ShapeError(
            f"{who}: expected the statistics {(3, len(X) * groups)} of the forward pass, got {statistics.shape}."
        )
    own = None if gamma is None else per_column(who, "gamma", gamma, X.shape[-1], X.dtype)
    others = [A0 for A, A0 in ((G, G0), (X, X0)) if not (out is A0 and A is A0)]
    out = checked_out(who, out, X.shape, X.dtype, *others, statistics0, gamma)
    return out, *group_norm_backward_unchecked(G, X, groups, statistics, own, out)


def _check_groups(who, X, groups):
    if X.ndim < 2:
        raise ShapeError(f"{who}: expected X (B, ..., C), got shape {X.shape}.")
    C = X.shape[-1]
    if isinstance(groups, bool) or not isinstance(groups, int | np.integer) or groups < 1 or C % groups:
        raise ShapeError(f"{who}: expected groups to divide the {C} channels, got {groups!r}.")


@operation("out", "statistics")
def group_norm_unchecked(X, groups, gamma, beta, eps, out=None, statistics=None):
    C = X.shape[-1]
    Y = np.empty(X.shape, X.dtype) if out is None else out
    found = np.zeros((3, len(X) * groups), X.dtype) if statistics is None else statistics
    if X.size:
        x, y = X.reshape(len(X), -1), Y.reshape(len(X), -1)
        gamma, beta = or_constant(gamma, 1, C, X), or_constant(beta, 0, C, X)
        launch(_groups_parallel, _pieces(X.dtype)[0], x, groups, gamma, beta, float(eps), wide(C), found, y)
    return made((out, Y), (statistics, found))


@operation("out", "gamma_gradient", "beta_gradient")
def group_norm_backward_unchecked(
    G, X, groups, statistics, gamma, out=None, gamma_gradient=None, beta_gradient=None, add_gamma=False, add_beta=False
):
    """The gradients of γ and β are added to what stands there if `add_gamma` and `add_beta` say so."""
    C = X.shape[-1]
    gX = np.empty(X.shape, X.dtype) if out is None else out
    gg, gb = (np.empty(C, X.dtype) if A is None else A for A in (gamma_gradient, beta_gradient))
    sums = np.zeros((max(1, len(X)), 2, C))
    if X.size:
        g, x, gx = (A.reshape(len(X), -1) for A in (G, X, gX))
        gamma = or_constant(gamma, 1, C, X)
        launch(_gradients_parallel, _pieces(X.dtype)[1], g, x, groups, statistics, gamma, wide(C), sums, gx)
    launch(fold_gradients, sums, add_gamma, add_beta, gg, gb)
    return made((out, gX), (gamma_gradient, gg), (beta_gradient, gb))


@functools.cache
def _pieces(dtype):
    """Where the code for an image lies, forward and backward."""
    flat, matrix = flat_of(dtype), matrix_of(dtype)
    forward = address(_group_image, flat, int64, int64, flat, flat, float64, int64, matrix, flat)
    return forward, address(
        _image_gradient, flat, flat, int64, int64, matrix, flat, int64, float64[:, :, ::1], flat
    )  # fmt: skip


@jit
def _group_image(x, image, groups, gamma, beta, eps, width, statistics, y):
    C = gamma.size
    own, numbers = C // groups, np.float64(x.size // groups)
    S, m, constants = sums_for(width), np.empty(width, x.dtype), np.empty((3, C), x.dtype)
    sums, products = np.empty(C), np.empty(C)
    add_rows(x, width, S)
    fold(S[0], width, sums)
    for group in range(groups):
        mean = 0.0
        for c in range(group * own, (group + 1) * own):
            mean += sums[c]
        for c in range(group * own, (group + 1) * own):
            for k in range(c, width, C):
                m[k] = mean / numbers
    S[0, :] = 0.0
    add_differences(x, width, m, S)
    fold(S[0], width, sums)
    fold(S[1], width, products)
    for group in range(groups):
        rest, square, place = 0.0, 0.0, image * groups + group
        for c in range(group * own, (group + 1) * own):
            rest += sums[c]
            square += products[c]
        rest /= numbers
        r = 1.0 / np.sqrt(square / numbers - rest * rest + eps)
        statistics[0, place], statistics[1, place], statistics[2, place] = m[group * own], rest, r
        for c in range(group * own, (group + 1) * own):
            k = statistics[2, place] * gamma[c]
            constants[0, c], constants[1, c], constants[2, c] = m[c], k, beta[c] - statistics[1, place] * k
    scale_rows(x, widened(constants, width), y)


@parallel_jit
def _groups_parallel(piece, X, groups, gamma, beta, eps, width, statistics, Y):
    for b in prange(X.shape[0]):
        image = np.int64(b)
        call(piece, (X[image], image, groups, gamma, beta, eps, width, statistics, Y[image]))


@jit
def _image_gradient(g, x, image, groups, statistics, gamma, width, sums, gx):
    """gx = g s - (x - m) q - e: s = γ r, q = r² mean(γ g x̂), e = r mean(γ g) - rest q; 0 for groups of one number."""
    C = gamma.size
    own, numbers = C // groups, np.float64(x.size // groups)
    S, m, constants = sums_for(width), np.empty(width, x.dtype), np.empty((4, C), x.dtype)
    for c in range(C):
        for k in range(c, width, C):
            m[k] = statistics[0, image * groups + c // own]
    add_gradients(g, x, width, m, S)
    fold(S[0], width, sums[image, 0])
    fold(S[1], width, sums[image, 1])
    for group in range(groups):
        mean, inner, place = 0.0, 0.0, image * groups + group
        rest, r = np.float64(statistics[1, place]), np.float64(statistics[2, place])
        for c in range(group * own, (group + 1) * own):
            total = sums[image, 0, c]
            product = r * (sums[image, 1, c] - rest * total)
            sums[image, 1, c] = product
            mean += np.float64(gamma[c]) * total
            inner += np.float64(gamma[c]) * product
        q = r * r * inner / numbers
        e = r * mean / numbers - rest * q
        if numbers == 1.0:  # s g - e is 0, but for rounding
            q = e = r = np.float64(0.0)
        for c in range(group * own, (group + 1) * own):
            constants[0, c], constants[1, c] = statistics[0, place], np.float64(gamma[c]) * r
            constants[2, c], constants[3, c] = q, e
    row_gradients(g, x, widened(constants, width), gx)


@parallel_jit
def _gradients_parallel(piece, G, X, groups, statistics, gamma, width, sums, gX):
    for b in prange(X.shape[0]):
        i = np.int64(b)
        call(piece, (G[i], X[i], i, groups, statistics, gamma, width, sums, gX[i]))
