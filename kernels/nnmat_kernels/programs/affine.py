"""The affine map H = f(X Wᵀ + 1 bᵀ) and its gradients, planned for arrays that stay the same from call to call.

A small product takes less time than its launch, and this no longer than finding out what to launch. So that is done
once: a plan holds W, b and the arrays of the results, and is called with what changes. Where all gradients are little
work, one compiled function computes them, with the serial body of `matmul`.
"""

import functools

import numpy as np
from numba import boolean, int64

from ..codegen.builder import ACTIVATIONS, NONE, RELU, SIGMOID
from ..codegen.function_pointer import entry_point, flat_of, matrix_of
from ..elementwise.activations import (
    relu_backward_unchecked,
    relu_gradient,
    sigmoid_backward_unchecked,
    sigmoid_gradient,
    tanh_backward_unchecked,
    tanh_gradient,
)
from ..products.matmul import choose_kernel, matmul_unchecked, multiply
from ..reductions.sums import add_few_rows, column_sums_unchecked
from ..runtime.config import ZERO, exact_jit, jit
from ..runtime.launch import launch

ONE_CALL_WORK = 65_536  # multiply-adds of a product; beyond, the work takes longer than the launches
_YES, _NO, _NO_ACTIVATION = np.bool_(True), np.bool_(False), np.int64(NONE)
_NOTHING = {dtype: (np.empty((0, 0), dtype), np.empty(0, dtype)) for dtype in map(np.dtype, (np.float32, np.float64))}
DERIVATIVES = {"relu": relu_backward_unchecked, "sigmoid": sigmoid_backward_unchecked, "tanh": tanh_backward_unchecked}


@exact_jit
def _differentiate(g, y, f):
    """g = g ⊙ f'(x) in place, from y = f(x), with the bits of the kernels of `activations`."""
    zero, one = g.dtype.type(0), g.dtype.type(1)
    if f == RELU:
        for i in range(g.size):
            g[i] = relu_gradient(g[i], y[i], zero)
    elif f == SIGMOID:
        for i in range(g.size):
            g[i] = sigmoid_gradient(g[i], y[i], one)
    else:
        for i in range(g.size):
            g[i] = tanh_gradient(g[i], y[i], one)


@jit
def _gradients(G, X, W, gW, gb, gX, accumulate, f):
    """All gradients that are asked for, by one thread; an output without elements is not asked for."""
    no_activation = ZERO  # and no address of one
    if gW.size > 0:
        multiply(G, X, gW, _YES, _NO, accumulate, gb[:0], _NO_ACTIVATION, no_activation)
    if gb.size > 0:
        add_few_rows(G, gb, accumulate)
    if gX.size > 0:
        multiply(G, W, gX, _NO, _NO, _NO, gb[:0], _NO_ACTIVATION, no_activation)
        if f != _NO_ACTIVATION:
            _differentiate(gX.reshape(-1), X.reshape(-1), f)


@functools.cache
def _in_one_call(dtype):
    matrix = matrix_of(dtype)
    return entry_point(_gradients, matrix, matrix, matrix, matrix, flat_of(dtype), matrix, boolean, int64)


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
        launch(body, X, W, H, False, True, False, bias, f, activate)

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
    if rows * W.size < ONE_CALL_WORK:
        matrix, vector = _NOTHING[W.dtype]
        to_gW, to_gb = matrix if gW is None else gW, vector if gb is None else gb
        to_gX = matrix if gX is None else gX
        body, f = _in_one_call(W.dtype), ACTIVATIONS[activation]

        def backward(G, X, accumulate):
            launch(body, G, X, W, to_gW, to_gb, to_gX, accumulate, f)

    else:

        def backward(G, X, accumulate):
            if gW is not None:
                matmul_unchecked(G, X, True, False, gW, accumulate)
            if gb is not None:
                column_sums_unchecked(G, gb, accumulate)
            if gX is not None:
                matmul_unchecked(G, W, False, False, gX)
                if activation is not None:
                    DERIVATIVES[activation](gX, X, gX)

    return backward
