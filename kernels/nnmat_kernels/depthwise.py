"""Depthwise convolution (groups = channels, one filter each): no product of matrices, but vectors over the channels.

      Y[n, i, j, :] = bias + Σ_ab Xpad[n, i sh + a dh, j sw + b dw, :] * T[a, b, :]       T[a, b, c] = K[c, a, b, 0]

The three functions are called by `convolution` after its checks.
"""

import numpy as np
from numba import prange

from .config import jit, parallel_jit
from .im2col import Window
from .matmul import PARALLEL_FLOPS, begin_rows, fold

CHUNKS = 64  # pieces of the work, whatever the number of threads
PARTIALS = 16  # the same where each piece has a weight gradient of its own


@jit
def _forward_piece(X, T, bias, Y, first, last, w):
    """Output rows first..last-1, counted through all images."""
    zero = np.int64(0)  # not the literal 0, for which Numba would compile every callee once more
    for r in range(first, last):
        n, i = r // w.Ho, r % w.Ho
        begin_rows(Y, r * w.Wo * w.C, w.C, w.Wo, w.C, bias, zero, zero)
        for j in range(w.Wo):
            q = (r * w.Wo + j) * w.C
            target = Y[q : q + w.C]
            for a in range(w.kh):
                y = i * w.sh - w.ph + a * w.dh
                for b in range(w.kw):
                    x = j * w.sw - w.pw + b * w.dw
                    if 0 <= y < w.H and 0 <= x < w.W:
                        q = ((n * w.H + y) * w.W + x) * w.C
                        source = X[q : q + w.C]
                        q = (a * w.kw + b) * w.C
                        tap = T[q : q + w.C]
                        for c in range(w.C):
                            target[c] += source[c] * tap[c]


@parallel_jit
def _forward_parallel(X, T, bias, Y, chunks, w):
    rows = w.B * w.Ho
    for chunk in prange(chunks):
        _forward_piece(X, T, bias, Y, np.int64(chunk) * rows // chunks, (np.int64(chunk) + 1) * rows // chunks, w)


@jit
def _input_piece(G, T, gX, first, last, w):
    """Images first..last-1 of gX: each entry of G goes back to the places that its window read."""
    size = w.H * w.W * w.C
    for n in range(first, last):
        image = gX[n * size : (n + 1) * size]
        image[:] = 0
        for i in range(w.Ho):
            for j in range(w.Wo):
                q = ((n * w.Ho + i) * w.Wo + j) * w.C
                source = G[q : q + w.C]
                for a in range(w.kh):
                    y = i * w.sh - w.ph + a * w.dh
                    for b in range(w.kw):
                        x = j * w.sw - w.pw + b * w.dw
                        if 0 <= y < w.H and 0 <= x < w.W:
                            q = (y * w.W + x) * w.C
                            target = image[q : q + w.C]
                            q = (a * w.kw + b) * w.C
                            tap = T[q : q + w.C]
                            for c in range(w.C):
                                target[c] += source[c] * tap[c]


@parallel_jit
def _input_parallel(G, T, gX, chunks, w):
    for chunk in prange(chunks):
        _input_piece(G, T, gX, np.int64(chunk) * w.B // chunks, (np.int64(chunk) + 1) * w.B // chunks, w)


@jit
def _weight_piece(X, G, gT, first, last, w):
    """gT (kh kw, C) = the sum over output rows first..last-1, counted through all images."""
    gT[:] = 0
    for r in range(first, last):
        n, i = r // w.Ho, r % w.Ho
        for j in range(w.Wo):
            q = (r * w.Wo + j) * w.C
            upstream = G[q : q + w.C]
            for a in range(w.kh):
                y = i * w.sh - w.ph + a * w.dh
                for b in range(w.kw):
                    x = j * w.sw - w.pw + b * w.dw
                    if 0 <= y < w.H and 0 <= x < w.W:
                        q = ((n * w.H + y) * w.W + x) * w.C
                        source = X[q : q + w.C]
                        q = (a * w.kw + b) * w.C
                        tap = gT[q : q + w.C]
                        for c in range(w.C):
                            tap[c] += source[c] * upstream[c]


@parallel_jit
def _weight_parallel(X, G, gT, chunks, w):
    rows, size = w.B * w.Ho, w.kh * w.kw * w.C
    for chunk in prange(chunks):
        c = np.int64(chunk)
        _weight_piece(X, G, gT[c * size : (c + 1) * size], c * rows // chunks, (c + 1) * rows // chunks, w)


def _taps(K: np.ndarray) -> np.ndarray:
    """T (kh kw C,): the weights with the channel last."""
    return np.ascontiguousarray(K.reshape(K.shape[0], -1).T).reshape(-1)


def _small(G: np.ndarray, w: Window) -> bool:
    return 2 * G.size * w.kh * w.kw < PARALLEL_FLOPS


def forward(X: np.ndarray, K: np.ndarray, bias: np.ndarray, out: np.ndarray, w: Window) -> None:
    """The convolution, into `out`; an empty bias means none."""
    if _small(out, w):
        _forward_piece(X.reshape(-1), _taps(K), bias, out.reshape(-1), 0, w.B * w.Ho, w)
    else:
        _forward_parallel(X.reshape(-1), _taps(K), bias, out.reshape(-1), min(CHUNKS, w.B * w.Ho), w)


def input_gradient(G: np.ndarray, K: np.ndarray, out: np.ndarray, w: Window) -> None:
    """The gradient with respect to X, into `out`."""
    if _small(G, w):
        _input_piece(G.reshape(-1), _taps(K), out.reshape(-1), 0, w.B, w)
    else:
        _input_parallel(G.reshape(-1), _taps(K), out.reshape(-1), min(CHUNKS, w.B), w)


def weight_gradient(X: np.ndarray, G: np.ndarray, out: np.ndarray, accumulate: bool, w: Window) -> None:
    """The gradient with respect to K, into `out` or added to it."""
    taps = w.kh * w.kw
    chunks = 1 if _small(G, w) else min(PARTIALS, w.B * w.Ho)
    partials, total = np.empty(chunks * taps * w.C, G.dtype), np.empty(taps * w.C, G.dtype)
    if chunks == 1:
        _weight_piece(X.reshape(-1), G.reshape(-1), partials, 0, w.B * w.Ho, w)
    else:
        _weight_parallel(X.reshape(-1), G.reshape(-1), partials, chunks, w)
    fold(partials, chunks, taps, w.C, w.C, np.empty(0, G.dtype), total, 0)
    gK = total.reshape(taps, w.C).T.reshape(out.shape)
    if accumulate:
        out += gK
    else:
        out[...] = gK
