"""The fully connected layer."""

import numpy as np

from nnmat_kernels import unchecked as k

from ... import initializers
from ...calls import backward_equations, forward_equations
from ...checks import count, flag
from ...errors import ShapeError
from ...parameters import Parameter
from ..base import Layer
from ..checks import batch_shape


class Weighted(Layer):
    """A layer with a weight and, if wanted, a bias."""

    def __init__(self, bias: bool, weight_initializer, bias_initializer):
        super().__init__()
        self.weight_initializer = initializers.check(self.kind, weight_initializer)
        self.bias_initializer = initializers.check(self.kind, bias_initializer)
        self.weight = Parameter("weight", decay=True)
        self.bias = Parameter("bias", decay=False) if flag(self.kind, "bias", bias) else None

    def own_parameters(self):
        return [self.weight] if self.bias is None else [self.weight, self.bias]

    def declare_weighted(self, shape: tuple[int, ...], fan_in: int, fan_out: int, outputs: int | None = None) -> None:
        """Declare a weight of this shape, and a bias of so many numbers, by default one for each row of the weight."""
        self.weight.declare(shape, initializers.with_fans(self.weight_initializer, fan_in, fan_out))
        if self.bias is not None:
            draw = initializers.with_fans(self.bias_initializer, fan_in, fan_out)
            self.bias.declare((shape[0] if outputs is None else outputs,), draw)

    def config(self):
        # An initializer that is a function cannot be saved; a loaded model does not need it.
        chosen = {"weight_initializer": self.weight_initializer, "bias_initializer": self.bias_initializer}
        return {"bias": self.bias is not None, **{key: name for key, name in chosen.items() if isinstance(name, str)}}


class Linear(Weighted):
    """Affine map of the last axis: every output is a weighted sum of all inputs plus a bias.

    Forward
        H = X Wᵀ + 1 bᵀ
    Backward, for the upstream gradient G = ∇_H L
        gW = Gᵀ X        gb = Gᵀ 1        gX = G W
    Shapes: X (B, N), W = `weight` (M, N), b = `bias` (M,), H and G (B, M); float32 or float64 as built. Inputs with
        more leading axes, such as (B, T, N), are treated as (B T, N).
    Errors: ConfigError (options), ShapeError (input width), DtypeError.
    Derivation: docs/derivations/Linear.md.
    Reference: docs/equations.md, section 3.1: LAW-2 and TR-4b applied to Tr(Gᵀ dH).

    `in_features=None` takes the width of the input at build. Initializers: a name of `nnmat.initializers` or a
    function (rng, shape, fan_in, fan_out) -> array.
    """

    def __init__(
        self,
        in_features: int | None,
        out_features: int,
        bias: bool = True,
        *,
        weight_initializer: str | initializers.Initializer = "glorot_uniform",
        bias_initializer: str | initializers.Initializer = "zeros",
    ):
        super().__init__(bias, weight_initializer, bias_initializer)
        self.in_features = None if in_features is None else count("Linear", "in_features", in_features)
        self.out_features = count("Linear", "out_features", out_features)

    def output_shape(self, input_shape):
        if not input_shape or (self.in_features is None and len(input_shape) > 1):
            raise ShapeError(
                f"{self.who}: expected input of shape (B, N), got {batch_shape(input_shape)}. "
                "Put Flatten() before it, or give in_features."
            )
        if self.in_features is not None and input_shape[-1] != self.in_features:
            hint = " Put Flatten() before it." if int(np.prod(input_shape)) == self.in_features else ""
            raise ShapeError(
                f"{self.who}: expected inputs of width {self.in_features}, got shape {batch_shape(input_shape)}."
                f"{hint or ' Give in_features=None to infer it.'}"
            )
        return (*input_shape[:-1], self.out_features)

    def declare(self, input_shape, rng):
        N, M = input_shape[-1], self.out_features
        self.declare_weighted((M, N), N, M)

    @forward_equations
    def forward(self, X, call):
        call.keep(X=X)
        b = None if self.bias is None else self.bias.value
        return k.matmul(X, self.weight.value, transpose_b=True, bias=b)  # H = X Wᵀ + 1 bᵀ

    @backward_equations
    def backward(self, G, call):
        if gW := call.into(self.weight):
            k.matmul(G, call.X, True, False, *gW)  # gW = Gᵀ X
        if gb := call.into(self.bias):
            k.column_sums(G, *gb)  # gb = Gᵀ 1
        return k.matmul(G, self.weight.value) if call.wants_input else None  # gX = G W

    def flops(self):
        return 2 * int(np.prod(self.input_shape)) * self.out_features

    def config(self):
        return {"in_features": self.in_features, "out_features": self.out_features, **super().config()}
