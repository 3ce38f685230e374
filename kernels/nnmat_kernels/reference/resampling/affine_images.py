"""Images seen through affine maps, in float64: the sum over all pixels, with their weights."""

import numpy as np

from ..common import into


def affine_images(X, maps, size=None, fill=0.0, out=None):
    """Y[b, i, j] = fill + Σ_mn max(0, 1 - |r - m|) max(0, 1 - |s - n|) (X[b, m, n] - fill), (r, s) = T_b (i, j, 1)."""
    X, maps = np.asarray(X, np.float64), np.asarray(maps, np.float64)
    Ho, Wo = X.shape[1:3] if size is None else size
    i, j = np.meshgrid(np.arange(Ho), np.arange(Wo), indexing="ij")
    place = np.einsum("bkl,lij->bkij", maps, np.stack([i, j, np.ones_like(i)]).astype(np.float64))
    near_rows = np.maximum(0, 1 - np.abs(place[:, 0, ..., None] - np.arange(X.shape[1])))  # (B, Ho, Wo, H)
    near_columns = np.maximum(0, 1 - np.abs(place[:, 1, ..., None] - np.arange(X.shape[2])))
    return into(fill + np.einsum("bijm,bijn,bmnc->bijc", near_rows, near_columns, X - fill), out)
