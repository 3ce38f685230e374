"""The cases of images made larger or smaller, with NumPy's form of each."""

from bench import numpy_peer
from bench.kinds.case import Case, normal
from nnmat_kernels.resampling.factors import nearest


def of_images(B, H, C) -> list[Case]:
    """Twice as large by nearest pixels, and the maxima of bins of 2 x 2."""
    shape, label, twice = (B, H, H, C), f"{B}x{H}x{H}x{C}", nearest(H, 2 * H)
    return [
        Case(
            "resample",
            f"{label} nearest x2",
            normal(shape),
            lambda k, X, **out: k.resample(X, twice, twice, **out),
            repeated,
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


def repeated(X, out):
    B, H, W, C = X.shape
    out.reshape(B, H, 2, W, 2, C)[...] = X[:, :, None, :, None]
    return out
