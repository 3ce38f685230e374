"""The Jacobian of a layer at a batch: as a matrix, times a vector, and its norm.

For Y = f(X) it is the matrix J with vec dY = J vec dX, vec row by row over the whole batch: where samples meet, as in
BatchNorm, it is no block for each sample. `backward` multiplies by Jᵀ, exactly; J itself is read off it row by row, or
multiplied by a vector as the differential of the forward, a central difference.
"""

import copy
import math

import numpy as np

from ..checks import count, flag, generator, positive
from ..errors import ConfigError, DtypeError, NonFiniteError, ShapeError, StateError
from ..layers.base import Layer
from ..layers.checks import check_batch, is_several

MEMORY = 2**31  # bytes; a bigger matrix is refused


def jacobian(layer: Layer, X: np.ndarray, training: bool = False) -> np.ndarray:
    """J (Y.size, X.size) with vec dY = J vec dX for Y = layer.forward(X, training).

    `layer` is built and takes one array of floats; X (B, ...) of its dtype, which J has too. Row i is the backward of
    the i-th unit matrix, so it is as exact as `backward`. Works on a copy: the layer, its buffers included, stays as
    it is. Raises BuildError, ShapeError, DtypeError, and ConfigError for a matrix that takes more than 2 GiB.
    """
    at = _Point("jacobian", layer, X, training)
    size = at.Y.size * at.X.size * at.X.itemsize
    if size > MEMORY:
        raise ConfigError(
            f"jacobian: expected a matrix of at most {MEMORY / 2**30:.0f} GiB, this one takes {size / 2**30:.1f} GiB. "
            "Take fewer samples, or jacobian_norm."
        )
    J = np.empty((at.Y.size, at.X.size), at.X.dtype)
    for i in range(len(J)):
        E = np.zeros_like(at.Y)
        E.flat[i] = 1
        J[i] = at.back(E).reshape(-1)
    return J


def jacobian_product(layer: Layer, X: np.ndarray, V: np.ndarray, training: bool = False) -> np.ndarray:
    """dY = J V, the differential of the forward at X in the direction V (of X's shape), as an array of Y's shape.

    A central difference, (f(X + t V) - f(X - t V))/(2 t): right to about 1e-9 in float64 and 1e-4 in float32, where
    no kink is nearer than t V. Arguments and errors as for `jacobian`.
    """
    at = _Point("jacobian_product", layer, X, training)
    return at.along(check_batch(at.layer, V, at.layer.input_shape, "V", len(at.X)))


def jacobian_norm(
    layer: Layer, X: np.ndarray, training: bool = False, *, seed: int = 0, tolerance: float = 1e-8, limit: int = 2000
) -> float:
    """‖J‖₂, the largest factor by which the layer lengthens a small change of X, by power iteration.

    Starting from a random V, in turn
        U = J V / ‖J V‖        V = Jᵀ U / ‖Jᵀ U‖        σ = ‖Jᵀ U‖
    with J V the differential of the forward (`jacobian_product`) and Jᵀ U the layer's backward, until σ grows by less
    than `tolerance` of itself. σ comes from below: at every step it is ‖Jᵀ U‖ of a unit U, so ‖J‖₂ is at least that.
    Arguments as for `jacobian`; StateError if `limit` steps are not enough, NonFiniteError.
    """
    tolerance, limit = positive("jacobian_norm", "tolerance", tolerance), count("jacobian_norm", "limit", limit)
    at = _Point("jacobian_norm", layer, X, training)
    V = generator("jacobian_norm", "seed", seed).standard_normal(at.X.shape).astype(at.X.dtype)
    if V.size == 0:  # of no samples
        return 0.0
    V /= _length(V)
    sigma = 0.0
    for _ in range(limit):
        U = at.along(V)
        length = _length(U)
        if length == 0.0:  # of a random V: J = 0
            return sigma
        V = at.back(U / U.dtype.type(length))
        before, sigma = sigma, _length(V)
        if not math.isfinite(sigma):
            raise NonFiniteError(f"jacobian_norm: the Jacobian of {layer.who} at this X is not finite.")
        if sigma - before <= tolerance * sigma:
            return max(sigma, before)
        V /= V.dtype.type(sigma)
    raise StateError(
        f"jacobian_norm: {limit} steps for {layer.who} were not enough, the last one made {before:.9g} {sigma:.9g}. "
        "Raise limit or tolerance."
    )


class _Point:
    """A copy of a layer at a batch, with the forward around it and the backward of it."""

    def __init__(self, who: str, layer: Layer, X: np.ndarray, training: bool):
        if not isinstance(layer, Layer):
            raise ConfigError(f"{who}: expected a layer, got {type(layer).__name__}.")
        if layer.built and is_several(layer.input_shape):
            raise ShapeError(f"{who}: expected a layer of one input, {layer.who} takes {len(layer.input_shape)}.")
        if layer.built and layer.input_dtype != layer.dtype:
            raise DtypeError(f"{who}: expected a layer of floats, {layer.who} takes {layer.input_dtype}.")
        self.training = flag(who, "training", training)
        self.layer = copy.deepcopy(layer)
        self.X = check_batch(self.layer, X, layer.input_shape, "X")
        self._buffers = [(A, A.copy()) for A in self.layer.buffers().values()]
        self.Y = self._forward(self.X, record=True)  # which `back` is the backward of
        size = max(1.0, _length(self.X))
        self._step = float(np.finfo(self.X.dtype).eps) ** (1 / 3) * size

    def _forward(self, X: np.ndarray, record: bool) -> np.ndarray:
        Y = self.layer.forward(X, training=self.training, record=record)
        for A, before in self._buffers:  # so that every forward is that of the same function
            A[...] = before
        return Y

    def along(self, V: np.ndarray) -> np.ndarray:
        """J V."""
        length = _length(V)
        t = self.X.dtype.type(self._step / length if length else 1.0)
        return (self._forward(self.X + t * V, False) - self._forward(self.X - t * V, False)) / (2 * t)

    def back(self, G: np.ndarray) -> np.ndarray:
        """Jᵀ G."""
        return self.layer.backward(G, parameters=False, keep=True)


def _length(A: np.ndarray) -> float:
    """‖A‖, summed in float64."""
    return float(np.linalg.norm(A.reshape(-1).astype(np.float64, copy=False)))
