"""Attention with several heads."""

from typing import Any

import numpy as np

from nnmat_kernels import unchecked as k

from ... import initializers
from ...calls import backward_equations, forward_equations
from ...checks import count, flag, number
from ...errors import ConfigError, ShapeError
from ..base import Layer
from ..checks import FLAGS, batch_shape
from ..dense.linear import Linear
from ..summary import options
from .rotary import angles, check_even


class MultiHeadAttention(Layer):
    """What each place of a sequence takes from the places that it looks at, by several heads.

    Forward, with the columns of head h of Q = X W_Qᵀ + 1 b_Qᵀ, and of K and V alike, a = 1/√d, and a mask M or 0
        S_h = a Q_h K_hᵀ + M        P_h = softmax of each row of S_h        O_h = P_h V_h        Y = O W_Oᵀ + 1 b_Oᵀ
    Backward, for gO = G W_O, head by head
        gV = Pᵀ gO        gS = P ⊙ (gO Vᵀ - rowsum(gO ⊙ O) 1ᵀ)        gQ = a gS K        gK = a gSᵀ Q
        gX = gQ W_Q + gK W_K + gV W_V, and the weights as in `Linear`
    Shapes: X, Y, G, gX (B, T, D), D = `features` = `heads` d; float32 or float64 as built. With options X is a tuple,
        in this order: queries (B, Tq, D); `cross`: what keys and values are made of (B, Tk, D'), D' = `key_features`;
        `key_mask`: booleans (B, Tk), True where a key counts; `mask`: M (B, Tq, Tk) or (B, 1 or heads, Tq, Tk), where
        -inf hides. Masks have no gradient.
    Errors: ConfigError (options; heads that do not divide D), ShapeError, DtypeError.
    Derivation: docs/derivations/MultiHeadAttention.md.
    Reference: docs/equations.md, section 3.13; A. Vaswani et al., "Attention is all you need", 2017.

    `causal`: place i looks at places j <= i only. A place that sees no other gives Y = b_O, and zero gradients. `rate`
    drops weights P in training, by a mask of its own each time (its buffer `stream` is that of `Dropout`). `rotary`
    turns queries and keys by their places. Neither the scores nor the weights of all pairs are ever stored. Weights of
    queries, keys and values lie one below the other in `in_proj` (3 D, D); with `cross` in `query`, `key`, `value`.
    """

    takes_several = True

    def __init__(
        self,
        features: int,
        heads: int,
        *,
        cross: bool = False,
        key_features: int | None = None,
        causal: bool = False,
        key_mask: bool = False,
        mask: bool = False,
        rate: float = 0.0,
        rotary: bool = False,
        bias: bool = True,
        weight_initializer: str | initializers.Initializer = "glorot_uniform",
    ):
        super().__init__()
        who = "MultiHeadAttention"
        self.features, self.heads = count(who, "features", features), count(who, "heads", heads)
        self.cross, self.causal = flag(who, "cross", cross), flag(who, "causal", causal)
        self.key_mask, self.mask, self.rotary = flag(who, "key_mask", key_mask), flag(who, "mask", mask), rotary
        self.key_features = self.features if key_features is None else count(who, "key_features", key_features)
        self.rate = number(who, "rate", rate, 0.0, 1.0, hint="Try 0.1.")
        if self.features % self.heads:
            raise ConfigError(f"{who}: expected heads that divide features = {features}, got {heads}.")
        if key_features is not None and not cross:
            raise ConfigError(f"{who}: key_features is for cross=True: else keys are made of what queries are made of.")
        if flag(who, "rotary", rotary):
            check_even(who, self.features // self.heads)
        self._bias, self._initializer = bias, initializers.check(who, weight_initializer)
        D, E = self.features, self.key_features
        self.in_proj: Any = None if cross else self._linear(D, 3 * D)
        self.query: Any
        self.key: Any
        self.value: Any
        self.query, self.key, self.value = (
            self._linear(N, D) if cross else None for N in (D, E, E)
        )  # fmt: skip
        self.out_proj = self._linear(D, D)
        self._stream = np.zeros(2, np.uint64)

    def _linear(self, N: int, M: int) -> Linear:
        return Linear(N, M, bias=self._bias, weight_initializer=self._initializer)

    def named_children(self):
        names = ("query", "key", "value", "out_proj") if self.cross else ("in_proj", "out_proj")
        return [(name, getattr(self, name)) for name in names]

    def _inputs(self, input_shape) -> tuple[tuple, tuple]:
        """The shapes of queries and of what keys are made of, all checked."""
        kinds = ["queries"] + ["keys"] * self.cross + ["key_mask"] * self.key_mask + ["mask"] * self.mask
        several = bool(input_shape) and isinstance(input_shape[0], tuple)
        shapes = input_shape if several else (input_shape,)
        if several != (len(kinds) > 1) or len(shapes) != len(kinds):
            raise ShapeError(
                f"{self.who}: expected {len(kinds)} inputs ({', '.join(kinds)}), got {batch_shape(input_shape)}."
            )
        given = dict(zip(kinds, shapes, strict=True))
        X, Z = given["queries"], given.get("keys", given["queries"])
        for what, shape, width in (("queries", X, self.features), ("keys", Z, self.key_features)):
            if len(shape) != 2 or shape[1] != width:
                raise ShapeError(f"{self.who}: expected {what} of shape (B, T, {width}), got {batch_shape(shape)}.")
        pairs = (X[0], Z[0])
        if self.key_mask and given["key_mask"] != pairs[1:]:
            raise ShapeError(
                f"{self.who}: expected key_mask of shape {batch_shape(pairs[1:])}, got "
                f"{batch_shape(given['key_mask'])}."
            )
        if self.mask and given["mask"] not in (pairs, (1, *pairs), (self.heads, *pairs)):
            raise ShapeError(
                f"{self.who}: expected mask of shape {batch_shape(pairs)} or {batch_shape((self.heads, *pairs))}, got "
                f"{batch_shape(given['mask'])}."
            )
        return X, Z

    def output_shape(self, input_shape):
        return self._inputs(input_shape)[0]

    def child_shapes(self, input_shape):
        X, Z = self._inputs(input_shape)
        return [X, Z, Z, X] if self.cross else [X, X]

    def input_dtypes(self):
        kinds = (self.dtype,) * (1 + self.cross) + (FLAGS,) * self.key_mask + (self.dtype,) * self.mask
        return kinds if len(kinds) > 1 else self.dtype

    def hiding_inputs(self):
        others = 1 + self.cross + self.key_mask
        return (False,) * others + (True,) if self.mask else False

    def declare(self, input_shape, rng):
        (Tq, D), (Tk, _) = self._inputs(input_shape)
        self._stream[0] = rng.spawn(1)[0].integers(0, 2**64, dtype=np.uint64)
        if self.rotary:
            self._cosines, self._sines = angles(max(Tq, Tk), D // self.heads, 10_000.0, self.dtype)

    def own_buffers(self):
        return {"stream": self._stream} if self.rate else {}

    def _options(self, X, call) -> tuple:
        """What the kernels take behind the heads: causal, the masks, the rate and its stream."""
        parts = X if type(X) is tuple else (X,)
        mask = parts[-1] if self.mask else None
        if mask is not None and mask.ndim == 3:
            mask = mask.reshape(len(mask), 1, *mask.shape[1:])
        stream = None
        if self.rate and call.training:
            stream = k.next_mask(self._stream) if call.record else self._stream
        key_mask = parts[1 + self.cross] if self.key_mask else None
        return self.causal, mask, key_mask, 0.0 if stream is None else self.rate, stream

    def angles(self) -> tuple[np.ndarray, np.ndarray]:
        """cos and sin of all places (T, d/2), if it is rotary; else arrays of no rows."""
        none = np.empty((0, 0), self.dtype)
        return (self._cosines, self._sines) if self.rotary else (none, none)

    def turned(self, A, heads: int, back: bool = False, before: int = 0):
        """The first heads of A turned by their places, of which `before` come first, or back, if it is rotary."""
        return k.rotate(A, self._cosines, self._sines, heads, before, back) if self.rotary else A

    def recorded_scores(self) -> tuple[np.ndarray, np.ndarray, bool, Any, Any]:
        """Of the recorded forward: Q and K as they are multiplied, (B, heads, T, d), causal, and both masks or None."""
        call: Any = self._call
        Q, K = (call.Q, call.K) if self.cross else np.split(call.QKV, 3, axis=-1)[:2]
        causal, mask, key_mask, *_ = call.given
        width = self.features // self.heads
        parts = (A.reshape(*A.shape[:2], self.heads, width).swapaxes(1, 2) for A in (Q, K))
        return (*parts, causal, mask, key_mask)  # type: ignore[return-value]

    @forward_equations
    def forward(self, X, call):
        given = self._options(X, call)
        queries = X[0] if type(X) is tuple else X
        if self.cross:
            Q = self.turned(self.query.forward(queries, call), self.heads)  # Q = X W_Qᵀ + 1 b_Qᵀ
            K = self.turned(self.key.forward(X[1], call), self.heads)
            V = self.value.forward(X[1], call)
            O, ends = k.attention(Q, K, V, self.heads, *given)  # O_h = softmax(a Q_h K_hᵀ + M) V_h  # noqa: E741
            call.keep(Q=Q, K=K, V=V)
        else:
            QKV = self.turned(self.in_proj.forward(queries, call), 2 * self.heads)
            O, ends = k.self_attention(QKV, self.heads, *given)  # noqa: E741
            call.keep(QKV=QKV)
        call.keep(O=O, ends=ends, given=given, inputs=len(X) if type(X) is tuple else 1)
        return self.out_proj.forward(O, call)  # Y = O W_Oᵀ + 1 b_Oᵀ

    @backward_equations
    def backward(self, G, call):
        wanted = {"input_gradient": call.wants_input}
        gO = self.out_proj.backward(G, call)  # gO = G W_O
        if self.cross:
            gQ, gK, gV = k.attention_backward(gO, call.Q, call.K, call.V, call.O, call.ends, self.heads, *call.given)
            gX = self.query.backward(self.turned(gQ, self.heads, True), call, **wanted)
            gZ = self.key.backward(self.turned(gK, self.heads, True), call, **wanted)
            gZv = self.value.backward(gV, call, **wanted)
            found: tuple = (gX, k.add(gZ, gZv)) if call.wants_input else ()  # gX = gQ W_Q, gZ = gK W_K + gV W_V
        else:
            gQKV = k.self_attention_backward(gO, call.QKV, call.O, call.ends, self.heads, *call.given)
            found = (self.in_proj.backward(self.turned(gQKV, 2 * self.heads, True), call, **wanted),)
        if not call.wants_input:
            return None
        return (*found, *(None,) * (call.inputs - len(found))) if call.inputs > 1 else found[0]

    def flops(self):
        (Tq, D), (Tk, _) = self._inputs(self.input_shape)
        return super().flops() + 4 * Tq * Tk * D

    def config(self):
        names = ["features", "heads", "cross", "causal", "key_mask", "mask", "rate", "rotary"]
        own = options(self, *names) | {"bias": self._bias}
        if self.cross:
            own["key_features"] = self.key_features
        return own | ({"weight_initializer": self._initializer} if isinstance(self._initializer, str) else {})
