"""Resampling as two products with whole matrices, in float64."""

import numpy as np

from ..common import into


def resample(X, rows, columns, fill=0.0, out=None):
    """Y_c = R X_c Cᵀ; `fill` where a row of R or of C is empty."""
    R, C = rows.dense(), columns.dense()
    Y = np.einsum("im,nmlc,jl->nijc", R, np.asarray(X, np.float64), C)
    Y[:, ~R.any(axis=1)] = fill
    Y[:, :, ~C.any(axis=1)] = fill
    return into(Y, out)
