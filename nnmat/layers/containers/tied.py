"""One layer's parameters at a second place of a model."""

import copy
import math
from typing import Any

from nnmat_kernels import unchecked as k

from ...calls import backward_equations, forward_equations
from ...checks import flag
from ...errors import BuildError, ConfigError, ShapeError
from ...parameters import Parameter
from ..base import Layer
from ..checks import batch_shape
from ..dense.embedding import Embedding
from ..dense.linear import Linear


class Tied(Layer):
    """The equations of a layer once more, with the same parameters θ: a shared weight.

    Forward
        Y = F(X; θ)        `transpose`, of a Linear with the weight W: Y = X W; of an Embedding, E: Y = X Eᵀ
    Backward, for the upstream gradient G = ∇_Y L
        gX = F.backward(G), and the gradient of θ is the sum of the terms of all its places
        `transpose`: gX = G Wᵀ, and Xᵀ G is this place's term of gW; of an Embedding gX = G E, and Gᵀ X a term of gE
    Shapes: those of the layer; `transpose`: X (B, M), W (M, N), Y and G (B, N); X (B, ..., D), E (V, D), Y (B, ..., V).
    Errors: ConfigError (no layer; `transpose` of another layer than these two), BuildError (a layer that is built
        already, or does not stand before this one in the model), ShapeError (the parameters do not fit), DtypeError.
    Derivation: docs/derivations/Tied.md.
    Reference: docs/equations.md, sections 3.8, 3.12: LAW-1, TR-3.

    `layer` stands in the model itself, before this one: `Sequential([encode, Tanh(), Tied(encode, transpose=True)])` is
    an autoencoder of one weight; `Tied(embedding, transpose=True)` at the end of a language model gives a logit for
    each token. What a pass records, and buffers, each place has of its own. (A text is the path of the layer in the
    model, as a saved model has it.)
    """

    takes_several = True  # if the layer does

    def __init__(self, layer: Layer | str, transpose: bool = False):
        super().__init__()
        if not isinstance(layer, Layer | str):
            raise ConfigError(f"Tied: expected a layer of the same model, got {layer!r}.")
        self.layer, self.transpose = layer, flag("Tied", "transpose", transpose)
        self.twin: Any = None  # a Layer once it is tied
        if isinstance(layer, Layer):
            self.tie(layer)

    def tie(self, layer: Layer) -> None:
        """Share the parameters of this layer, which is not built yet."""
        if layer.built:
            raise BuildError(
                f"Tied: expected a layer that is not built yet, got {layer.who}. Make all layers first, then the model."
            )
        if self.transpose and isinstance(layer, Embedding):
            self.twin = TableHead(layer.weight, layer.tokens, layer.features)
        elif self.transpose:
            if not isinstance(layer, Linear) or layer.in_features is None:
                raise ConfigError(
                    "Tied: expected a Linear with in_features given, such as Linear(784, 64), or an Embedding, for "
                    f"transpose=True, got {layer!r}."
                )
            self.twin = TransposedLinear(layer.weight, layer.in_features, layer.out_features)
        else:
            shared: dict = {id(p): p for p in layer.parameters()}
            self.twin = copy.deepcopy(layer, shared)  # all of it but the parameters
        self.layer = layer

    def named_children(self):
        return [] if self.twin is None else [("twin", self.twin)]

    def output_shape(self, input_shape):
        if self.twin is None:
            raise BuildError(f"Tied: the layer at the path {self.layer!r} is not known yet. Pass the layer itself.")
        return self.twin.checked_output_shape(input_shape)

    def declare(self, input_shape, rng):
        if isinstance(self.layer, Layer) and not self.layer.built:
            raise BuildError(
                f"Tied: expected the layer that it repeats, {self.layer!r}, to stand before it in the same model."
            )

    def input_dtypes(self):
        return self.twin.input_dtype

    def hiding_inputs(self):
        return self.twin.hiding_inputs()

    @forward_equations
    def forward(self, X, call):
        return self.twin.forward(X, call)  # Y = F(X; θ)

    @backward_equations
    def backward(self, G, call):
        return self.twin.backward(G, call, input_gradient=call.wants_input)

    def config(self):
        layer = self.layer
        return {"layer": layer if isinstance(layer, str) else layer.path, "transpose": self.transpose}


class TransposedLinear(Layer):
    """Y = X W with the weight W (M, N) of a Linear: gW = Xᵀ G, gX = G Wᵀ. X (B, ..., M), Y and G (B, ..., N)."""

    def __init__(self, weight: Parameter, in_features: int, out_features: int):
        super().__init__()
        self.weight, self.in_features, self.out_features = weight, in_features, out_features

    def output_shape(self, input_shape):
        if not input_shape or input_shape[-1] != self.out_features:
            raise ShapeError(
                f"{self.who}: expected inputs of width {self.out_features}, that of the outputs of the Linear whose "
                f"weight it uses, got {batch_shape(input_shape)}."
            )
        return (*input_shape[:-1], self.in_features)

    def own_parameters(self):
        return [self.weight]

    @forward_equations
    def forward(self, X, call):
        call.keep(X=X)
        return k.matmul(X, self.weight.value)  # Y = X W

    @backward_equations
    def backward(self, G, call):
        if gW := call.into(self.weight):
            k.matmul(call.X, G, True, False, *gW)  # gW = Xᵀ G
        return k.matmul(G, self.weight.value, transpose_b=True) if call.wants_input else None  # gX = G Wᵀ

    def flops(self):
        return 2 * self.weight.size


def link(model: Layer) -> None:
    """Tie every `Tied` of a model that is not built to the layer at its path, as a saved model has them.

    Raises ConfigError for a path where there is no layer before it.
    """
    places: dict[str, Layer] = {}

    def walk(layer: Layer, path: str) -> None:
        places[path] = layer
        if isinstance(layer, Tied) and isinstance(layer.layer, str):
            if layer.layer not in places:
                known = ", ".join(map(repr, places))
                raise ConfigError(f"Tied: there is no layer {layer.layer!r} before it in the model. Known: {known}.")
            layer.tie(places[layer.layer])
        for name, child in layer.named_children():
            walk(child, f"{path}.{name}" if path else name)

    walk(model, "")


class TableHead(Layer):
    """Y = X Eᵀ with the table E (V, D) of an Embedding: gE = Gᵀ X, gX = G E. X (B, ..., D), Y and G (B, ..., V)."""

    def __init__(self, weight: Parameter, tokens: int, features: int):
        super().__init__()
        self.weight, self.tokens, self.features = weight, tokens, features

    def output_shape(self, input_shape):
        if not input_shape or input_shape[-1] != self.features:
            raise ShapeError(
                f"{self.who}: expected inputs of width {self.features}, that of the Embedding whose table it uses, got "
                f"{batch_shape(input_shape)}."
            )
        return (*input_shape[:-1], self.tokens)

    def own_parameters(self):
        return [self.weight]

    @forward_equations
    def forward(self, X, call):
        call.keep(X=X)
        return k.matmul(X, self.weight.value, transpose_b=True)  # Y = X Eᵀ

    @backward_equations
    def backward(self, G, call):
        if gE := call.into(self.weight):
            k.matmul(G, call.X, True, False, *gE)  # gE = Gᵀ X
        return k.matmul(G, self.weight.value) if call.wants_input else None  # gX = G E

    def flops(self):
        return 2 * self.weight.size * math.prod(self.input_shape[:-1])
