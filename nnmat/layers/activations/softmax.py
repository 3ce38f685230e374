"""The softmax and its logarithm as layers, with their true Jacobians."""

import numpy as np

from nnmat_kernels import unchecked as k

from ...calls import backward_equations, forward_equations
from ...checks import shown
from ...errors import ConfigError, ShapeError
from ..base import Layer
from ..checks import batch_shape


class Normalised(Layer):
    """What is normalised along one axis that is not the batch's."""

    def __init__(self, axis: int):
        super().__init__()
        if isinstance(axis, bool) or not isinstance(axis, int | np.integer) or axis == 0:
            raise ConfigError(
                f"{self.kind}: expected axis as an integer that is not 0, the axis of the batch, got {shown(axis)}. "
                "Try -1: the last axis, which is that of the channels."
            )
        self.axis = int(axis)

    def output_shape(self, input_shape):
        axes = len(input_shape)
        if not axes:
            raise ShapeError(f"{self.who}: expected input of shape (B, ..., M), got (B,). It has no row to normalise.")
        if abs(self.axis) > axes:
            raise ShapeError(
                f"{self.who}: expected axis from 1 to {axes}, or from {-axes} to -1, for inputs of shape "
                f"{batch_shape(input_shape)}, got {self.axis}."
            )
        return input_shape

    @property
    def place(self) -> int:
        """The axis as the kernels count it: -1 for the last one, else from 0."""
        axes = len(self.input_shape) + 1
        return -1 if self.axis % axes == axes - 1 else self.axis % axes

    def config(self):
        return {} if self.axis == -1 else {"axis": self.axis}


class Softmax(Normalised):
    """The softmax of every row, or along another axis: positive numbers that sum to 1.

    Forward
        P = diag(E 1)⁻¹ E,   E = exp(X)
    Backward, for the upstream gradient G = ∇_P L, with the Jacobian diag(p) - p pᵀ of every row
        gX = P ⊙ (G - ((G ⊙ P) 1) 1ᵀ)
    Shapes: X, P, G, gX (B, ..., M); float32 or float64 as built. A row lies along `axis`, counted with the batch, which
        is axis 0: the last one, -1, is that of the channels.
    Errors: ConfigError (axis), ShapeError (no such axis beside the batch), DtypeError.
    Derivation: docs/derivations/Softmax.md.
    Reference: docs/equations.md, section 3.6: LAW-10.

    To train a classifier use the loss `SoftmaxCrossEntropy` on the logits instead: there the two derivatives fuse into
    P - Y, which neither cancels nor vanishes.
    """

    def __init__(self, axis: int = -1):
        super().__init__(axis)

    @forward_equations
    def forward(self, X, call):
        P = k.softmax(X, None, self.place)  # P = softmax(X), row by row
        call.keep(P=P)
        return P

    @backward_equations
    def backward(self, G, call):
        return k.softmax_backward(G, call.P, None, self.place)  # gX = P ⊙ (G - ((G ⊙ P) 1) 1ᵀ)


class LogSoftmax(Normalised):
    """The logarithm of the softmax of every row, or along another axis.

    Forward
        Y = X - lse(X) 1ᵀ,   lse(X) = log(exp(X) 1)
    Backward, for the upstream gradient G = ∇_Y L, with the Jacobian I - 1 pᵀ of every row, p = exp(y)
        gX = G - diag(G 1) exp(Y)
    Shapes: X, Y, G, gX (B, ..., M); float32 or float64 as built. A row lies along `axis`, counted with the batch, which
        is axis 0: the last one, -1, is that of the channels.
    Errors: ConfigError (axis), ShapeError (no such axis beside the batch), DtypeError.
    Derivation: docs/derivations/LogSoftmax.md.
    Reference: docs/equations.md, section 3.6: LAW-10.

    No logarithm of a rounded probability is taken: a row that is nearly sure keeps its digits. The losses take the
    logits before it.
    """

    def __init__(self, axis: int = -1):
        super().__init__(axis)

    @forward_equations
    def forward(self, X, call):
        Y = k.log_softmax(X, None, self.place)  # Y = X - lse(X) 1ᵀ
        call.keep(Y=Y)
        return Y

    @backward_equations
    def backward(self, G, call):
        return k.log_softmax_backward(G, call.Y, None, self.place)  # gX = G - diag(G 1) exp(Y)
