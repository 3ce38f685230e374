"""The cases of images made larger or smaller, with NumPy's form of each."""

import functools

import numpy as np

from bench import numpy_peer
from bench.kinds.case import Case, normal


def of_images(B, H, C) -> list[Case]:
    """Twice as large by nearest pixels, and the maxima of bins of 2 x 2."""
    shape, label = (B, H, H, C), f"{B}x{H}x{H}x{C}"
    return [
        Case(
            "resample",
            f"{label} nearest x2",
            normal(shape),
            lambda k, X, **out: k.resample(X, twice(H), twice(H), **out),
            repeated,
            terms=1,
        ),
        Case(
            "affine_images",
            f"{label} shifted",
            normal(shape),
            lambda k, X, **out: k.affine_images(X, shifted(B), **out),
            by_slices,
            terms=1,
        ),
        Case(
            "adaptive_max_pool2d",
            f"{label} to {H // 2}",
            normal(shape),
            lambda k, X, **outs: k.adaptive_max_pool2d(X, H // 2, **outs),
            numpy_peer.max_pool2d,
            outs=("out", "indices"),
        ),
    ]


@functools.cache
def twice(size):
    """The matrix that doubles an axis by nearest pixels; imported here, for PyTorch's process holds nothing of ours."""
    from nnmat_kernels.resampling.factors import nearest

    return nearest(size, 2 * size)


@functools.cache
def shifted(B):
    """Maps that move images up by one pixel and left by two."""
    return np.tile(np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 2.0]]), (B, 1, 1))


def by_slices(X, out):
    out[:, :-1, :-2] = X[:, 1:, 2:]
    out[:, -1], out[:, :, -2:] = 0, 0
    return out


def repeated(X, out):
    B, H, W, C = X.shape
    out.reshape(B, H, 2, W, 2, C)[...] = X[:, :, None, :, None]
    return out
