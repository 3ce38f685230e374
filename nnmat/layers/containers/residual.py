"""The residual connection."""

from nnmat_kernels import unchecked as k

from ...calls import backward_equations, forward_equations
from ...errors import ConfigError, ShapeError
from ..base import Layer, check_layers
from ..checks import batch_shape


class Residual(Layer):
    """The input, and what a block makes of it, added up.

    Forward, with the shortcut S, the identity if it is None
        Y = S(X) + F(X)
    Backward, for the upstream gradient G = ∇_Y L: the Jacobian is J_S + J_F
        gX = S.backward(G) + F.backward(G)
    Shapes: X (B, ...); S(X), F(X), Y and G of one shape; float32 or float64 as built.
    Errors: ConfigError (no layer), ShapeError (what the block gives does not fit), DtypeError.
    Derivation: docs/derivations/Residual.md.
    Reference: docs/equations.md, section 3.8; K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image
        recognition", 2016.

    `shortcut` is a layer for a block that changes the shape, such as Conv2d(None, 32, 1, stride=2).
    """

    def __init__(self, block: Layer, shortcut: Layer | None = None):
        super().__init__()
        check_layers("Residual", [block])
        if shortcut is not None:
            check_layers("Residual", [shortcut])
        self.block, self.shortcut = block, shortcut

    def named_children(self):
        found = [("block", self.block)]
        return found if self.shortcut is None else [*found, ("shortcut", self.shortcut)]

    def output_shape(self, input_shape):
        given = self.block.checked_output_shape(input_shape)
        other = input_shape if self.shortcut is None else self.shortcut.checked_output_shape(input_shape)
        if given != other:
            raise ShapeError(
                f"{self.who}: expected a block that gives the shape of the shortcut, {batch_shape(other)}, got "
                f"{batch_shape(given)}. Give a shortcut that changes the shape in the same way."
            )
        return given

    def input_dtypes(self):
        for layer in self.children():
            if layer.input_dtype is not layer.dtype:
                raise ConfigError(f"{layer.who}: it takes tokens, to which nothing can be added. Put it before.")
        return self.dtype

    @forward_equations
    def forward(self, X, call):
        H = self.block.forward(X, call)
        return k.add(X if self.shortcut is None else self.shortcut.forward(X, call), H)  # Y = S(X) + F(X)

    @backward_equations
    def backward(self, G, call):
        gX = self.block.backward(G, call, input_gradient=call.wants_input)
        if self.shortcut is not None:
            G = self.shortcut.backward(G, call, input_gradient=call.wants_input)
        return k.add(G, gX) if call.wants_input else None  # gX = S.backward(G) + F.backward(G)

    def config(self):
        return {"block": self.block.spec(), "shortcut": None if self.shortcut is None else self.shortcut.spec()}

    def __repr__(self) -> str:
        return f"Residual({self.block!r}{'' if self.shortcut is None else f', {self.shortcut!r}'})"
