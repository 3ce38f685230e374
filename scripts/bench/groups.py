"""The shapes that small and middle-sized networks are made of, in groups with a bar each, beside the fastest peer."""

import functools

import numpy as np

from bench import numpy_peer
from bench.cases import product, stack
from bench.kinds import norms, sequences
from bench.kinds.case import Case, at_once, normal, taken
from bench.numpy_peer import positions

# name: (geometric mean of the ratios, smallest ratio) that a group must reach against the best of all peers
BARS = {"matmul": (1.0, 0.85), "batched_matmul": (1.5, 1.0), "conv": (1.25, 0.85), "elementwise": (1.5, 1.0)}
BARS |= {"norms": (1.5, 1.5), "attention": (1.3, 1.3), "recurrent": (1.5, 1.5)}


def trained_convolution(B, H, Ci, Co, k, stride=1, padding=0, groups=1) -> Case:
    """Forward and both gradients; without the input gradient for the first layer of a network (1 or 3 channels)."""
    Ho = positions(H, k, stride, padding)
    X, K, Y = (B, H, H, Ci), (Co, k, k, Ci // groups), (B, Ho, Ho, Co)
    steps, inner = (stride, padding, 1, groups), Ci > 3

    def call(m, A, W, G, **outs):
        forward = m.conv2d(A, W, None, *steps, **taken(outs, out="Y"))
        weight = m.conv2d_weight_gradient(A, G, K, *steps, **taken(outs, out="dK"))
        if not inner:
            return forward, weight
        return forward, weight, m.conv2d_input_gradient(G, W, X, *steps, **taken(outs, out="dX"))

    def peer(A, W, G, Y, dK, dX=None):
        if groups > 1:
            return numpy_peer.depthwise(A, W, G, padding, Y, dK, dX)
        found = (
            numpy_peer.conv2d(A, W, stride, padding, Y),
            numpy_peer.conv2d_weight_gradient(A, G, stride, padding, dK),
        )
        return found if dX is None else (*found, numpy_peer.conv2d_input_gradient(G, W, stride, padding, dX))

    how = f"s{stride} p{padding}" if groups == 1 else "depthwise"
    label = f"{B}x{H}x{H}x{Ci} {Co}@{k}x{k} {how}"
    return Case(
        "conv2d trained",
        label,
        normal(X, K, Y),
        call,
        peer,
        (4 + 2 * inner) * B * Ho * Ho * Co * k * k * (Ci // groups),
        max(B * Ho * Ho, k * k * Co),
        outs=("Y", "dK", "dX") if inner else ("Y", "dK"),
        group="conv",
        torch={"kind": "conv", "stride": stride, "padding": padding, "groups": groups, "inner": inner},
    )


def both_ways(name, rows, columns) -> Case:
    """An element-wise function, or softmax, forward and backward."""
    forward = np.tanh if name == "tanh" else getattr(numpy_peer, name)
    backward = getattr(numpy_peer, f"{name}_backward")
    shape, from_output = (rows, columns), name != "gelu"

    def bind(m, X, G, **outs):
        kernel, gradient = getattr(m, name), getattr(m, f"{name}_backward")
        first, second = taken(outs, out="Y"), taken(outs, out="dX")

        def call():
            Y = kernel(X, **first)
            return Y, gradient(G, Y if from_output else X, **second)

        return call

    def peer(X, G, Y, dX):
        forward(X, out=Y)
        return Y, backward(G, Y if from_output else X, out=dX)

    return Case(
        f"{name} both ways",
        f"{rows}x{columns}",
        normal(shape, shape),
        at_once(bind),
        peer,
        terms=columns if name == "softmax" else 8,
        bind=bind,
        outs=("Y", "dX"),
        group="elementwise",
        torch={"kind": name},
    )


def loss_both_ways(rows, columns) -> Case:
    """Softmax cross-entropy: the value and the gradient."""

    def bind(m, H, y, **out):
        return functools.partial(m.softmax_cross_entropy, H, y, **out)

    return Case(
        "softmax_cross_entropy both ways",
        f"{rows}x{columns}",
        lambda rng: [rng.standard_normal((rows, columns), np.float32), rng.integers(0, columns, rows)],
        at_once(bind),
        numpy_peer.softmax_cross_entropy,
        terms=columns,
        group="elementwise",
        torch={"kind": "cross_entropy"},
        bind=bind,
    )


def cases() -> list[Case]:
    """All cases of the groups."""
    transposes = [(False, False), (False, True), (True, False), (True, True)]
    names = ("sigmoid", "tanh", "gelu", "softmax")
    matrices = [(128, 10), (1024, 1000), (256, 4096)]
    squares = [(n, n, n, *ab) for n in (64, 128, 256, 512, 1024, 2048) for ab in transposes]
    layers = [(128, 784, 128, False, False), (128, 10, 256, False, True), (64, 800, 784, False, True)]
    for B in (32, 128, 1024):  # the products of the layers 784 -> 128 and 128 -> 10
        layers += [(B, 128, 784, False, True), (128, 784, B, True, False)]
        layers += [(B, 10, 128, False, True), (10, 128, B, True, False), (B, 128, 10, False, False)]
    stacks = [(1000, 16, 16, 16), (256, 32, 32, 32), (64, 64, 64, 64), (48, 64, 32, 64), (16, 128, 128, 128)]
    return [
        *(product(*shape, group="matmul") for shape in squares + layers),
        *(stack(*shape, group="batched_matmul") for shape in stacks),
        trained_convolution(64, 28, 1, 8, 5),
        trained_convolution(64, 28, 1, 32, 3, padding=1),
        trained_convolution(64, 32, 3, 32, 3, padding=1),
        trained_convolution(64, 12, 8, 16, 5),
        trained_convolution(64, 28, 16, 32, 3, padding=1),
        trained_convolution(64, 16, 32, 32, 3, padding=1),
        trained_convolution(64, 16, 64, 64, 3, padding=1),
        trained_convolution(64, 16, 64, 128, 3, stride=2, padding=1),
        trained_convolution(64, 16, 64, 128, 1),
        trained_convolution(64, 16, 128, 128, 3, padding=1, groups=128),
        *(both_ways(name, *shape) for name in names for shape in matrices),
        *(loss_both_ways(*shape) for shape in matrices),
        *(norms.both_ways(name, *shape) for name in ("layer_norm", "batch_norm") for shape in norms.SHAPES),
        *(sequences.attention_both_ways(*shape) for shape in sequences.ATTENTION),
        *(sequences.recurrent_both_ways(name, 32, 50, 64, 128) for name in sequences.GATES),
    ]
