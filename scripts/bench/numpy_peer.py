"""The kernels' computations in plain NumPy, as a careful user writes them: what `bench_kernels.py` compares speed with.

Each function computes all that the kernel computes, in float32, and writes into `out` where the kernel can.
"""

import math

import numpy as np

ONE = np.float32(1)


def positions(size, k, stride, padding):
    """The number of places of a window along one axis.

    As `conv_output_size` of nnmat_kernels, which must not be loaded here: PyTorch's process holds nothing of ours.
    """
    return (size + 2 * padding - k) // stride + 1


def patches(X, k, stride, padding, out=None):
    """The patch matrix: strided windows, copied."""
    P = np.pad(X, ((0, 0), (padding, padding), (padding, padding), (0, 0))) if padding else X
    windows = np.lib.stride_tricks.sliding_window_view(P, (k, k), axis=(1, 2))[:, ::stride, ::stride]
    windows = windows.transpose(0, 1, 2, 4, 5, 3)
    if out is None:
        return windows.reshape(-1, k * k * X.shape[3])
    out.reshape(windows.shape)[...] = windows
    return out


def scatter(U, k, stride, padding, out):
    """Its transpose: one shifted addition per tap, into the image with its padding."""
    B, H, W, C = out.shape
    P = np.zeros((B, H + 2 * padding, W + 2 * padding, C), U.dtype) if padding else out
    if not padding:
        out.fill(0)
    Ho, Wo = positions(H, k, stride, padding), positions(W, k, stride, padding)
    U = U.reshape(B, Ho, Wo, k, k, C)
    for a in range(k):
        for b in range(k):
            P[:, a : a + (Ho - 1) * stride + 1 : stride, b : b + (Wo - 1) * stride + 1 : stride] += U[:, :, :, a, b]
    if padding:
        out[...] = P[:, padding : padding + H, padding : padding + W]
    return out


def conv2d(X, K, stride, padding, out):
    Co, k = K.shape[:2]
    np.matmul(patches(X, k, stride, padding), K.reshape(Co, -1).T, out=out.reshape(-1, Co))
    return out


def conv2d_input_gradient(G, K, stride, padding, out):
    Co, k = K.shape[:2]
    return scatter(G.reshape(-1, Co) @ K.reshape(Co, -1), k, stride, padding, out)


def conv2d_weight_gradient(X, G, stride, padding, out):
    Co, k = out.shape[:2]
    np.matmul(G.reshape(-1, Co).T, patches(X, k, stride, padding), out=out.reshape(Co, -1))
    return out


def depthwise(X, K, G, padding, Y, dK, dX):
    """One channel each, stride 1, forward and both gradients: a multiplication for every tap and direction."""
    C, k = K.shape[0], K.shape[1]
    H, W = Y.shape[1:3]
    P = np.pad(X, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    GP = np.zeros_like(P)
    Y.fill(0)
    for a in range(k):
        for b in range(k):
            window = (slice(None), slice(a, a + H), slice(b, b + W))
            tap = np.ascontiguousarray(K[:, a, b, 0])
            Y += P[window] * tap
            GP[window] += G * tap
            dK[:, a, b, 0] = (P[window] * G).reshape(-1, C).sum(0)
    dX[...] = GP[:, padding : padding + X.shape[1], padding : padding + X.shape[2]]
    return Y, dK, dX


def blocks(X):
    """X as (B, Ho, 2, Wo, 2, C)."""
    B, H, W, C = X.shape
    return X.reshape(B, H // 2, 2, W // 2, 2, C)


def max_pool2d(X, out, indices):
    """2 x 2: each of the four elements of the windows in turn, and where it stands."""
    W, parts = X.shape[2], blocks(X)
    h, w = np.ogrid[: out.shape[1], : out.shape[2]]
    first = (2 * h * W + 2 * w).astype(np.int32)[None, :, :, None]
    out[...] = parts[:, :, 0, :, 0]
    indices[...] = first
    for a, b in ((0, 1), (1, 0), (1, 1)):
        larger = parts[:, :, a, :, b] > out
        np.copyto(out, parts[:, :, a, :, b], where=larger)
        np.copyto(indices, first + np.int32(a * W + b), where=larger)
    return out, indices


def max_pool2d_backward(G, indices, out):
    B, C = G.shape[0], G.shape[3]
    out.fill(0)
    np.put_along_axis(out.reshape(B, -1, C), indices.reshape(B, -1, C), G.reshape(B, -1, C), axis=1)
    return out


def avg_pool2d(X, out):
    return blocks(X).mean((2, 4), out=out)


def avg_pool2d_backward(G, out):
    blocks(out)[...] = (G * np.float32(0.25))[:, :, None, :, None]
    return out


def sigmoid(X, out):
    np.negative(X, out=out)
    np.exp(out, out=out)
    np.add(out, ONE, out=out)
    return np.divide(ONE, out, out=out)


def sigmoid_backward(G, Y, out):
    np.subtract(ONE, Y, out=out)
    np.multiply(out, Y, out=out)
    return np.multiply(out, G, out=out)


def tanh_backward(G, Y, out):
    np.subtract(ONE, Y, out=out)
    np.multiply(out, ONE + Y, out=out)
    return np.multiply(out, G, out=out)


def gelu(X, out):
    """x Φ(x); NumPy has no erf, so Python's is called for each element."""
    out[...] = X * (0.5 * (1 + _erf(X * np.sqrt(0.5))))
    return out


def gelu_backward(G, X, out):
    density = np.exp(-0.5 * np.square(X)) * np.float32(1 / np.sqrt(2 * np.pi))
    out[...] = G * (0.5 * (1 + _erf(X * np.sqrt(0.5))) + X * density)
    return out


def _erf(X):
    return np.array([math.erf(x) for x in X.ravel().tolist()]).reshape(X.shape)


def elu(X, out):
    np.minimum(X, np.float32(0), out=out)
    np.expm1(out, out=out)
    return np.maximum(out, X, out=out)


def elu_backward(G, X, out):
    np.minimum(X, np.float32(0), out=out)
    np.exp(out, out=out)
    return np.multiply(out, G, out=out)


def silu(X, out):
    sigmoid(X, out)
    return np.multiply(out, X, out=out)


def silu_backward(G, X, out):
    S = sigmoid(X, np.empty_like(X))
    np.subtract(ONE, S, out=out)
    np.multiply(out, X, out=out)
    np.add(out, ONE, out=out)
    np.multiply(out, S, out=out)
    return np.multiply(out, G, out=out)


def softplus(X, out):
    return np.logaddexp(X, np.float32(0), out=out)


def softplus_backward(G, X, out):
    sigmoid(X, out)
    return np.multiply(out, G, out=out)


def gelu_tanh(X, out):
    np.tanh(np.float32(np.sqrt(2 / np.pi)) * (X + np.float32(0.044715) * (X * X * X)), out=out)
    np.add(out, ONE, out=out)
    np.multiply(out, X, out=out)
    return np.multiply(out, np.float32(0.5), out=out)


def gelu_tanh_backward(G, X, out):
    root, half, square = np.float32(np.sqrt(2 / np.pi)), np.float32(0.5), X * X
    t = np.tanh(root * (X + np.float32(0.044715) * square * X))
    slope = root * (ONE + np.float32(3 * 0.044715) * square)
    return np.multiply(G, half * (ONE + t + X * (ONE - t * t) * slope), out=out)


def leaky_relu(X, slope, out):
    """max(x, slope x), for slopes up to 1."""
    np.multiply(X, np.float32(slope), out=out)
    return np.maximum(X, out, out=out)


def leaky_relu_backward(G, X, slope, out):
    return np.multiply(G, np.where(X > 0, ONE, np.float32(slope)), out=out)


def softmax(X, out):
    np.subtract(X, X.max(-1, keepdims=True), out=out)
    np.exp(out, out=out)
    return np.divide(out, out.sum(-1, keepdims=True), out=out)


def softmax_backward(G, P, out):
    np.multiply(G, P, out=out)
    np.subtract(G, out.sum(-1, keepdims=True), out=out)
    return np.multiply(out, P, out=out)


def log_softmax(X, out):
    np.subtract(X, X.max(-1, keepdims=True), out=out)
    return np.subtract(out, np.log(np.exp(out).sum(-1, keepdims=True)), out=out)


def softmax_cross_entropy(H, y, out):
    log_softmax(H, out)
    rows = np.arange(len(y))
    value = -out[rows, y].mean()
    np.exp(out, out=out)
    out[rows, y] -= ONE
    return value, np.multiply(out, ONE / np.float32(len(y)), out=out)


def sigmoid_binary_cross_entropy(H, Y, out):
    value = (np.maximum(H, np.float32(0)) - H * Y + np.log1p(np.exp(-np.abs(H)))).mean()
    sigmoid(H, out)
    np.subtract(out, Y, out=out)
    return value, np.multiply(out, ONE / np.float32(H.size), out=out)


def mean_squared_error(H, Y, out):
    np.subtract(H, Y, out=out)
    value = np.square(out).mean()
    return value, np.multiply(out, np.float32(2 / H.size), out=out)


def sum_of_squares(A):
    """Accumulated in float64, as the kernel does."""
    return np.square(A, dtype=np.float64).sum()


def dropout(X, rate, out):
    np.multiply(X, np.random.default_rng(0).random(X.shape, np.float32) >= rate, out=out)
    return np.multiply(out, np.float32(1 / (1 - rate)), out=out)


def sgd_update(theta, g, v, *, lr, momentum):
    v *= np.float32(momentum)
    v += g
    theta -= np.float32(lr) * v
    return theta, v


def adam_update(theta, g, m, v, *, lr, beta1, beta2, eps, step):
    m *= np.float32(beta1)
    m += np.float32(1 - beta1) * g
    v *= np.float32(beta2)
    v += np.float32(1 - beta2) * np.square(g)
    root = np.sqrt(v)
    root *= np.float32(1 / np.sqrt(1 - beta2**step))
    root += np.float32(eps)
    theta -= np.float32(lr / (1 - beta1**step)) * m / root
    return theta, m, v


def nadam_update(theta, g, m, v, *, product, lr, beta1, beta2, eps, step):
    mu, coming = (beta1 * (1 - 0.5 * 0.96 ** (k * 4e-3)) for k in (step, step + 1))
    m *= np.float32(beta1)
    m += np.float32(1 - beta1) * g
    v *= np.float32(beta2)
    v += np.float32(1 - beta2) * np.square(g)
    root = np.sqrt(v)
    root *= np.float32(1 / np.sqrt(1 - beta2**step))
    root += np.float32(eps)
    ahead = np.float32(lr * (1 - mu) / (1 - product)) * g
    ahead += np.float32(lr * coming / (1 - product * coming)) * m
    theta -= ahead / root
    return theta, m, v


def adagrad_update(theta, g, v, *, lr, eps):
    v += np.square(g)
    root = np.sqrt(v)
    root += np.float32(eps)
    theta -= np.float32(lr) * g / root
    return theta, v


def lion_update(theta, g, m, *, lr, beta1, beta2):
    theta -= np.float32(lr) * np.sign(np.float32(beta1) * m + np.float32(1 - beta1) * g)
    m *= np.float32(beta2)
    m += np.float32(1 - beta2) * g
    return theta, m


def rmsprop_update(theta, g, v, *, lr, alpha, eps):
    v *= np.float32(alpha)
    v += np.float32(1 - alpha) * np.square(g)
    root = np.sqrt(v)
    root += np.float32(eps)
    theta -= np.float32(lr) * g / root
    return theta, v
