"""The cases of the norms: each kernel alone, and forward and backward beside PyTorch."""

import numpy as np

from bench.kinds import numpy_norms
from bench.kinds.case import Case, at_once, taken

SHAPES = [(128, 1024), (64 * 28 * 28, 32), (768, 128)]


def out_last(found):
    """The kernels give `out` first; a case gives last what is written into an array of its own."""
    return *found[1:], found[0]


def inputs(X, N):
    """X, gamma and beta."""
    return lambda rng: [rng.standard_normal(shape, np.float32) for shape in (X, (N,), (N,))]


def inputs_backward(X, N, forward):
    """G, X, the statistics of the forward pass, and gamma."""

    def arrays(rng):
        G, A, gamma, beta = (rng.standard_normal(shape, np.float32) for shape in (X, X, (N,), (N,)))
        return [G, A, forward(A, gamma, beta, np.empty_like(A))[0], gamma]

    return arrays


def of_matrices(rows, N) -> list[Case]:
    """Layer, RMS and batch norm of a matrix."""
    shape, label, peers = (rows, N), f"{rows}x{N}", numpy_norms

    def only_gamma(rng):
        return inputs(shape, N)(rng)[:2]

    def with_running(rng):
        return [*inputs(shape, N)(rng), np.zeros(N, np.float32), np.ones(N, np.float32)]

    def known(rng):
        X, gamma, beta = inputs(shape, N)(rng)
        return [X, rng.standard_normal(N, np.float32), rng.uniform(0.5, 2, N).astype(np.float32), gamma, beta]

    def batch_norm(k, X, gamma, beta, mean, variance, **out):
        found = k.batch_norm(X, gamma, beta, running_mean=mean, running_variance=variance, **out)
        return mean, variance, *out_last(found)

    def call(name):
        return lambda k, *arrays, **out: out_last(getattr(k, name)(*arrays, **out))

    def backward(forward):
        return inputs_backward(shape, N, forward)

    def rms(X, gamma, beta, out):
        return peers.rms_norm(X, gamma, out)

    def batch(X, gamma, beta, out):
        return peers.normalised(X, gamma, beta, (0,), out)

    longest = {"terms": max(rows, N)}
    return [
        Case("layer_norm", label, inputs(shape, N), call("layer_norm"), peers.layer_norm, terms=N),
        Case("layer_norm_backward", label, backward(peers.layer_norm), call("layer_norm_backward"),
             peers.layer_norm_backward, **longest),
        Case("rms_norm", label, only_gamma, call("rms_norm"), peers.rms_norm, terms=N),
        Case("rms_norm_backward", label, backward(rms), call("rms_norm_backward"), peers.rms_norm_backward, **longest),
        Case("batch_norm", label, with_running, batch_norm, peers.batch_norm, terms=rows),
        Case("batch_norm_evaluation", label, known, call("batch_norm_evaluation"), peers.batch_norm_evaluation),
        Case("batch_norm_backward", label, backward(batch), call("batch_norm_backward"), peers.batch_norm_backward,
             terms=rows),
    ]  # fmt: skip


def of_groups(B, H, C, groups) -> list[Case]:
    """Group norm of images."""
    X, label = (B, H, H, C), f"{B}x{H}x{H}x{C} {groups} groups"

    def peer(A, gamma, beta, out):
        return numpy_norms.group_norm(A, gamma, beta, groups, out)

    return [
        Case(
            "group_norm",
            label,
            inputs(X, C),
            lambda k, A, gamma, beta, **out: out_last(k.group_norm(A, groups, gamma, beta, **out)),
            peer,
            terms=H * H * C // groups,
        ),
        Case(
            "group_norm_backward",
            label,
            inputs_backward(X, C, peer),
            lambda k, G, A, s, gamma, **out: out_last(k.group_norm_backward(G, A, groups, s, gamma, **out)),
            lambda G, A, s, gamma, out: numpy_norms.group_norm_backward(G, A, s, gamma, groups, out),
            terms=max(B * H * H, H * H * C // groups),
        ),
    ]


def both_ways(name, rows, N) -> Case:
    """layer_norm or batch_norm, forward and backward: gγ, gβ, Y and gX; of batch norm the running ones first."""
    forward, backward = getattr(numpy_norms, name), getattr(numpy_norms, f"{name}_backward")
    batch = name == "batch_norm"

    def arrays(rng):
        running = [np.zeros(N, np.float32), np.ones(N, np.float32)] if batch else []
        return [*inputs((rows, N), N)(rng), rng.standard_normal((rows, N), np.float32), *running]

    def bind(k, X, gamma, beta, G, *running, **outs):
        kernel, gradient = getattr(k, name), getattr(k, f"{name}_backward")
        first, second = taken(outs, out="Y"), taken(outs, out="dX")
        options = {"running_mean": running[0], "running_variance": running[1]} if batch else {}

        def call():
            Y, statistics = kernel(X, gamma, beta, **options, **first)
            gX, gg, gb = gradient(G, X, statistics, gamma, **second)
            return *running, gg, gb, Y, gX

        return call

    def peer(X, gamma, beta, G, *running, Y, dX):
        statistics = forward(X, gamma, beta, *running, out=Y)[-2]
        gg, gb, gX = backward(G, X, statistics, gamma, out=dX)
        return *running, gg, gb, Y, gX

    return Case(
        f"{name} both ways",
        f"{rows}x{N}",
        arrays,
        at_once(bind),
        peer,
        terms=max(rows, N),
        outs=("Y", "dX"),
        group="norms",
        torch={"kind": name},
        bind=bind,
    )
