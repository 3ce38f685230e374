"""What `bench_kernels.py` measures: a case per kernel and shape, the same computation in plain NumPy beside it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Case:
    """One kernel on one shape.

    `arrays(rng)` makes the inputs; `call(module, *arrays, **out)` runs the kernel or its float64 twin;
    `peer(out, *arrays)` is NumPy. `flops` is the work of a product; 0 means that memory traffic counts: all inputs and
    the result, once each. `terms` is the longest sum in one element of the result, which bounds its rounding error.
    `out` says whether the call takes out=.
    """

    name: str
    shape: str
    arrays: Callable
    call: Callable
    peer: Callable
    flops: float = 0
    terms: int = 8
    out: bool = True


def normal(*shapes):
    """A maker of float32 arrays of standard normal numbers."""
    return lambda rng: [rng.standard_normal(shape, np.float32) for shape in shapes]


def product(M, N, K, transpose_a=False, transpose_b=False) -> Case:
    kind = ("T" if transpose_a else "N") + ("T" if transpose_b else "N")
    return Case(
        "matmul",
        f"{kind} {M}x{N}x{K}",
        normal((K, M) if transpose_a else (M, K), (N, K) if transpose_b else (K, N)),
        lambda k, A, B, **out: k.matmul(A, B, transpose_a, transpose_b, **out),
        lambda out, A, B: np.matmul(A.T if transpose_a else A, B.T if transpose_b else B, out=out),
        2 * M * N * K,
        K,
    )


def stack(count, M, N, K, transpose_b=False) -> Case:
    return Case(
        "batched_matmul",
        f"{'NT' if transpose_b else 'NN'} {count}x{M}x{N}x{K}",
        normal((count, M, K), (count, N, K) if transpose_b else (count, K, N)),
        lambda k, A, B, **out: k.batched_matmul(A, B, transpose_b=transpose_b, **out),
        lambda out, A, B: np.matmul(A, B.swapaxes(1, 2) if transpose_b else B, out=out),
        2 * count * M * N * K,
        K,
    )


def patches(X, kh, kw, stride, padding):
    """The patch matrix in NumPy: strided windows, copied."""
    P = np.pad(X, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(P, (kh, kw), axis=(1, 2))[:, ::stride, ::stride]
    return windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, kh * kw * X.shape[3])


def scatter(U, shape, k, stride, padding):
    """Its transpose in NumPy: one shifted addition per tap."""
    B, H, W, C = shape
    P = np.zeros((B, H + 2 * padding, W + 2 * padding, C), U.dtype)
    Ho, Wo = (H + 2 * padding - k) // stride + 1, (W + 2 * padding - k) // stride + 1
    U = U.reshape(B, Ho, Wo, k, k, C)
    for a in range(k):
        for b in range(k):
            P[:, a : a + (Ho - 1) * stride + 1 : stride, b : b + (Wo - 1) * stride + 1 : stride] += U[:, :, :, a, b]
    return P[:, padding : padding + H, padding : padding + W]


def convolutions(B, H, Ci, Co, k, stride=1, padding=0) -> list[Case]:
    """im2col, col2im and the three convolutions on one shape."""
    Ho = (H + 2 * padding - k) // stride + 1
    X, K, G, U = (B, H, H, Ci), (Co, k, k, Ci), (B, Ho, Ho, Co), (B * Ho * Ho, k * k * Ci)
    label = f"{B}x{H}x{H}x{Ci} {Co}@{k}x{k} s{stride} p{padding}"
    flops = 2 * B * Ho * Ho * Co * k * k * Ci
    return [
        Case(
            "im2col",
            label,
            normal(X),
            lambda m, X, **out: m.im2col(X, k, stride, padding, **out),
            lambda out, X: patches(X, k, k, stride, padding),
            terms=1,
        ),
        Case(
            "col2im",
            label,
            normal(U),
            lambda m, U, **out: m.col2im(U, X, k, stride, padding, **out),
            lambda out, U: scatter(U, X, k, stride, padding),
            terms=k * k,
        ),
        Case(
            "conv2d",
            label,
            normal(X, K),
            lambda m, X, K, **out: m.conv2d(X, K, None, stride, padding, **out),
            lambda out, X, K: np.matmul(patches(X, k, k, stride, padding), K.reshape(Co, -1).T),
            flops,
            k * k * Ci,
        ),
        Case(
            "conv2d_input_gradient",
            label,
            normal(G, K),
            lambda m, G, K, **out: m.conv2d_input_gradient(G, K, X, stride, padding, **out),
            lambda out, G, K: scatter(G.reshape(-1, Co) @ K.reshape(Co, -1), X, k, stride, padding),
            flops,
            k * k * Co,
        ),
        Case(
            "conv2d_weight_gradient",
            label,
            normal(X, G),
            lambda m, X, G, **out: m.conv2d_weight_gradient(X, G, K, stride, padding, **out),
            lambda out, X, G: G.reshape(-1, Co).T @ patches(X, k, k, stride, padding),
            flops,
            B * Ho * Ho,
        ),
    ]


def pools(B, H, C) -> list[Case]:
    """2 x 2 pooling and its transposes."""
    X, Y = (B, H, H, C), (B, H // 2, H // 2, C)
    label = f"{B}x{H}x{H}x{C} 2x2"

    def blocks(X):
        return X.reshape(B, H // 2, 2, H // 2, 2, C)

    def with_indices(rng):
        own = rng.integers(0, 2, (2, *Y), np.int32)
        h, w = np.ogrid[: H // 2, : H // 2]
        h, w = 2 * h[None, :, :, None] + own[0], 2 * w[None, :, :, None] + own[1]
        return [rng.standard_normal(Y, np.float32), (h * H + w).astype(np.int32)]

    def put(G, indices):
        gX = np.zeros((B, H * H, C), G.dtype)
        np.put_along_axis(gX, indices.reshape(B, -1, C), G.reshape(B, -1, C), axis=1)
        return gX

    def repeat(G):
        return np.repeat(np.repeat(G, 2, axis=1), 2, axis=2) / np.float32(4)

    return [
        Case(
            "max_pool2d",
            label,
            normal(X),
            lambda k, X: k.max_pool2d(X, 2)[0],
            lambda out, X: blocks(X).max((2, 4)),
            out=False,
        ),
        Case(
            "max_pool2d_backward",
            label,
            with_indices,
            lambda k, G, i, **out: k.max_pool2d_backward(G, i, X, **out),
            lambda out, G, i: put(G, i),
        ),
        Case(
            "avg_pool2d",
            label,
            normal(X),
            lambda k, X, **out: k.avg_pool2d(X, 2, **out),
            lambda out, X: blocks(X).mean((2, 4)),
        ),
        Case(
            "avg_pool2d_backward",
            label,
            normal(Y),
            lambda k, G, **out: k.avg_pool2d_backward(G, X, 2, **out),
            lambda out, G: repeat(G),
        ),
    ]


def numpy_softmax(X):
    E = np.exp(X - X.max(-1, keepdims=True))
    return E / E.sum(-1, keepdims=True)


def numpy_cross_entropy(H, y):
    P = numpy_softmax(H)
    rows = np.arange(len(y))
    value = -np.log(P[rows, y]).mean()
    P[rows, y] -= 1
    return value, P / np.float32(len(y))


def numpy_binary_cross_entropy(H, Y):
    value = (np.maximum(H, np.float32(0)) - H * Y + np.log1p(np.exp(-np.abs(H)))).mean()
    return value, (np.float32(1) / (np.float32(1) + np.exp(-H)) - Y) / np.float32(H.size)


def elementwise(rows, columns) -> list[Case]:
    """Activations, softmax, losses, sums and dropout on a matrix."""
    shape, label = (rows, columns), f"{rows}x{columns}"
    one, zero, slope, half = np.float32(1), np.float32(0), 0.01, 0.5

    def labelled(rng):
        return [rng.standard_normal(shape, np.float32), rng.integers(0, columns, rows)]

    def case(name, number, call, peer, **options):
        return Case(name, label, normal(*[shape] * number), call, peer, **options)

    return [
        case(
            "sigmoid", 1, lambda k, X, **o: k.sigmoid(X, **o), lambda out, X: np.divide(one, one + np.exp(-X), out=out)
        ),
        case(
            "sigmoid_backward",
            2,
            lambda k, G, Y, **o: k.sigmoid_backward(G, Y, **o),
            lambda out, G, Y: np.multiply(G, Y * (one - Y), out=out),
        ),
        case("tanh", 1, lambda k, X, **o: k.tanh(X, **o), lambda out, X: np.tanh(X, out=out)),
        case(
            "tanh_backward",
            2,
            lambda k, G, Y, **o: k.tanh_backward(G, Y, **o),
            lambda out, G, Y: np.multiply(G, (one - Y) * (one + Y), out=out),
        ),
        case("relu", 1, lambda k, X, **o: k.relu(X, **o), lambda out, X: np.maximum(X, zero, out=out)),
        case(
            "relu_backward",
            2,
            lambda k, G, Y, **o: k.relu_backward(G, Y, **o),
            lambda out, G, Y: np.where(Y > 0, G, zero),
        ),
        case(
            "leaky_relu",
            1,
            lambda k, X, **o: k.leaky_relu(X, slope, **o),
            lambda out, X: np.where(X > 0, X, np.float32(slope) * X),
        ),
        case(
            "leaky_relu_backward",
            2,
            lambda k, G, X, **o: k.leaky_relu_backward(G, X, slope, **o),
            lambda out, G, X: np.where(X > 0, G, np.float32(slope) * G),
        ),
        case("softmax", 1, lambda k, X, **o: k.softmax(X, **o), lambda out, X: numpy_softmax(X), terms=columns),
        case(
            "softmax_backward",
            2,
            lambda k, G, P, **o: k.softmax_backward(G, P, **o),
            lambda out, G, P: P * (G - (G * P).sum(-1, keepdims=True)),
            terms=columns,
        ),
        case(
            "log_softmax",
            1,
            lambda k, X, **o: k.log_softmax(X, **o),
            lambda out, X: (
                X - X.max(-1, keepdims=True) - np.log(np.exp(X - X.max(-1, keepdims=True)).sum(-1, keepdims=True))
            ),
            terms=columns,
        ),
        Case(
            "softmax_cross_entropy",
            label,
            labelled,
            lambda k, H, y: k.softmax_cross_entropy(H, y)[1],
            lambda out, H, y: numpy_cross_entropy(H, y)[1],
            terms=columns,
            out=False,
        ),
        Case(
            "sigmoid_binary_cross_entropy",
            label,
            lambda rng: [rng.standard_normal(shape, np.float32), rng.integers(0, 2, shape).astype(np.float32)],
            lambda k, H, Y: k.sigmoid_binary_cross_entropy(H, Y)[1],
            lambda out, H, Y: numpy_binary_cross_entropy(H, Y)[1],
            out=False,
        ),
        case(
            "mean_squared_error",
            2,
            lambda k, H, Y: k.mean_squared_error(H, Y)[1],
            lambda out, H, Y: (np.square(H - Y).mean(), np.float32(2 / H.size) * (H - Y))[1],
            out=False,
        ),
        case("column_sums", 1, lambda k, A, **o: k.column_sums(A, **o), lambda out, A: A.sum(0, out=out), terms=rows),
        case("row_sums", 1, lambda k, A, **o: k.row_sums(A, **o), lambda out, A: A.sum(1, out=out), terms=columns),
        case(
            "sum_of_squares",
            1,
            lambda k, A: np.float64(k.sum_of_squares(A)),
            lambda out, A: np.vdot(A, A),
            terms=1,
            out=False,
        ),
        case(
            "dropout",
            1,
            lambda k, X, **o: k.dropout(X, half, 1, 2, **o),
            lambda out, X: (
                np.where(np.random.default_rng(0).random(X.shape, np.float32) < half, X, zero) / np.float32(half)
            ),
        ),
    ]


def updates(size) -> list[Case]:
    """Optimizer steps on a flat vector, in place."""
    lr, b1, b2, eps = np.float32(1e-3), np.float32(0.9), np.float32(0.999), np.float32(1e-8)

    def state(number):
        """theta, g, and state vectors >= 0 as second moments are."""
        return lambda rng: [
            *rng.standard_normal((2, size), np.float32),
            *rng.uniform(0.5, 1.5, (number, size)).astype(np.float32),
        ]

    def sgd(out, t, g, v):
        v *= b1
        v += g
        t -= lr * v

    def adam(out, t, g, m, v):
        m += (1 - b1) * (g - m)
        v += (1 - b2) * (g * g - v)
        t -= lr * m / (np.sqrt(v) + eps)

    def rmsprop(out, t, g, v):
        v += (1 - b2) * (g * g - v)
        t -= lr * g / (np.sqrt(v) + eps)

    return [
        Case(
            "sgd_update",
            f"{size}",
            state(1),
            lambda k, t, g, v: (k.sgd_update(t, g, v, lr=1e-3, momentum=0.9), t)[1],
            sgd,
            out=False,
        ),
        Case(
            "adam_update",
            f"{size}",
            state(2),
            lambda k, t, g, m, v: (k.adam_update(t, g, m, v, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, step=9), t)[1],
            adam,
            out=False,
        ),
        Case(
            "rmsprop_update",
            f"{size}",
            state(1),
            lambda k, t, g, v: (k.rmsprop_update(t, g, v, lr=1e-3, alpha=0.999, eps=1e-8), t)[1],
            rmsprop,
            out=False,
        ),
    ]


def cases(quick: bool) -> list[Case]:
    """All cases; `quick` takes one small shape of each kernel."""
    if quick:
        return [
            product(128, 128, 784, transpose_b=True),
            stack(16, 32, 32, 16),
            *convolutions(8, 12, 8, 16, 5),
            *pools(8, 24, 8),
            *elementwise(1024, 128),
            *updates(100_000),
        ]
    return [
        *(product(512, 512, 512, a, b) for a in (False, True) for b in (False, True)),
        product(128, 128, 784, transpose_b=True),  # the three products of a layer 784 -> 128
        product(128, 784, 128),
        product(128, 784, 128, transpose_a=True),
        product(128, 10, 128, transpose_b=True),
        product(1024, 800, 784, transpose_b=True),
        product(64, 64, 100_000, transpose_a=True),
        stack(64, 64, 64, 32, transpose_b=True),
        stack(64, 64, 32, 64),
        stack(1000, 8, 8, 8),
        *convolutions(64, 28, 1, 8, 5),
        *convolutions(64, 12, 8, 16, 5),
        *convolutions(64, 32, 3, 32, 3, padding=1),
        *convolutions(64, 16, 32, 32, 3, padding=1),
        *convolutions(64, 16, 64, 128, 3, stride=2, padding=1),
        *convolutions(64, 16, 64, 128, 1),
        *pools(128, 24, 8),
        *elementwise(8192, 128),
        *elementwise(128, 10),
        *updates(100_000),
    ]
