"""Places in a sequence as rotations."""

import numpy as np

from nnmat_kernels import unchecked as k

from ...calls import backward_equations, forward_equations
from ...checks import count, positive
from ...errors import ConfigError, ShapeError
from ..base import Layer
from ..checks import batch_shape


def angles(length: int, width: int, base: float, dtype) -> tuple[np.ndarray, np.ndarray]:
    """cos and sin (T, d/2) of the angles t base^(-2j/d)."""
    turned = np.arange(length)[:, np.newaxis] * base ** (-np.arange(0, width, 2) / width)
    return np.cos(turned).astype(dtype), np.sin(turned).astype(dtype)


class RotaryEmbedding(Layer):
    """Every row of a sequence turned by angles that grow with its place t, head by head.

    Forward, with the orthogonal R_t that turns each pair (x_j, x_(j+d/2)) of a head's d numbers by t base^(-2j/d)
        y_t = R_t x_t
    Backward, for the upstream gradient G = ∇_Y L: the rotation back
        gx_t = R_tᵀ g_t
    Shapes: X, Y, G, gX (B, T, `heads` d) with an even d; float32 or float64 as built.
    Errors: ConfigError (options), ShapeError (axes, a width that the heads don't divide into even parts), DtypeError.
    Derivation: docs/derivations/RotaryEmbedding.md.
    Reference: docs/equations.md, section 3.13; J. Su et al., "RoFormer: enhanced transformer with rotary position
        embedding", 2021.

    The product of a query and a key turned so depends on the difference of their places alone: (R_s q)ᵀ R_t k =
    qᵀ R_(t-s) k. `MultiHeadAttention(..., rotary=True)` turns its queries and keys.
    """

    def __init__(self, heads: int = 1, base: float = 10_000.0):
        super().__init__()
        self.heads, self.base = count("RotaryEmbedding", "heads", heads), positive("RotaryEmbedding", "base", base)

    def output_shape(self, input_shape):
        if len(input_shape) != 2 or input_shape[1] % (2 * self.heads):
            raise ShapeError(
                f"{self.who}: expected input of shape (B, T, heads d) with heads = {self.heads} and an even d, got "
                f"{batch_shape(input_shape)}."
            )
        return input_shape

    def declare(self, input_shape, rng):
        T, D = input_shape
        self._cosines, self._sines = angles(T, D // self.heads, self.base, self.dtype)

    @forward_equations
    def forward(self, X, call):
        return k.rotate(X, self._cosines, self._sines, self.heads)  # y_t = R_t x_t

    @backward_equations
    def backward(self, G, call):
        return k.rotate(G, self._cosines, self._sines, self.heads, back=True)  # gx_t = R_tᵀ g_t

    def config(self):
        return {"heads": self.heads, "base": self.base}


def check_even(who: str, width: int) -> None:
    """Raise ConfigError for the width of a head that has no pairs."""
    if width % 2:
        raise ConfigError(f"{who}: expected heads of an even width for rotary=True, got {width}.")
