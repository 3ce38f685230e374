"""The fully connected layer."""

import numpy as np

from nnmat_kernels import unchecked as k

from .. import initializers
from ..calls import backward_equations, forward_equations
from ..checks import count, flag
from ..errors import ShapeError
from ..parameters import Parameter
from .base import Layer
from .checks import batch_shape

_NO_PLAN: tuple = (None, None, None)  # for what a pass is planned (shape, options, parameters), its function, result


class Linear(Layer):
    """Affine map of the last axis: every output is a weighted sum of all inputs plus a bias.

    Forward
        H = X Wᵀ + 1 bᵀ
    Backward, for the upstream gradient G = ∇_H L
        gW = Gᵀ X        gb = Gᵀ 1        gX = G W
    Shapes: X (B, N), W = `weight` (M, N), b = `bias` (M,), H and G (B, M); float32 or float64 as built. Inputs with
        more leading axes, such as (B, T, N), are treated as (B T, N).
    Errors: ConfigError (options), ShapeError (input width), DtypeError.
    Reference: docs/equations.md, section 3.1: LAW-2 and TR-4b applied to Tr(Gᵀ dH).

    `in_features=None` takes the width of the input at build. Initializers: a name of `nnmat.initializers` or a
    function (rng, shape, fan_in, fan_out) -> array.
    """

    recordable = True

    def __init__(
        self,
        in_features: int | None,
        out_features: int,
        bias: bool = True,
        *,
        weight_initializer: str | initializers.Initializer = "glorot_uniform",
        bias_initializer: str | initializers.Initializer = "zeros",
    ):
        super().__init__()
        self.in_features = None if in_features is None else count("Linear", "in_features", in_features)
        self.out_features = count("Linear", "out_features", out_features)
        self._width = (self.out_features,)
        self._forward_plan = self._backward_plan = _NO_PLAN
        self.weight_initializer = initializers.check("Linear", weight_initializer)
        self.bias_initializer = initializers.check("Linear", bias_initializer)
        self.weight = Parameter("weight", decay=True)
        self.bias = Parameter("bias", decay=False) if flag("Linear", "bias", bias) else None

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

    def own_parameters(self):
        return [self.weight] if self.bias is None else [self.weight, self.bias]

    def declare(self, input_shape, rng):
        N, M = input_shape[-1], self.out_features
        self.weight.declare((M, N), initializers.with_fans(self.weight_initializer, N, M))
        if self.bias is not None:
            self.bias.declare((M,), initializers.with_fans(self.bias_initializer, N, M))

    @forward_equations
    def forward(self, X, call, activation=None):
        key, plan = (X.shape, activation, self.weight, self.bias), self._forward_plan
        if not call.record or plan[0] != key:
            H = call.array("H", X.shape[:-1] + self._width, X.dtype)
            W, b = self.weight.value, None if self.bias is None else self.bias.value
            plan = key, k.linear_forward(W, b, _rows(H), activation), H
            if call.record:
                self._forward_plan = plan
        _, forward, H = plan
        forward(X if X.ndim == 2 else _rows(X))  # H = X Wᵀ + 1 bᵀ
        call.keep(X=X)
        return H

    def can_apply(self, activation):
        return self.fusion_with(activation) is not None  # Y = f(X Wᵀ + 1 bᵀ)

    @backward_equations
    def backward(self, G, call, activation=None):
        X = call.X
        key = X.shape, call.wants_parameters, call.wants_input, activation, self.weight, self.bias
        if self._backward_plan[0] != key:
            gW = self.weight.grad if call.wants_parameters else None
            gb = self.bias.grad if call.wants_parameters and self.bias is not None else None
            gX = call.array("gX", X.shape, X.dtype) if call.wants_input else None
            rows, own = X.size // X.shape[-1], None if gX is None else _rows(gX)
            self._backward_plan = key, k.linear_backward(rows, self.weight.value, gW, gb, own, activation), gX
        _, backward, gX = self._backward_plan
        if X.ndim != 2:
            G, X = _rows(G), _rows(X)
        backward(G, X, call.accumulate)  # gW = Gᵀ X, gb = Gᵀ 1, gX = G W
        return gX

    def can_differentiate(self, activation):
        return self.fusion_with(activation) is not None  # X = f(...), gX = G W ⊙ f'(...)

    def __getstate__(self):
        return {**super().__getstate__(), "_forward_plan": _NO_PLAN, "_backward_plan": _NO_PLAN}

    def flops(self):
        return 2 * int(np.prod(self.input_shape)) * self.out_features

    def config(self):
        return {
            "in_features": self.in_features,
            "out_features": self.out_features,
            "bias": self.bias is not None,
            **named_initializers(self),
        }


def _rows(X):
    return X if X.ndim == 2 else X.reshape(-1, X.shape[-1])  # (B, ..., N) -> (B ..., N)


def named_initializers(layer) -> dict:
    """The layer's initializers that have a name (a function cannot be saved; a loaded model does not need it)."""
    chosen = {"weight_initializer": layer.weight_initializer, "bias_initializer": layer.bias_initializer}
    return {key: name for key, name in chosen.items() if isinstance(name, str)}
