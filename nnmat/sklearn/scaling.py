"""Data moved to mean 0 and variance 1."""

import numpy as np


def far_from_one(X: np.ndarray, weight: np.ndarray | None = None) -> bool:
    """Whether some column of X is not of the order of one: its root mean square below 0.1 or above 10, and not 0."""
    size = np.sqrt(_mean_square(X, weight))
    return bool(((size > 10.0) | ((size < 0.1) & (_peak(X) > 0.0))).any())


class Scaling:
    """x' = (x - μ)/σ for each column, with the weighted mean μ and standard deviation σ of the data it is made of.

    `whole`: one μ and one σ for all columns, as images want it. A column that does not change has σ = 1.
    """

    def __init__(self, X: np.ndarray, weight: np.ndarray | None = None, whole: bool = False):
        A = np.asarray(X, np.float64)
        w = None if weight is None else np.asarray(weight, np.float64)
        peak = _peak(A)
        exponent = np.frexp(peak.max(keepdims=True) if whole else peak)[1] - 1
        A = np.ldexp(A, -exponent)  # so that no square overflows or vanishes
        mean = np.average(A, axis=0, weights=w)
        R = A - mean
        square = _mean_square(R, w)
        if whole:
            square = np.mean(square + (mean - mean.mean()) ** 2, keepdims=True)
            mean = np.mean(mean, keepdims=True)
        noise = np.finfo(np.float64).eps * np.abs(mean) * 10
        self.mean = np.ldexp(mean, exponent)
        self.scale = np.where(square > noise**2, np.ldexp(np.sqrt(square), exponent), 1.0)

    def forward(self, X: np.ndarray, dtype) -> np.ndarray:
        """x' of the columns of X, in `dtype`."""
        return ((X - self.mean) / self.scale).astype(dtype, copy=False)

    def backward(self, X: np.ndarray) -> np.ndarray:
        """x of x', float64: the steps between neighbours in float32 may be larger than σ, where μ is large."""
        return X * self.scale + self.mean


def _peak(X: np.ndarray) -> np.ndarray:
    """The largest |x| of each column of X, without a copy."""
    return np.maximum(X.max(axis=0), -X.min(axis=0))


def _mean_square(X: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    """(1/D) Σ_b w_b x_b² of each column, D = Σ_b w_b, without a copy of X."""
    if weight is None:
        return np.einsum("ij,ij->j", X, X) / len(X)
    return np.einsum("i,ij,ij->j", weight, X, X) / weight.sum()
