"""The block that Transformers are made of."""

from nnmat_kernels import unchecked as k

from ... import initializers
from ...calls import backward_equations, forward_equations
from ...checks import count, flag, number, shown
from ...errors import ConfigError
from ..activations.gelu import GELU
from ..base import Layer
from ..containers.sequential import Sequential
from ..dense.dropout import Dropout
from ..dense.linear import Linear
from ..normalisation.layer_norm import LayerNorm, RMSNorm
from ..summary import options
from .feed_forward import GatedFeedForward
from .multi_head import MultiHeadAttention

FEED_FORWARDS, NORMS = ("gelu", "gelu_tanh", "gated"), ("layer", "rms")


class TransformerBlock(Layer):
    """Attention between the places of a sequence, then two layers at each place, both beside the identity.

    Forward, with the attention A, the two layers F, and a norm before each (pre-norm)
        U = X + A(N₁(X))        Y = U + F(N₂(U))
    Backward, for the upstream gradient G = ∇_Y L
        gU = G + N₂.backward(F.backward(G))        gX = gU + N₁.backward(A.backward(gU))
    Shapes: X, Y, G, gX (B, T, D), D = `features`; float32 or float64 as built. With `key_mask` X is a tuple, and
        booleans (B, T) are the second part, True where a place counts.
    Errors: ConfigError (options), ShapeError, DtypeError.
    Derivation: docs/derivations/TransformerBlock.md.
    Reference: docs/equations.md, section 3.14; R. Xiong et al., "On layer normalization in the transformer
        architecture", 2020.

    F is Linear(D, H), GELU(), Linear(H, D) with H = `hidden` (4 D) for `feed_forward="gelu"`, the same with
    GELU("tanh") for "gelu_tanh", and GatedFeedForward(D, H) for "gated". `norm`: "layer" or "rms". `bias=False` leaves
    out all biases and shifts. `rate` drops weights of the attention, and elements of A's and F's outputs. `causal`,
    `rotary`: see `MultiHeadAttention`.
    """

    takes_several = True

    def __init__(
        self,
        features: int,
        heads: int,
        hidden: int | None = None,
        *,
        causal: bool = False,
        key_mask: bool = False,
        rate: float = 0.0,
        feed_forward: str = "gelu",
        norm: str = "layer",
        bias: bool = True,
        rotary: bool = False,
        weight_initializer: str | initializers.Initializer = "glorot_uniform",
    ):
        super().__init__()
        who = "TransformerBlock"
        self.features, self.heads = count(who, "features", features), heads
        self.hidden = 4 * self.features if hidden is None else count(who, "hidden", hidden)
        self.rate = number(who, "rate", rate, 0.0, 1.0, hint="Try 0.1.")
        self.bias, self.key_mask = flag(who, "bias", bias), flag(who, "key_mask", key_mask)
        for name, value, known in (("feed_forward", feed_forward, FEED_FORWARDS), ("norm", norm, NORMS)):
            if value not in known:
                raise ConfigError(f"{who}: expected {name} as one of {', '.join(known)}, got {shown(value)}.")
        self.norm, self.causal, self.rotary = norm, causal, rotary
        self._kind, self._initializer = feed_forward, initializers.check(who, weight_initializer)
        self.norm1, self.norm2 = self._norm(), self._norm()
        self.attention = MultiHeadAttention(
            self.features, heads, causal=causal, key_mask=key_mask, rate=rate, rotary=rotary, bias=bias,
            weight_initializer=weight_initializer,
        )  # fmt: skip
        self.feed_forward = self._feed_forward()
        self.drop1, self.drop2 = (Dropout(self.rate) if self.rate else None for _ in range(2))

    def _norm(self) -> Layer:
        return LayerNorm(self.features, bias=self.bias) if self.norm == "layer" else RMSNorm(self.features)

    def _feed_forward(self) -> Layer:
        D, H = self.features, self.hidden
        if self._kind == "gated":
            return GatedFeedForward(D, H, self.bias, weight_initializer=self._initializer)
        up, down = (Linear(*sizes, self.bias, weight_initializer=self._initializer) for sizes in ((D, H), (H, D)))
        return Sequential([up, GELU("tanh" if self._kind == "gelu_tanh" else "none"), down])

    def named_children(self):
        names = ("norm1", "attention", "drop1", "norm2", "feed_forward", "drop2")
        return [(name, layer) for name in names if (layer := getattr(self, name)) is not None]

    def _places(self, input_shape):
        """The shape of X without its mask."""
        return input_shape[0] if self.key_mask and isinstance(input_shape[0], tuple) else input_shape

    def child_shapes(self, input_shape):
        return [input_shape if name == "attention" else self._places(input_shape) for name, _ in self.named_children()]

    def output_shape(self, input_shape):
        return self.attention.output_shape(input_shape)

    def input_dtypes(self):
        return self.attention.input_dtype

    @forward_equations
    def forward(self, X, call):
        X, *mask = X if self.key_mask else (X,)
        N = self.norm1.forward(X, call)
        A = self.attention.forward((N, *mask) if mask else N, call)
        U = k.add(X, A if self.drop1 is None else self.drop1.forward(A, call))  # U = X + A(N₁(X))
        F = self.feed_forward.forward(self.norm2.forward(U, call), call)
        return k.add(U, F if self.drop2 is None else self.drop2.forward(F, call))  # Y = U + F(N₂(U))

    @backward_equations
    def backward(self, G, call):
        gF = G if self.drop2 is None else self.drop2.backward(G, call)
        gU = k.add(G, self.norm2.backward(self.feed_forward.backward(gF, call), call))  # gU = G + N₂.b(F.b(G))
        gA = gU if self.drop1 is None else self.drop1.backward(gU, call)
        gN = self.attention.backward(gA, call)
        gX = self.norm1.backward(gN[0] if self.key_mask else gN, call, input_gradient=call.wants_input)
        if not call.wants_input:
            return None
        gX = k.add(gU, gX)  # gX = gU + N₁.backward(A.backward(gU))
        return (gX, None) if self.key_mask else gX

    def config(self):
        own = options(self, *["features", "heads", "hidden", "causal", "key_mask", "rate", "norm", "bias", "rotary"])
        own["feed_forward"] = self._kind
        return own | ({"weight_initializer": self._initializer} if isinstance(self._initializer, str) else {})
