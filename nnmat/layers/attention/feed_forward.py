"""The half of a Transformer that treats each place alone, with a gate."""

from nnmat_kernels import unchecked as k

from ... import initializers
from ...calls import backward_equations, forward_equations
from ...checks import count
from ..base import Layer
from ..dense.linear import Linear


class GatedFeedForward(Layer):
    """Two layers with a gate between them: what one half gives is weighted by the SiLU of the other (SwiGLU).

    Forward, without biases unless `bias`
        A = X W_gᵀ + 1 b_gᵀ        B = X W_uᵀ + 1 b_uᵀ        Z = silu(A) ⊙ B        Y = Z W_oᵀ + 1 b_oᵀ
    Backward, for the upstream gradient G = ∇_Y L
        gZ = G W_o        gB = gZ ⊙ silu(A)        gA = gZ ⊙ B ⊙ silu'(A)        gX = gA W_g + gB W_u
    Shapes: X, Y, G, gX (B, ..., D), A, B, Z (B, ..., H), D = `features`, H = `hidden`; float32 or float64 as built.
    Errors: ConfigError (options), ShapeError (width), DtypeError.
    Derivation: docs/derivations/GatedFeedForward.md.
    Reference: docs/equations.md, section 3.14; N. Shazeer, "GLU variants improve transformer", 2020.
    """

    def __init__(
        self,
        features: int,
        hidden: int,
        bias: bool = False,
        *,
        weight_initializer: str | initializers.Initializer = "glorot_uniform",
    ):
        super().__init__()
        self.features = count("GatedFeedForward", "features", features)
        self.hidden = count("GatedFeedForward", "hidden", hidden)
        self.gate, self.up = (Linear(features, hidden, bias, weight_initializer=weight_initializer) for _ in range(2))
        self.out = Linear(hidden, features, bias, weight_initializer=weight_initializer)

    def named_children(self):
        return [("gate", self.gate), ("up", self.up), ("out", self.out)]

    def child_shapes(self, input_shape):
        return [input_shape, input_shape, (*input_shape[:-1], self.hidden)]

    def output_shape(self, input_shape):
        self.gate.output_shape(input_shape)
        return input_shape

    @forward_equations
    def forward(self, X, call):
        A, B = self.gate.forward(X, call), self.up.forward(X, call)
        S = k.silu(A)
        call.keep(A=A, B=B, S=S)
        return self.out.forward(k.multiply(S, B), call)  # Y = (silu(A) ⊙ B) W_oᵀ + 1 b_oᵀ

    @backward_equations
    def backward(self, G, call):
        gZ = self.out.backward(G, call)
        gA = k.silu_backward(k.multiply(gZ, call.B), call.A)  # gA = gZ ⊙ B ⊙ silu'(A)
        gX = self.gate.backward(gA, call, input_gradient=call.wants_input)
        gX_up = self.up.backward(k.multiply(gZ, call.S), call, input_gradient=call.wants_input)  # of gB = gZ ⊙ silu(A)
        return k.add(gX, gX_up) if call.wants_input else None  # gX = gA W_g + gB W_u

    def config(self):
        own = {"features": self.features, "hidden": self.hidden, "bias": self.gate.bias is not None}
        chosen = self.gate.weight_initializer
        return own | ({"weight_initializer": chosen} if isinstance(chosen, str) else {})
