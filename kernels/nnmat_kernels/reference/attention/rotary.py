"""Rotary positions the obvious way, in float64: an orthogonal matrix for each position."""

import numpy as np

from ..common import into


def rotate(X, cosines, sines, turned=None, before=0, back=False, out=None):
    """y_t = R_t x_t for each head, or R_tᵀ x_t."""
    X, half = np.asarray(X, np.float64), np.shape(cosines)[1]
    Y = X.copy()
    heads = X.shape[2] // (2 * half) if turned is None else turned
    for t in range(X.shape[1]):
        C, S = np.diag(cosines[t + before]), np.diag(sines[t + before])
        R = np.block([[C, -S], [S, C]]).astype(np.float64)
        for h in range(heads):
            columns = slice(2 * h * half, 2 * (h + 1) * half)
            Y[:, t, columns] = X[:, t, columns] @ (R if back else R.T)
    return into(Y, out)
