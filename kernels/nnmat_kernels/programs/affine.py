"""The passes of a fully connected layer, planned for arrays that stay the same from step to step.

A small product takes less time than its launch, and this no longer than finding out what to launch. So that is done
once: a plan holds the parameters, the gradients and the results, and is called with what changes. Where a backward pass
is little work, one compiled function does all of it, with the serial body of `matmul`.
"""

import functools

import numpy as np
from numba import boolean, int64

from ..codegen.builder import NONE, RELU, SIGMOID
from ..codegen.function_pointer import entry_point, flat_of, matrix_of
from ..elementwise.activations import relu_backward_unchecked, sigmoid_backward_unchecked, tanh_backward_unchecked
from ..products.matmul import ACTIVATIONS, _multiply, choose_kernel, matmul_unchecked
from ..reductions.sums import ROWS, column_sums_unchecked
from ..runtime.config import exact_jit, jit

SMALL = 65_536  # multiply-adds of a product; beyond, the work takes longer than the launches
_YES, _NO, _NONE, _RELU, _SIGMOID = np.bool_(True), np.bool_(False), np.int64(NONE), np.int64(RELU), np.int64(SIGMOID)
_NOWHERE = np.int64(0)  # the address of no activation
_NOTHING = {dtype: (np.empty((0, 0), dtype), np.empty(0, dtype)) for dtype in map(np.dtype, (np.float32, np.float64))}
_DERIVATIVES = {"relu": relu_backward_unchecked, "sigmoid": sigmoid_backward_unchecked, "tanh": tanh_backward_unchecked}


@exact_jit
def _differentiate(g, y, f):
    """g = g ⊙ f'(x) in place, from y = f(x), as the kernels of `activations` have it, to the bit."""
    zero, one = g.dtype.type(0), g.dtype.type(1)
    if f == _RELU:
        for i in range(g.size):
            g[i] = zero if y[i] <= zero else g[i]
    elif f == _SIGMOID:
        for i in range(g.size):
            g[i] = g[i] * y[i] * (one - y[i])
    else:
        for i in range(g.size):
            g[i] = g[i] * ((one - y[i]) * (one + y[i]))


@jit
def _add_rows(G, s, keep):
    """s = (s if keep else 0) + Gᵀ 1; a few rows at a time are added up apart, so that rounding does not grow."""
    if not keep:
        s[:] = 0
        if G.shape[0] <= ROWS:  # the same bits without an array for the parts
            for i in range(G.shape[0]):
                for j in range(s.size):
                    s[j] += G[i, j]
            return
    part = np.empty(s.size, s.dtype)
    for top in range(0, G.shape[0], ROWS):
        for j in range(s.size):
            part[j] = 0
        for i in range(top, min(top + ROWS, G.shape[0])):
            for j in range(s.size):
                part[j] += G[i, j]
        for j in range(s.size):
            s[j] += part[j]


@jit
def _backward(G, X, W, gW, gb, gX, accumulate, f):
    """All that is asked for, by one thread; an output without elements is not asked for."""
    if gW.size > 0:
        _multiply(G, X, gW, _YES, _NO, accumulate, gb[:0], _NONE, _NOWHERE)
    if gb.size > 0:
        _add_rows(G, gb, accumulate)
    if gX.size > 0:
        _multiply(G, W, gX, _NO, _NO, _NO, gb[:0], _NONE, _NOWHERE)
        if f != _NONE:
            _differentiate(gX.reshape(-1), X.reshape(-1), f)


@functools.cache
def _small(dtype):
    matrix = matrix_of(dtype)
    return entry_point(_backward, matrix, matrix, matrix, matrix, flat_of(dtype), matrix, boolean, int64)


def linear_forward_unchecked(W, b, H, activation=None):
    """A function of X that writes H = f(X Wᵀ + 1 bᵀ), with an activation f or None; b may be None.

    Forward:   `matmul` with a bias and an activation, to the bit
    Backward:  `linear_backward`
    Shapes:    X (B, N), W (M, N), b (M,), H (B, M); float32 or float64, of one dtype; any size may be 0
    Errors:    none: nothing is checked
    Reference: docs/equations.md, section 3.1
    """
    body, bias, f, activate = choose_kernel(H.size * W.shape[1], H.dtype, b, activation)

    def forward(X):
        body(X, W, H, False, True, False, bias, f, activate)

    return forward


def linear_backward_unchecked(rows, W, gW, gb, gX, activation=None):
    """A function of G, X and accumulate that writes those of gW, gb and gX that are not None, for so many rows.

    Forward:   `linear_forward`
    Backward:  gW = Gᵀ X, gb = Gᵀ 1 (gW + Gᵀ X, gb + Gᵀ 1 with `accumulate`), gX = G W; with an activation f, "relu",
               "sigmoid" or "tanh", of which X = f(Z) is the output: gX = G W ⊙ f'(Z)
    Shapes:    G (B, M), X and gX (B, N), W and gW (M, N), gb (M,); float32 or float64, of one dtype; any size may be 0
    Errors:    none: nothing is checked
    Reference: docs/equations.md, section 3.1
    """
    if rows * W.size < SMALL:
        matrix, vector = _NOTHING[W.dtype]
        to_gW, to_gb = matrix if gW is None else gW, vector if gb is None else gb
        to_gX = matrix if gX is None else gX
        body, f = _small(W.dtype), ACTIVATIONS[activation]

        def backward(G, X, accumulate):
            body(G, X, W, to_gW, to_gb, to_gX, accumulate, f)

    else:

        def backward(G, X, accumulate):
            if gW is not None:
                matmul_unchecked(G, X, True, False, gW, accumulate)
            if gb is not None:
                column_sums_unchecked(G, gb, accumulate)
            if gX is not None:
                matmul_unchecked(G, W, False, False, gX)
                if activation is not None:
                    _DERIVATIVES[activation](gX, X, gX)

    return backward
