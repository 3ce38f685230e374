"""Convolution of channels-last images, its input gradient and its weight gradient, each as im2col and a matrix product.

The patch matrix U (see `im2col`) is never built whole. The work is cut into bands of output rows of one image, small
enough for a band of U to stay in the level-2 cache between the two steps that use it:

      forward           X --gather--> U (pixels, kh kw Ci)  --product-->  Y = U K_matᵀ + 1 bᵀ
      input gradient    G --product--> gU = G K_mat  --scatter-add-->  gX
      weight gradient   X --gather--> U  --product-->  gK_mat += Gᵀ U     (a sum per chunk of the work, folded in order)

With groups, each group does this with its own channels and its own rows of K_mat. Rows of U and K_mat are padded with
zeros to a multiple of 8, so that inner loops have no scalar tail. A 1 x 1 convolution without stride is one matrix
product, and a depthwise one has its own kernels (`depthwise`).
"""

import numbers

import numpy as np
from numba import prange

from . import depthwise
from .checks import as_array, output, same_dtype
from .config import jit, parallel_jit
from .errors import ShapeError
from .im2col import Window, gather_rows, image_shape, scatter_rows, window
from .matmul import PARALLEL_FLOPS, fold, multiply, multiply_block

CHUNKS = 64  # pieces of the work, whatever the number of threads
PARTIALS = 16  # the same where each piece has a weight gradient of its own
SCRATCH = 131_072  # bytes of U at a time


@jit
def _forward_piece(X, K, bias, Y, U, first, last, rows, Co, groups, ldu, w):
    """Bands first..last-1 of Y; K is (Co, ldu), U is scratch."""
    bands, M, N = (w.Ho + rows - 1) // rows, Co // groups, w.C // groups
    zero, one = np.int64(0), np.int64(1)  # no literals, for which Numba would compile every callee once more
    U[:] = 0  # the padding of its rows stays zero
    for unit in range(first, last):
        n, i = unit // bands, unit % bands * rows
        end = min(i + rows, w.Ho)
        q = (n * w.Ho + i) * w.Wo * Co
        for g in range(groups):
            gather_rows(X, n, g * N, N, i, end, U, zero, ldu, w)
            pixels, at = (end - i) * w.Wo, np.int64(g * M if bias.size > 0 else -1)
            k = g * M * ldu
            multiply_block(U, zero, ldu, one, K, k, ldu, one, Y, q + g * M, Co, pixels, M, ldu, zero, bias, at, zero)


@parallel_jit
def _forward_parallel(X, K, bias, Y, U, units, chunks, size, rows, Co, groups, ldu, w):
    for chunk in prange(chunks):
        c = np.int64(chunk)  # the index of a prange is unsigned
        first, last, scratch = c * units // chunks, (c + 1) * units // chunks, U[c * size : (c + 1) * size]
        _forward_piece(X, K, bias, Y, scratch, first, last, rows, Co, groups, ldu, w)


@jit
def _input_piece(G, K, gX, U, first, last, rows, Co, groups, ldu, w):
    """Images first..last-1 of gX."""
    size, M, N = w.H * w.W * w.C, Co // groups, w.C // groups
    zero, one, none = np.int64(0), np.int64(1), np.int64(-1)  # no literals (see above)
    for n in range(first, last):
        gX[n * size : (n + 1) * size] = 0
        for i in range(0, w.Ho, rows):
            end = min(i + rows, w.Ho)
            pixels, q = (end - i) * w.Wo, (n * w.Ho + i) * w.Wo * Co
            for g in range(groups):
                k = g * M * ldu
                multiply_block(
                    G, q + g * M, Co, one, K, k, ldu, zero, U, zero, ldu, pixels, ldu, M, zero, G, none, zero
                )
                scatter_rows(U, zero, ldu, gX, n, g * N, N, i, end, w)


@parallel_jit
def _input_parallel(G, K, gX, U, chunks, size, rows, Co, groups, ldu, w):
    for chunk in prange(chunks):
        c = np.int64(chunk)
        first, last, scratch = c * w.B // chunks, (c + 1) * w.B // chunks, U[c * size : (c + 1) * size]
        _input_piece(G, K, gX, scratch, first, last, rows, Co, groups, ldu, w)


@jit
def _weight_piece(X, G, gK, U, first, last, rows, Co, groups, ldu, w):
    """gK (groups, Co/groups, ldu) = the sum over bands first..last-1."""
    bands, M, N = (w.Ho + rows - 1) // rows, Co // groups, w.C // groups
    zero, one, none = np.int64(0), np.int64(1), np.int64(-1)
    gK[:] = 0
    U[:] = 0
    for unit in range(first, last):
        n, i = unit // bands, unit % bands * rows
        end = min(i + rows, w.Ho)
        pixels, q = (end - i) * w.Wo, (n * w.Ho + i) * w.Wo * Co
        for g in range(groups):
            gather_rows(X, n, g * N, N, i, end, U, zero, ldu, w)
            k = g * M * ldu
            multiply_block(G, q + g * M, one, Co, U, zero, ldu, zero, gK, k, ldu, M, ldu, pixels, one, G, none, zero)


@parallel_jit
def _weight_parallel(X, G, gK, U, units, chunks, size, rows, Co, groups, ldu, w):
    for chunk in prange(chunks):
        c = np.int64(chunk)
        first, last, scratch = c * units // chunks, (c + 1) * units // chunks, U[c * size : (c + 1) * size]
        own = gK[c * Co * ldu : (c + 1) * Co * ldu]
        _weight_piece(X, G, own, scratch, first, last, rows, Co, groups, ldu, w)


def _bands(w: Window, ldu: int, itemsize: int) -> tuple[int, int]:
    """Output rows per band, and bands per image: cache-sized, and enough of them to share among threads."""
    rows = max(1, min(w.Ho, SCRATCH // max(1, w.Wo * ldu * itemsize), w.B * w.Ho // PARTIALS))
    bands = -(-w.Ho // rows)
    rows = -(-w.Ho // bands)
    return rows, -(-w.Ho // rows)


def _padded(K: np.ndarray) -> tuple[np.ndarray, int]:
    """K as a matrix (Co, ldu) with rows padded by zeros, and ldu."""
    Co, width = K.shape[0], K.shape[1] * K.shape[2] * K.shape[3]
    ldu = -(-width // 8) * 8
    if ldu == width:
        return K.reshape(Co, width), ldu
    padded = np.zeros((Co, ldu), K.dtype)
    padded[:, :width] = K.reshape(Co, width)
    return padded, ldu


def _setup(who, name, shape, kernel_shape, stride, padding, dilation, groups) -> Window:
    """The window of a convolution of images of `shape` with weights of `kernel_shape`, checked with its groups."""
    if isinstance(groups, bool) or not isinstance(groups, numbers.Integral) or groups < 1:
        raise ShapeError(f"{who}: expected groups to be an integer of at least 1, got {groups!r}. Try groups=1.")
    Co, kh, kw, width = kernel_shape
    if shape[3] != width * groups:
        raise ShapeError(
            f"{who}: expected {name} with {width * groups} channels (weights {tuple(kernel_shape)}, groups {groups}), "
            f"got {tuple(shape)}. Images are (B, H, W, C), weights (Co, kh, kw, Ci/groups)."
        )
    if Co % groups:
        raise ShapeError(f"{who}: expected a number of output channels divisible by groups={groups}, got {Co}.")
    return window(who, shape, (kh, kw), stride, padding, dilation)


def _is_product(w: Window, groups: int) -> bool:
    """Whether the convolution is a matrix product of pixels with weights: 1 x 1, no stride, no padding, no groups."""
    return (w.kh, w.kw, w.sh, w.sw, w.ph, w.pw, groups) == (1, 1, 1, 1, 0, 0, 1)


def conv2d(
    X: np.ndarray,
    K: np.ndarray,
    bias: np.ndarray | None = None,
    stride=1,
    padding=0,
    dilation=1,
    groups: int = 1,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Convolution (cross-correlation) of channels-last images.

    Forward:   Y[n, i, j, o] = bias[o] + Σ_abc Xpad[n, i sh + a dh, j sw + b dw, c] K[o, a, b, c], c in the group of o:
               Y = U K_matᵀ + 1 biasᵀ for each group
    Backward:  `conv2d_input_gradient`, `conv2d_weight_gradient`; gbias = the sum of G over n, i, j
    Shapes:    X (B, H, W, Ci), K (Co, kh, kw, Ci/groups), bias (Co,), Y (B, Ho, Wo, Co); one dtype, float32 or float64
    Errors:    ShapeError, DtypeError, ValueError (`out` overlapping an input)
    Reference: docs/equations.md, section 3.2
    """
    who = "conv2d"
    given = X, K, bias
    X, K = as_array(who, "X", X, 4), as_array(who, "K", K, 4)
    if bias is not None:
        bias = as_array(who, "bias", bias, 1)
    dtype = same_dtype(who, X=X, K=K, bias=bias)
    w = _setup(who, "X", X.shape, K.shape, stride, padding, dilation, groups)
    Co = K.shape[0]
    if bias is not None and bias.shape != (Co,):
        raise ShapeError(
            f"{who}: expected bias of shape {(Co,)}, got {bias.shape}. It has one entry per output channel."
        )
    out = output(who, out, (w.B, w.Ho, w.Wo, Co), dtype, *given)
    if _is_product(w, groups):
        pixels = w.B * w.H * w.W  # not -1, which NumPy cannot infer beside a size of 0
        multiply(X.reshape(pixels, w.C), K.reshape(Co, w.C), False, True, out.reshape(pixels, Co), False, bias)
        return out
    terms = np.empty(0, dtype) if bias is None else bias
    if groups == w.C == Co:
        depthwise.forward(X, K, terms, out, w)
        return out
    matrix, ldu = _padded(K)
    rows, bands = _bands(w, ldu, dtype.itemsize)
    units, size = w.B * bands, rows * w.Wo * ldu
    small = 2 * out.size * ldu < PARALLEL_FLOPS
    chunks = 1 if small else min(CHUNKS, units)
    U = np.empty(chunks * size, dtype)
    arrays = (X.reshape(-1), matrix.reshape(-1), terms, out.reshape(-1), U)
    if small:
        _forward_piece(*arrays, 0, units, rows, Co, int(groups), ldu, w)
    else:
        _forward_parallel(*arrays, units, chunks, size, rows, Co, int(groups), ldu, w)
    return out


def _check_upstream(who: str, G: np.ndarray, w: Window, Co: int) -> None:
    expected = (w.B, w.Ho, w.Wo, Co)
    if G.shape != expected:
        raise ShapeError(
            f"{who}: expected G of shape {expected}, the convolution's output, got {G.shape}. "
            "Try the same stride, padding, dilation and groups as in conv2d."
        )


def conv2d_input_gradient(
    G: np.ndarray,
    K: np.ndarray,
    input_shape,
    stride=1,
    padding=0,
    dilation=1,
    groups: int = 1,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Gradient of a convolution with respect to its input: the transposed linear map, applied to G.

    Forward:   gU = G K_mat, vec gX = Sᵀ vec gU (`col2im`), for each group
    Backward:  linear in G and in K: with upstream T, gG = `conv2d(T, K)`, gK = `conv2d_weight_gradient(T, G)`
    Shapes:    G (B, Ho, Wo, Co), K (Co, kh, kw, Ci/groups), gX and T of `input_shape` (B, H, W, Ci);
               one dtype, float32 or float64
    Errors:    ShapeError, DtypeError, ValueError (`out` overlapping an input)
    Reference: docs/equations.md, section 3.2
    """
    who = "conv2d_input_gradient"
    given = G, K
    G, K = as_array(who, "G", G, 4), as_array(who, "K", K, 4)
    dtype = same_dtype(who, G=G, K=K)
    shape = image_shape(who, "input_shape", input_shape)
    w = _setup(who, "input_shape", shape, K.shape, stride, padding, dilation, groups)
    Co = K.shape[0]
    _check_upstream(who, G, w, Co)
    out = output(who, out, shape, dtype, *given)
    if _is_product(w, groups):
        pixels = w.B * w.H * w.W
        multiply(G.reshape(pixels, Co), K.reshape(Co, w.C), False, False, out.reshape(pixels, w.C))
        return out
    if groups == w.C == Co:
        depthwise.input_gradient(G, K, out, w)
        return out
    matrix, ldu = _padded(K)
    rows, _ = _bands(w, ldu, dtype.itemsize)
    size = rows * w.Wo * ldu
    small = 2 * G.size * ldu < PARALLEL_FLOPS
    chunks = 1 if small else min(CHUNKS, w.B)
    arrays = (G.reshape(-1), matrix.reshape(-1), out.reshape(-1), np.empty(chunks * size, dtype))
    if small:
        _input_piece(*arrays, 0, w.B, rows, Co, int(groups), ldu, w)
    else:
        _input_parallel(*arrays, chunks, size, rows, Co, int(groups), ldu, w)
    return out


def conv2d_weight_gradient(
    X: np.ndarray,
    G: np.ndarray,
    kernel_shape,
    stride=1,
    padding=0,
    dilation=1,
    groups: int = 1,
    out: np.ndarray | None = None,
    accumulate: bool = False,
) -> np.ndarray:
    """Gradient of a convolution with respect to its weights.

    Forward:   gK_mat = Gᵀ U for each group (gK += ... with `accumulate`), that is
               gK[o, a, b, c] = Σ_nij G[n, i, j, o] Xpad[n, i sh + a dh, j sw + b dw, c]
    Backward:  linear in G and in X: with upstream T, gG = `conv2d(X, T)`, gX = `conv2d_input_gradient(G, T)`
    Shapes:    X (B, H, W, Ci), G (B, Ho, Wo, Co), gK and T of `kernel_shape` (Co, kh, kw, Ci/groups);
               one dtype, float32 or float64
    Errors:    ShapeError, DtypeError, ValueError (`accumulate` without `out`, `out` overlapping an input)
    Reference: docs/equations.md, section 3.2
    """
    who = "conv2d_weight_gradient"
    given = X, G
    X, G = as_array(who, "X", X, 4), as_array(who, "G", G, 4)
    dtype = same_dtype(who, X=X, G=G)
    kernel_shape = image_shape(who, "kernel_shape", kernel_shape)
    w = _setup(who, "X", X.shape, kernel_shape, stride, padding, dilation, groups)
    Co, width = kernel_shape[0], w.kh * w.kw * kernel_shape[3]
    _check_upstream(who, G, w, Co)
    if accumulate and out is None:
        raise ValueError(f"{who}: expected out with accumulate=True, got None. Pass the array to add to.")
    out = output(who, out, kernel_shape, dtype, *given)
    if _is_product(w, groups):
        pixels = w.B * w.H * w.W
        multiply(G.reshape(pixels, Co), X.reshape(pixels, w.C), True, False, out.reshape(Co, w.C), bool(accumulate))
        return out
    if groups == w.C == Co:
        depthwise.weight_gradient(X, G, out, bool(accumulate), w)
        return out
    ldu = -(-width // 8) * 8
    rows, bands = _bands(w, ldu, dtype.itemsize)
    units, size = w.B * bands, rows * w.Wo * ldu
    small = 2 * G.size * ldu < PARALLEL_FLOPS
    chunks = 1 if small else min(PARTIALS, units)
    partials = np.empty(chunks * Co * ldu, dtype)
    arrays = (X.reshape(-1), G.reshape(-1), partials, np.empty(chunks * size, dtype))
    if small:
        _weight_piece(*arrays, 0, units, rows, Co, int(groups), ldu, w)
    else:
        _weight_parallel(*arrays, units, chunks, size, rows, Co, int(groups), ldu, w)
    fold(partials, chunks, Co, width, ldu, np.empty(0, dtype), out.reshape(-1), int(accumulate))
    return out
