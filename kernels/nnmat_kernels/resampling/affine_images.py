"""Images seen through an affine map: shifted, turned, mirrored, cut out, each by a map of its own.

An output pixel asks where it comes from and takes the mean of the four pixels round that place, by their nearness. At a
place of whole numbers this is the pixel itself, with its bits. One unit of work is a row of pixels.
"""

import numpy as np
from numba import prange

from ..errors import DataError, ShapeError
from ..runtime.arrays import as_array, checked_out
from ..runtime.config import jit, parallel_jit, part_jit
from ..runtime.launch import launch, operation

AFFINE_PARALLEL_SIZE = 16_384  # elements, about 3 ns each


def affine_images(
    X: np.ndarray,
    maps: np.ndarray,
    size: tuple[int, int] | None = None,
    fill: float = 0.0,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Images whose pixels come from other places of the same image, by one affine map for each.

    Forward: (r, s)ᵀ = T_b (i, j, 1)ᵀ,  Y[b, i, j] = Σ_mn max(0, 1 - |r - m|) max(0, 1 - |s - n|) X[b, m, n], where
        the pixels (m, n) beyond X are `fill`.
    Shapes: X (B, H, W, C), T = `maps` (B, 2, 3), Y (B, Ho, Wo, C), (Ho, Wo) = `size`, by default (H, W); float32 or
        float64.
    Errors: DtypeError, ShapeError, DataError (a map that is not finite), ValueError (out).
    Reference: docs/equations.md, section 3.3.
    """
    who = "affine_images"
    X0, X = X, as_array(who, "X", X, ndim=4)
    maps = as_array(who, "maps", maps, ndim=3).astype(np.float64, copy=False)
    if maps.shape != (len(X), 2, 3):
        raise ShapeError(f"{who}: expected maps of shape ({len(X)}, 2, 3), one for each image, got {maps.shape}.")
    if not np.isfinite(maps).all():
        raise DataError(f"{who}: expected maps of finite numbers, got {maps[~np.isfinite(maps)][0]}.")
    shape = X.shape[1:3] if size is None else size
    two = isinstance(shape, tuple | list) and len(shape) == 2
    if not two or any(isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 0 for n in shape):
        raise ShapeError(f"{who}: expected size as two numbers of pixels, got {size!r}.")
    out = checked_out(who, out, (len(X), *map(int, shape), X.shape[3]), X.dtype, X0)
    affine_images_unchecked(X, maps, shape, float(fill), out)
    return out


@operation("out")
def affine_images_unchecked(X, maps, size, fill=0.0, out=None):
    """`affine_images` without its checks; `maps` in float64."""
    out = np.empty((len(X), *size, X.shape[3]), X.dtype) if out is None else out
    body = _affine_images if out.size < AFFINE_PARALLEL_SIZE else _affine_images_parallel
    launch(body, X, maps, fill, out)
    return out


@part_jit
def _add_pixel(X, b, m, n, weight, fill, Y, i, j):
    """Y[b, i, j] += weight X[b, m, n], or weight fill beyond the image."""
    if 0 <= m < X.shape[1] and 0 <= n < X.shape[2]:
        for c in range(Y.shape[3]):
            Y[b, i, j, c] += weight * X[b, m, n, c]
    else:
        for c in range(Y.shape[3]):
            Y[b, i, j, c] += weight * fill


@part_jit
def _mean_of_four(X, b, m, n, p, q, Y, i, j):
    """Y[b, i, j] = (1 - p) ((1 - q) x00 + q x01) + p ((1 - q) x10 + q x11), of the pixels from (m, n) on."""
    one = Y.dtype.type(1)
    p, q = Y.dtype.type(p), Y.dtype.type(q)
    for c in range(Y.shape[3]):
        above = (one - q) * X[b, m, n, c] + q * X[b, m, n + 1, c]
        below = (one - q) * X[b, m + 1, n, c] + q * X[b, m + 1, n + 1, c]
        Y[b, i, j, c] = (one - p) * above + p * below


@part_jit
def _edge(X, b, m, n, p, q, fill, Y, i, j):
    """The same where some of the four lie beyond the image, or do not count: such a pixel may be infinite."""
    for c in range(Y.shape[3]):
        Y[b, i, j, c] = 0.0
    for k in range(4):
        weight = (p if k >= 2 else 1.0 - p) * (q if k % 2 else 1.0 - q)
        if weight > 0.0:
            _add_pixel(X, b, m + k // 2, n + k % 2, Y.dtype.type(weight), Y.dtype.type(fill), Y, i, j)


@part_jit
def _affine_row(X, maps, fill, Y, row):
    """One row of one image of Y."""
    b, i = row // Y.shape[1], row % Y.shape[1]
    H, W = X.shape[1], X.shape[2]
    r0, s0 = maps[b, 0, 0] * i + maps[b, 0, 2], maps[b, 1, 0] * i + maps[b, 1, 2]
    by_column, s_by_column = maps[b, 0, 1], maps[b, 1, 1]
    for j in range(Y.shape[2]):
        r, s = r0 + by_column * j, s0 + s_by_column * j
        if not (-1.0 < r < H and -1.0 < s < W):
            for c in range(Y.shape[3]):
                Y[b, i, j, c] = fill
            continue
        m, n = np.int64(np.floor(r)), np.int64(np.floor(s))
        p, q = r - m, s - n
        if p == 0.0 and q == 0.0:
            for c in range(Y.shape[3]):
                Y[b, i, j, c] = X[b, m, n, c]
        elif p > 0.0 and q > 0.0 and 0 <= m < H - 1 and 0 <= n < W - 1:
            _mean_of_four(X, b, m, n, p, q, Y, i, j)
        else:
            _edge(X, b, m, n, p, q, fill, Y, i, j)


@jit
def _affine_images(X, maps, fill, Y):
    for row in range(Y.shape[0] * Y.shape[1]):
        _affine_row(X, maps, fill, Y, row)


@parallel_jit
def _affine_images_parallel(X, maps, fill, Y):
    for row in prange(Y.shape[0] * Y.shape[1]):
        _affine_row(X, maps, fill, Y, np.int64(row))
