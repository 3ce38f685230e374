"""What recurrent layers share: weights for the inputs and for the state before, and what is given back."""

import numpy as np

from nnmat_kernels import unchecked as k

from ... import initializers
from ...checks import count, flag
from ...errors import ShapeError
from ...parameters import Parameter
from ..base import Layer
from ..checks import batch_shape
from ..dense.linear import Linear


class Recurrence(Layer):
    """A layer of a state H_t (B, N) that goes on from step to step; `gates` pre-activations for each unit.

    `in_proj` makes A = X W_xᵀ + 1 bᵀ of all steps, `weight` is W_h (gates N, N). `last`: only H_T is given back.
    `states`: X is a tuple, and its other parts are the states (B, N) before the first step, which are 0 else.
    """

    takes_several = True
    gates = 1
    states_of = 1  # states that a step hands on

    def __init__(
        self,
        in_features: int,
        hidden: int,
        bias: bool = True,
        *,
        last: bool = False,
        states: bool = False,
        weight_initializer: str | initializers.Initializer = "glorot_uniform",
    ):
        super().__init__()
        self.in_features = count(self.kind, "in_features", in_features)
        self.hidden = count(self.kind, "hidden", hidden)
        self.last, self.states = flag(self.kind, "last", last), flag(self.kind, "states", states)
        self.weight_initializer = initializers.check(self.kind, weight_initializer)
        self.in_proj = Linear(
            self.in_features, self.gates * self.hidden, bias, weight_initializer=self.weight_initializer
        )
        self.weight = Parameter("weight", decay=True)

    def named_children(self):
        return [("in_proj", self.in_proj)]

    def own_parameters(self):
        return [self.weight]

    def _sequence(self, input_shape):
        """The shape of X without states, all checked."""
        several = bool(input_shape) and isinstance(input_shape[0], tuple)
        shapes = input_shape if several else (input_shape,)
        wanted = 1 + (self.states_of if self.states else 0)
        if several != self.states or len(shapes) != wanted:
            raise ShapeError(f"{self.who}: expected {wanted} inputs, got {batch_shape(input_shape)}.")
        if len(shapes[0]) != 2 or shapes[0][1] != self.in_features:
            raise ShapeError(
                f"{self.who}: expected sequences of shape (B, T, {self.in_features}), got {batch_shape(shapes[0])}."
            )
        for shape in shapes[1:]:
            if shape != (self.hidden,):
                raise ShapeError(
                    f"{self.who}: expected first states of shape (B, {self.hidden}), got {batch_shape(shape)}."
                )
        return shapes[0]

    def child_shapes(self, input_shape):
        return [self._sequence(input_shape)]

    def output_shape(self, input_shape):
        T, _ = self._sequence(input_shape)
        return (self.hidden,) if self.last else (T, self.hidden)

    def declare(self, input_shape, rng):
        N = self.hidden
        self.weight.declare((self.gates * N, N), initializers.with_fans(self.weight_initializer, N, self.gates * N))

    def parted(self, X) -> tuple:
        """X, and the states before the first step, or None."""
        return X if self.states else (X, *(None,) * self.states_of)

    def given_back(self, H):
        """All states, or the last one."""
        T, N = H.shape[1:]
        return k.copy_columns(H.reshape(len(H), T * N), (T - 1) * N, N) if self.last else H

    def of_all_steps(self, G, T: int):
        """The gradients of all states, given those of what was given back."""
        if not self.last:
            return G
        B, N = G.shape
        every = np.empty((B, T, N), G.dtype)
        k.fill(every, 0.0)
        k.paste_columns(G, every.reshape(B, T * N), (T - 1) * N)
        return every

    def input_gradients(self, gA, first: tuple, call):
        """gX = gA W_x, and the gradients of the first states."""
        gX = self.in_proj.backward(gA, call, input_gradient=call.wants_input)
        if not call.wants_input:
            return None
        return (gX, *first) if self.states else gX

    def flops(self):
        T, _ = self._sequence(self.input_shape)
        return super().flops() + 2 * T * self.gates * self.hidden**2

    def config(self):
        own = {"in_features": self.in_features, "hidden": self.hidden, "bias": self.in_proj.bias is not None}
        own |= {"last": self.last, "states": self.states}
        named = isinstance(self.weight_initializer, str)
        return own | ({"weight_initializer": self.weight_initializer} if named else {})
