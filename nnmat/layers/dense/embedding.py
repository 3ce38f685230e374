"""Tokens as rows of a table."""

from nnmat_kernels import unchecked as k

from ... import initializers
from ...calls import backward_equations, forward_equations
from ...checks import count
from ...parameters import Parameter
from ..base import Layer
from ..checks import TOKENS


class Embedding(Layer):
    """The row of a table for each token, an integer.

    Forward, with the one-hot row of each token in Z
        Y = Z E
    Backward, for the upstream gradient G = ∇_Y L
        gE = Zᵀ G: row v is the sum of the rows of G at the places of token v        (tokens have no gradient)
    Shapes: X (B, ...) of integers from 0 to V - 1, E = `weight` (V, D), Y and G (B, ..., D); float32 or float64 as
        built. V = `tokens`, D = `features`.
    Errors: ConfigError (options), ShapeError, DtypeError (X holds no integers), LabelError (a token out of range).
    Derivation: docs/derivations/Embedding.md.
    Reference: docs/equations.md, section 3.12.

    It stands first in a model, or first in a branch that has an input of its own. `backward` returns None for the
    gradient of X. The initializer is called with fan_in = D, so that a head with the same weight,
    `Tied(embedding, transpose=True)`, gives logits of the size of its input.
    """

    def __init__(
        self, tokens: int, features: int, *, weight_initializer: str | initializers.Initializer = "lecun_normal"
    ):
        super().__init__()
        self.tokens, self.features = count("Embedding", "tokens", tokens), count("Embedding", "features", features)
        self.weight_initializer = initializers.check("Embedding", weight_initializer)
        self.weight = Parameter("weight", decay=True)

    def output_shape(self, input_shape):
        return (*input_shape, self.features)

    def own_parameters(self):
        return [self.weight]

    def declare(self, input_shape, rng):
        draw = initializers.with_fans(self.weight_initializer, self.features, self.tokens)
        self.weight.declare((self.tokens, self.features), draw)

    def input_dtypes(self):
        return TOKENS

    @forward_equations
    def forward(self, X, call):
        call.keep(X=X)
        return k.embedding(self.weight.value, X)  # Y = Z E

    @backward_equations
    def backward(self, G, call):
        if gE := call.into(self.weight):
            k.embedding_backward(G, call.X, self.tokens, *gE)  # gE = Zᵀ G
        return None

    def config(self):
        named = {"weight_initializer": self.weight_initializer} if isinstance(self.weight_initializer, str) else {}
        return {"tokens": self.tokens, "features": self.features, **named}
