"""The chain of layers."""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from ...calls import backward_equations, forward_equations
from ...checks import generator
from ...errors import ConfigError, ShapeError
from ...habits import list_of_layers
from ..base import Layer, check_layers


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
    Derivation: docs/derivations/Sequential.md.
    Reference: docs/equations.md, section 3.8: MOT-1.
    """

    takes_several = True  # if the first layer does

    def __init__(
        self,
        layers: Iterable[Layer],
        input_shape: int | tuple | list | None = None,
        seed: int | np.random.Generator = 0,
        dtype: npt.DTypeLike = np.float32,
    ):
        super().__init__()
        self.layers = layers = list_of_layers("Sequential", layers)
        if not layers:
            raise ConfigError("Sequential: expected at least one layer, got none.")
        check_layers("Sequential", layers)
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
                shapes.append(layer.checked_output_shape(shapes[-1]))
            except ShapeError as error:
                if layer.built:
                    raise
                raise ShapeError(f"{self.who}, layer {i}: {error}") from None
        return shapes

    def output_shape(self, input_shape):
        return self._shapes(input_shape)[-1]

    def declare(self, input_shape, rng):
        # The first layer that has parameters: with input_gradient=False nothing before it has to run backward.
        self._first = next((i for i, layer in enumerate(self.layers) if layer.parameters()), len(self.layers))

    def input_dtypes(self):
        for layer in self.layers[1:]:
            if layer.input_dtype is not layer.dtype:
                raise ConfigError(
                    f"{layer.who}: it takes tokens, and the layer before it gives numbers. Put it first of all."
                )
        return self.layers[0].input_dtype

    def hiding_inputs(self):
        return self.layers[0].hiding_inputs()

    @forward_equations
    def forward(self, X, call):
        for layer in self.layers:
            X = layer.forward(X, call)  # Z_i = layer_i(Z_{i-1})
        return X

    @backward_equations
    def backward(self, G, call):
        first = 0 if call.wants_input else self._first if call.wants_parameters else len(self.layers)
        for i in reversed(range(first, len(self.layers))):
            G = self.layers[i].backward(G, call, input_gradient=i > first or call.wants_input)  # G_{i-1}
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
