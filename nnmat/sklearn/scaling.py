"""Data moved to mean 0 and variance 1."""

import numpy as np


class Scaling:
    """x' = (x - μ)/σ for each column, with the weighted mean μ and standard deviation σ of the data it is made of.

    `whole`: one μ and one σ for all columns, as images want it. A column that does not change has σ = 1.
    """

    def __init__(self, X: np.ndarray, weight: np.ndarray | None = None, whole: bool = False):
        A = np.asarray(X, np.float64)
        w = None if weight is None else np.asarray(weight, np.float64)
        mean = np.average(A, axis=0, weights=w)
        R = A - mean
        square = np.einsum("ij,ij->j", R, R) / len(A) if w is None else np.einsum("i,ij,ij->j", w, R, R) / w.sum()
        if whole:
            square = np.mean(square + (mean - mean.mean()) ** 2, keepdims=True)
            mean = np.mean(mean, keepdims=True)
        noise = np.finfo(np.float64).eps * np.abs(mean) * 10
        self.mean, self.deviation = mean, np.where(square > noise**2, np.sqrt(square), 0.0)
        self.scale = np.where(self.deviation > 0.0, self.deviation, 1.0)

    @property
    def needed(self) -> bool:
        """Whether some column is far from the order of one: its root mean square below 0.1 or above 10, and not 0."""
        size = np.hypot(self.mean, self.deviation)
        return bool(((size > 10.0) | ((size < 0.1) & (size > 0.0))).any())

    def forward(self, X: np.ndarray, dtype) -> np.ndarray:
        """x' of the columns of X, in `dtype`."""
        return ((X - self.mean) / self.scale).astype(dtype, copy=False)

    def backward(self, X: np.ndarray) -> np.ndarray:
        """x of x', in its dtype."""
        return (X * self.scale + self.mean).astype(X.dtype, copy=False)
