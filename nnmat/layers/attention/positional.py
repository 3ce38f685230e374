"""Where in a sequence a row stands."""

import math
from typing import Any

import numpy as np

from nnmat_kernels import unchecked as k

from ...calls import backward_equations, forward_equations
from ...checks import count, shown
from ...errors import ConfigError, ShapeError
from ...parameters import Parameter
from ..base import Layer
from ..checks import batch_shape

KINDS = ("learned", "sinusoidal")


class PositionalEmbedding(Layer):
    """A row for each place of a sequence, added to what stands there.

    Forward, with the first T rows P_T of a table P
        Y_b = X_b + P_T        for each sample b
    Backward, for the upstream gradient G = ∇_Y L
        gX = G        gP_T = Σ_b G_b, and 0 in the other rows        (`kind="learned"`)
    `kind="sinusoidal"`: P is constant, P_(t,2i) = sin(t ω_i) and P_(t,2i+1) = cos(t ω_i) with ω_i = 10000^(-2i/D)
    Shapes: X, Y, G, gX (B, T, D), P = `weight` (L, D) with L = `length` >= T; float32 or float64 as built.
    Errors: ConfigError (options), ShapeError (axes; a sequence longer than the table), DtypeError.
    Derivation: docs/derivations/PositionalEmbedding.md.
    Reference: docs/equations.md, section 3.12; A. Vaswani et al., "Attention is all you need", 2017.

    `length=None` takes that of the input at build. A learned table is drawn from N(0, 0.02²).
    """

    def __init__(self, length: int | None = None, kind: str = "learned"):
        super().__init__()
        self.length = None if length is None else count("PositionalEmbedding", "length", length)
        if kind not in KINDS:
            raise ConfigError(f"PositionalEmbedding: expected kind as one of {', '.join(KINDS)}, got {shown(kind)}.")
        self.weight = Parameter("weight", decay=False) if kind == "learned" else None
        self._kind = kind
        self._table: Any = None

    def output_shape(self, input_shape):
        if len(input_shape) != 2:
            raise ShapeError(f"{self.who}: expected input of shape (B, T, D), got {batch_shape(input_shape)}.")
        if self.length is not None and input_shape[0] > self.length:
            raise ShapeError(
                f"{self.who}: expected sequences of at most length = {self.length}, got {batch_shape(input_shape)}. "
                "Give a longer table, or shorter sequences."
            )
        return input_shape

    def own_parameters(self):
        return [] if self.weight is None else [self.weight]

    def declare(self, input_shape, rng):
        T, D = input_shape
        if self.weight is not None:
            shape = (T if self.length is None else self.length, D)
            self.weight.declare(shape, lambda rng, shape: 0.02 * rng.standard_normal(shape))
        else:
            angles = np.arange(T)[:, np.newaxis] * 10_000.0 ** (-np.arange(0, D, 2) / D)
            self._table = np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(T, -1)[:, :D].astype(self.dtype)

    def rows(self) -> np.ndarray:
        """P_T, the first rows of the table."""
        return self._table if self.weight is None else self.weight.value[: self.input_shape[0]]

    def _parted(self, A) -> tuple:
        """The rows of an array like P that are used, and the others, each as one vector."""
        used = math.prod(self.input_shape)
        return A.reshape(-1)[:used], A.reshape(-1)[used:]

    @forward_equations
    def forward(self, X, call):
        return k.add_to_rows(X, self.rows())  # Y_b = X_b + P_T

    @backward_equations
    def backward(self, G, call):
        if gP := call.into(self.weight):
            used, rest = self._parted(gP.out)
            k.column_sums(G.reshape(len(G), used.size), used, gP.accumulate)  # gP_T = Σ_b G_b
            if not gP.accumulate:
                k.fill(rest, 0.0)
        return G  # gX = G

    def config(self):
        return {"length": self.length, "kind": self._kind}
