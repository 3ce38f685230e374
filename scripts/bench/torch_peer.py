"""The computations of `groups.py` in PyTorch; run as a module, a worker that measures them for `bench_kernels.py`.

The operators are called directly, without autograd but for recurrent networks, into buffers allocated before
where PyTorch can: its best case.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from bench import cases, groups
from bench.processes import seconds_per_call, serve

aten: Any = torch.ops.aten


def matmul(arrays, layout, transpose_a, transpose_b) -> Callable:
    A, B = arrays
    A = A.mT if transpose_a else A
    B = B.mT if transpose_b else B
    return functools.partial(torch.matmul, A, B, out=torch.matmul(A, B))


def conv(arrays, layout, stride, padding, groups, inner) -> Callable:
    """Images in `layout`; the weights and the gradient in the layout that PyTorch keeps them in beside it."""
    memory = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    X, K, G = (A.permute(0, 3, 1, 2).contiguous(memory_format=memory) for A in arrays)  # (B, H, W, C) -> (B, C, H, W)
    options = [stride] * 2, [padding] * 2, [1, 1]
    wanted = [inner, True, False]

    def call():
        Y = torch.nn.functional.conv2d(X, K, None, *options, groups)
        return Y, *aten.convolution_backward(G, X, K, None, *options, False, [0, 0], groups, wanted)[1::-1][: 1 + inner]

    return call


def activation(name) -> Callable:
    def make(arrays, layout) -> Callable:
        X, G = arrays
        Y, dX = torch.empty_like(X), torch.empty_like(X)
        forward, backward = getattr(aten, name).out, getattr(aten, f"{name}_backward").grad_input

        def call():
            forward(X, out=Y)
            backward(G, X if name == "gelu" else Y, grad_input=dX)
            return Y, dX

        return call

    return make


def softmax(arrays, layout) -> Callable:
    X, G = arrays
    Y, dX = torch.empty_like(X), torch.empty_like(X)

    def call():
        aten._softmax.out(X, 1, False, out=Y)
        aten._softmax_backward_data.out(G, Y, 1, X.dtype, grad_input=dX)
        return Y, dX

    return call


def cross_entropy(arrays, layout) -> Callable:
    H, y = arrays
    one, log_softmax, gradient = torch.ones(()), torch.empty_like(H), torch.empty_like(H)

    def call():
        aten._log_softmax.out(H, 1, False, out=log_softmax)
        value, weight = aten.nll_loss_forward(log_softmax, y, None, 1, -100)
        inner = aten.nll_loss_backward(one, log_softmax, y, None, 1, -100, weight)
        return value, aten._log_softmax_backward_data.out(inner, log_softmax, 1, H.dtype, out=gradient)

    return call


def layer_norm(arrays, layout) -> Callable:
    X, gamma, beta, G = arrays
    shape = [X.shape[1]]

    def call():
        Y, mean, r = aten.native_layer_norm(X, shape, gamma, beta, 1e-5)
        dX, dgamma, dbeta = aten.native_layer_norm_backward(G, X, shape, mean, r, gamma, beta, [True] * 3)
        return dgamma, dbeta, Y, dX

    return call


def batch_norm(arrays, layout) -> Callable:
    X, gamma, beta, G, *running = arrays

    def call():
        Y, mean, r = aten.native_batch_norm(X, gamma, beta, *running, True, 0.1, 1e-5)
        dX, dgamma, dbeta = aten.native_batch_norm_backward(G, X, gamma, *running, mean, r, True, 1e-5, [True] * 3)
        return *running, dgamma, dbeta, Y, dX

    return call


def attention(arrays, layout, heads) -> Callable:
    """What scaled_dot_product_attention runs on CPUs, on heads that lie apart; nothing is copied to look like ours."""
    QKV, G = arrays
    B, T, width = G.shape
    Q, K, V, G = (A.view(B, T, heads, -1).transpose(1, 2).contiguous() for A in (*QKV.split(width, 2), G))
    forward = aten._scaled_dot_product_flash_attention_for_cpu
    backward = aten._scaled_dot_product_flash_attention_for_cpu_backward

    def call():
        O, lse = forward(Q, K, V, 0.0, True)  # noqa: E741
        return tuple(A.transpose(1, 2) for A in (O, *backward(G, Q, K, V, O, lse, 0.0, True)))

    return call


def recurrent(name) -> Callable:
    """The function of nn.RNN, nn.LSTM or nn.GRU, time first, which is its fastest; its backward needs autograd."""
    function = getattr(torch, "rnn_tanh" if name == "rnn" else name)

    def make(arrays, layout) -> Callable:
        X, G, Wx, Wh, *biases = arrays
        X, G = (A.transpose(0, 1).contiguous() for A in (X, G))
        wanted = [A.requires_grad_() for A in (X, Wx, Wh, *biases)]
        weights = [Wx, Wh, *biases, *[torch.zeros_like(biases[0])] * (2 - len(biases))]
        first = torch.zeros(1, X.shape[1], G.shape[2])
        states = (first, first) if name == "lstm" else first

        def call():
            with torch.enable_grad():
                H = function(X, states, weights, True, 1, 0.0, True, False, False)[0]
            dX, *others = torch.autograd.grad(H, wanted, G)
            return H.detach().transpose(0, 1), dX.transpose(0, 1), *others

        return call

    return make


KINDS: dict[str, Callable] = {"matmul": matmul, "conv": conv, "softmax": softmax, "cross_entropy": cross_entropy}
KINDS |= {name: activation(name) for name in ("sigmoid", "tanh", "gelu")}
KINDS |= {"layer_norm": layer_norm, "batch_norm": batch_norm, "attention": attention}
KINDS |= {name: recurrent(name) for name in ("rnn", "lstm", "gru")}


def computation(arrays: list[np.ndarray], kind: str, layout: str = "NCHW", **options) -> Callable:
    """A function that computes what a case does."""
    return KINDS[kind]([torch.from_numpy(A) for A in arrays], layout, **options)


def main() -> None:
    made = {case.key: case for case in [*groups.cases(), *cases.quick_cases(), *cases.cases()]}
    latest: dict = {}

    def seconds(key: str, seed: int, threads: int, layout: str, seconds: float) -> float:
        torch.set_num_threads(threads)
        if (key, layout) not in latest:
            for other in [k for k in latest if k[0] != key]:
                del latest[other]  # the arrays of one case at a time
            arrays = made[key].arrays(np.random.default_rng(seed))
            latest[key, layout] = computation(arrays, layout=layout, **(made[key].torch or {}))
        with torch.no_grad():
            return seconds_per_call(latest[key, layout], seconds)

    serve({"seconds": seconds})


if __name__ == "__main__":
    main()
