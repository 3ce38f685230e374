"""Layers side by side: what `Add` and `Concatenate` share."""

import functools
from collections.abc import Iterable

import numpy as np

from nnmat_kernels import unchecked as k

from ...errors import ConfigError, ShapeError
from ...habits import list_of_layers
from ..base import Layer, check_layers
from ..checks import Shape


class Branches(Layer):
    """Layers F_1 ... F_n whose outputs are put together; None among them stands for the identity.

    With one input all branches get it, and their input gradients add up; with several, a tuple, each gets its own.
    `layers=None`: the identity of each of several inputs.
    """

    takes_several = True

    def __init__(self, layers: Iterable[Layer | None] | None = None):
        super().__init__()
        self.layers = None if layers is None else list_of_layers(self.kind, layers)
        if self.layers is not None and len(self.layers) < 1:
            raise ConfigError(
                f"{self.kind}: expected at least one layer, got none. {self.kind}() takes several inputs."
            )
        check_layers(self.kind, self.layers or [], ", or None for the input itself")

    def named_children(self):
        return [(str(i), layer) for i, layer in enumerate(self.layers or ()) if layer is not None]

    def child_shapes(self, input_shape):
        return [shape for layer, shape in self.branches(input_shape) if layer is not None]

    def branches(self, input_shape: Shape) -> list[tuple[Layer | None, Shape]]:
        """Each branch with the shape of its input; raises ShapeError if there are not as many inputs as branches."""
        several = len(input_shape) > 0 and isinstance(input_shape[0], tuple)
        layers = [None] * len(input_shape) if self.layers is None and several else self.layers
        if layers is None:
            raise ShapeError(
                f"{self.who}: expected several inputs, got one of shape {input_shape}. Give the layers that it goes "
                f"through, such as {self.kind}([None, Linear(...)]), where None is the input itself."
            )
        if several and len(layers) != len(input_shape):
            raise ShapeError(
                f"{self.who}: expected {len(layers)} inputs, one for each layer, got {len(input_shape)}. "
                "None among the layers passes its input on as it is."
            )
        return list(zip(layers, input_shape if several else [input_shape] * len(layers), strict=True))

    def branch_shapes(self, input_shape: Shape) -> list[Shape]:
        """The shape of what each branch gives."""
        return [
            shape if layer is None else layer.checked_output_shape(shape) for layer, shape in self.branches(input_shape)
        ]

    def declare(self, input_shape, rng):
        self._several = isinstance(input_shape[0], tuple) if input_shape else False
        self._branches = [layer for layer, _ in self.branches(input_shape)]

    def input_dtypes(self):
        found = tuple(self.dtype if layer is None else layer.input_dtype for layer in self._branches)
        if self._several:
            return found
        if any(dtype != found[0] for dtype in found):
            raise ConfigError(f"{self.who}: some of its layers take tokens and some numbers. Give each an input.")
        return found[0]

    def hiding_inputs(self):
        found = tuple(layer is not None and layer.hiding_inputs() for layer in self._branches)
        return found if self._several else all(found)

    def run_branches(self, X, call) -> list[np.ndarray]:
        """F_i(X_i) for each branch."""
        inputs = X if self._several else [X] * len(self._branches)
        return [Z if layer is None else layer.forward(Z, call) for layer, Z in zip(self._branches, inputs, strict=True)]

    def run_branches_backward(self, parts: list[np.ndarray], call):
        """gX from the gradients of what the branches gave: a tuple, or the sum where they have one input."""
        found = [
            G if layer is None else layer.backward(G, call, input_gradient=call.wants_input)
            for layer, G in zip(self._branches, parts, strict=True)
        ]
        if not call.wants_input:
            return None
        if self._several:
            return tuple(found)
        return None if found[0] is None else functools.reduce(k.add, found)  # gX = Σ_i gX_i; tokens have none

    def config(self):
        layers = self.layers
        return {"layers": None if layers is None else [None if layer is None else layer.spec() for layer in layers]}

    def __repr__(self) -> str:
        return f"{self.kind}({'' if self.layers is None else self.layers})"
