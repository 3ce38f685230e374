"""The chain of layers."""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from ...calls import backward_equations, forward_equations
from ...checks import generator
from ...errors import ConfigError, ShapeError
from ...habits import list_of_layers
from .. import observing
from ..base import Layer


class Sequential(Layer):
    """Layers one after the other; itself a layer.

    Forward
        Z_0 = X,   Z_i = layer_i(Z_{i-1}),   Y = Z_n
    Backward: the chain rule, from the last layer to the first
        G_n = G,   G_{i-1} = layer_i.backward(G_i),   gX = G_0
    Shapes: those of the layers, checked against each other at build. With `input_shape` (of one sample) the model is
        built at once: parameters in `dtype` (float32 or float64), drawn from `seed`; without, a bigger model or
        `build` does it.
    Errors: ConfigError (no layers, or not layers; seed), ShapeError (naming the layer that does not fit), BuildError.
    Reference: docs/equations.md, section 3.8: MOT-1.
    """

    recordable = True

    def __init__(
        self,
        layers: Iterable[Layer],
        input_shape: int | tuple | list | None = None,
        seed: int | np.random.Generator = 0,
        dtype: npt.DTypeLike = np.float32,
    ):
        super().__init__()
        layers = list_of_layers("Sequential", layers)
        if not layers:
            raise ConfigError("Sequential: expected at least one layer, got none.")
        for i, layer in enumerate(layers):
            if not isinstance(layer, Layer):
                raise ConfigError(
                    f"Sequential: expected layers, got {layer!r} at place {i}."
                    f"{f' Did you forget the parentheses: {layer.__name__}()?' if isinstance(layer, type) else ''}"
                )
        self.layers = layers
        rng = generator("Sequential", "seed", seed)
        if input_shape is not None:
            self.build(input_shape, rng=rng, dtype=dtype)

    def named_children(self):
        return [(str(i), layer) for i, layer in enumerate(self.layers)]

    def child_shapes(self, input_shape):
        return self._shapes(input_shape)[:-1]

    def _shapes(self, input_shape) -> list:
        """The shape before the first layer, between the layers, and after the last."""
        shapes = [input_shape]
        for i, layer in enumerate(self.layers):
            try:
                shapes.append(layer.output_shape(shapes[-1]))
            except ShapeError as error:
                if layer.built:
                    raise
                raise ShapeError(f"{self.who}, layer {i}: {error}") from None
        return shapes

    def output_shape(self, input_shape):
        return self._shapes(input_shape)[-1]

    def declare(self, input_shape, rng):
        # The first layer that has parameters: with input_gradient=False nothing before it has to run backward.
        has_parameters = [bool(layer.parameters()) for layer in self.layers]
        self._first = has_parameters.index(True) if any(has_parameters) else len(self.layers)
        # A layer, and the activation behind it if the layer can apply that on the way; such a pair is one pass.
        self._single: list[tuple[Layer, Layer | None]] = [(layer, None) for layer in self.layers]
        self._chain: list[tuple[Layer, Layer | None]] = []
        for layer in self.layers:
            before, taken = self._chain[-1] if self._chain else (None, None)
            if before is not None and taken is None and before.can_apply(layer):
                self._chain[-1] = before, layer
            else:
                self._chain.append((layer, None))
        self._backward_chains = {first: self._backward_chain(first) for first in (0, self._first, len(self.layers))}

    def _backward_chain(self, first: int, fused: bool = True) -> list[tuple[Layer, Layer | None, bool]]:
        """From the last layer to number `first`: each one, the activation before it if it applies the derivative of
        that on the way, and whether its input gradient is needed in any case."""
        chain: list[tuple[Layer, Layer | None, bool]] = []
        i = len(self.layers) - 1
        while i >= first:
            layer, before = self.layers[i], self.layers[i - 1] if i > first else None
            pair = fused and before is not None and layer.can_differentiate(before)
            chain.append((layer, before if pair else None, i > first))
            i -= 2 if pair else 1
        return chain

    @forward_equations
    def forward(self, X, call):
        Z, training, record = X, call.training, call.record
        for layer, activation in self._single if observing.blocks and observing.observed() else self._chain:
            if activation is None:
                Z = layer.run_forward(Z, training, record)
            else:
                Z = layer.run_forward_with(activation, Z, training, record)
        return Z

    @backward_equations
    def backward(self, G, call):
        accumulate, parameters, input_gradient = call.accumulate, call.wants_parameters, call.wants_input
        keep = call.keeps
        first = 0 if input_gradient else self._first if parameters else len(self.layers)
        chain = self._backward_chains[first]
        if observing.blocks and observing.observed():
            chain = self._backward_chain(first, fused=False)
        for layer, activation, inner in chain:
            if activation is None:
                G = layer.run_backward(G, accumulate, parameters, inner or input_gradient, keep)
            else:
                G = layer.run_backward_with(activation, G, accumulate, parameters, keep)
        return G

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __getitem__(self, i: int) -> Layer:
        return self.layers[i]

    def config(self):
        return {"layers": [layer.spec() for layer in self.layers]}

    def __repr__(self) -> str:
        return f"Sequential([{', '.join(map(repr, self.layers))}])"
