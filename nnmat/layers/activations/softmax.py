"""The softmax as a layer, with its true Jacobian."""

from nnmat_kernels import unchecked as k

from ...calls import backward_equations, forward_equations
from ...errors import ShapeError
from ..base import Layer


class Softmax(Layer):
    """The softmax of every row (the last axis): positive numbers that sum to 1.

    Forward
        P = diag(E 1)⁻¹ E,   E = exp(X)
    Backward, for the upstream gradient G = ∇_P L, with the Jacobian diag(p) - p pᵀ of every row
        gX = P ⊙ (G - ((G ⊙ P) 1) 1ᵀ)
    Shapes: X, P, G, gX (B, ..., M); float32 or float64 as built.
    Errors: ShapeError (no axis beside the batch), DtypeError.
    Reference: docs/equations.md, section 3.6: LAW-10.

    To train a classifier use the loss `SoftmaxCrossEntropy` on the logits instead: there the two derivatives fuse into
    P - Y, which neither cancels nor vanishes.
    """

    def output_shape(self, input_shape):
        if not input_shape:
            raise ShapeError(f"{self.who}: expected input of shape (B, ..., M), got (B,). It has no row to normalise.")
        return input_shape

    @forward_equations
    def forward(self, X, call):
        P = k.softmax(X)  # P = softmax(X), row by row
        call.keep(P=P)
        return P

    @backward_equations
    def backward(self, G, call):
        return k.softmax_backward(G, call.P)  # gX = P ⊙ (G - ((G ⊙ P) 1) 1ᵀ)
