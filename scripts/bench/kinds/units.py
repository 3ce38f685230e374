"""The cases of rectifiers, of softmax along an axis and of masks of channels, with NumPy's form of each."""

import functools

import numpy as np

from bench.kinds.case import Case, at_once, normal

ZERO, ONE, THREE, SIX = (np.float32(n) for n in (0, 1, 3, 6))
RATE = 0.5


def of_matrices(rows, columns) -> list[Case]:
    """All of them on a matrix; the columns of softmax and the channels of dropout are those of images."""
    shape, images = (rows, columns), (rows // 64, 8, 8, columns)

    def case(name, label, shapes, peer, *more, **options):
        """`more`: arguments of the kernel after the arrays."""

        def bind(k, *arrays, **outs):
            named = {"axis": 1} if "axis" in label else {}
            return functools.partial(getattr(k, name), *arrays, *more, **outs, **named)

        return Case(name, label, normal(*shapes), at_once(bind), peer, bind=bind, **options)

    matrix, masked = f"{rows}x{columns}", f"{rows // 64}x8x8x{columns}"
    along = f"{masked} axis 1"
    return [
        case("relu6", matrix, [shape], lambda X, out: np.clip(X, ZERO, SIX, out=out)),
        case("relu6_backward", matrix, [shape] * 2, lambda G, X, out: np.multiply(G, (X > 0) & (X < SIX), out=out)),
        case("hardswish", matrix, [shape], hardswish),
        case("hardswish_backward", matrix, [shape] * 2, hardswish_backward),
        case("mish", matrix, [shape], mish),
        case("mish_backward", matrix, [shape] * 2, mish_backward),
        case("prelu", matrix, [shape, (columns,)], lambda X, a, out: np.multiply(X, np.where(X > 0, ONE, a), out=out)),
        case(
            "prelu_backward",
            matrix,
            [shape, shape, (columns,)],
            lambda G, X, a, out: np.multiply(G, np.where(X > 0, ONE, a), out=out),
        ),
        case("log_softmax_backward", matrix, [shape] * 2, log_softmax_backward, terms=columns),
        case("softmax", along, [images], softmax, terms=8),
        case("log_softmax", along, [images], log_softmax, terms=8),
        case("softmax_backward", along, [images] * 2, softmax_backward, terms=8),
        case("channel_dropout", masked, [images], channel_dropout, RATE, 1, 2, comparable=False),
    ]


def hardswish(X, out):
    np.clip(X + THREE, ZERO, SIX, out=out)
    np.multiply(out, X, out=out)
    return np.divide(out, SIX, out=out)


def hardswish_backward(G, X, out):
    slope = np.where(X >= THREE, ONE, X / THREE + np.float32(0.5))
    return np.multiply(G, np.where(X <= -THREE, ZERO, slope), out=out)


def mish(X, out):
    np.tanh(np.logaddexp(X, ZERO), out=out)
    return np.multiply(out, X, out=out)


def mish_backward(G, X, out):
    t = np.tanh(np.logaddexp(X, ZERO))
    return np.multiply(G, t + X * (ONE - t * t) / (ONE + np.exp(-X)), out=out)


def log_softmax_backward(G, Y, out):
    np.multiply(np.exp(Y), G.sum(-1, keepdims=True), out=out)
    return np.subtract(G, out, out=out)


def softmax(X, out):
    np.exp(X - X.max(1, keepdims=True), out=out)
    return np.divide(out, out.sum(1, keepdims=True), out=out)


def log_softmax(X, out):
    np.subtract(X, X.max(1, keepdims=True), out=out)
    return np.subtract(out, np.log(np.exp(out).sum(1, keepdims=True)), out=out)


def softmax_backward(G, P, out):
    np.multiply(G, P, out=out)
    return np.multiply(P, G - out.sum(1, keepdims=True), out=out)


def channel_dropout(X, out):
    kept = np.random.default_rng(0).random((len(X), 1, 1, X.shape[-1]), np.float32) >= RATE
    return np.multiply(X, kept * np.float32(1 / (1 - RATE)), out=out)
