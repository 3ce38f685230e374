"""A language model read token by token: what past tokens have left in the attention is kept."""

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from nnmat_kernels import unchecked as k
from nnmat_kernels.attention.one_place import BlockWeights

from ..calls import Call
from ..errors import ConfigError, DataError, DtypeError, LabelError
from ..layers import (
    Dropout,
    Embedding,
    GatedFeedForward,
    Layer,
    LayerNorm,
    Linear,
    PositionalEmbedding,
    RMSNorm,
    Sequential,
    Tied,
)
from ..layers.attention.block import TransformerBlock
from ..parameters import Parameter

OF_EACH_PLACE = (Embedding, LayerNorm, RMSNorm, Linear, Dropout, Tied)


class Decoder:
    """A language model, token by token: `read(token)` gives the logits (V,) of the token that follows.

    The model is a chain of an `Embedding`, `PositionalEmbedding`s, causal `TransformerBlock`s, and layers that treat
    each place alone (norms, `Linear`, `Dropout`, a tied head), built for sequences of T tokens. Keys and values of past
    places are kept, so a token costs O(T), and the logits are those of the model's forward for all tokens so far.
    Errors: ConfigError (another model), DtypeError (a token that is no integer), LabelError (token), DataError (more
        than T tokens; `reset` forgets them).
    """

    def __init__(self, model: Layer):
        if not isinstance(model, Sequential) or not model.built or len(model.input_shape) != 1:
            raise ConfigError(
                f"Decoder: expected a built Sequential that takes tokens (B, T), got {model!r:.80}. Begin it with an "
                "Embedding."
            )
        self.layers = list(_chain(model))
        if not isinstance(self.layers[0], Embedding):
            raise ConfigError(f"Decoder: expected an Embedding first, got {self.layers[0].who}.")
        self.tokens, self.context = self.layers[0].tokens, model.input_shape[0]
        self._call = Call(record=False)
        self._kept: dict[Layer, _KeysAndValues] = {}
        for layer in self.layers:
            if isinstance(layer, TransformerBlock):
                self._kept[layer] = _KeysAndValues(layer, self.context)
            elif not isinstance(layer, (*OF_EACH_PLACE, PositionalEmbedding)):
                raise ConfigError(
                    f"Decoder: expected layers that treat each place alone, or causal Transformer blocks, got "
                    f"{layer.who}. Write Trainer.predict for whole sequences."
                )
        if (given := model.output_shape(model.input_shape)) != (self.context, self.tokens):
            raise ConfigError(
                f"Decoder: expected a logit for each of the {self.tokens} tokens, got {given[-1]} outputs. End "
                f"the model with Linear(None, {self.tokens}), or Tied(embedding, transpose=True)."
            )
        self.place = 0  # of the coming token

    def reset(self) -> None:
        """Forget all tokens."""
        self.place = 0

    def read(self, *tokens: int) -> np.ndarray:
        """The logits (V,) after one more token, or several."""
        tokens = tuple(map(_token, tokens))
        for token in tokens:
            if not 0 <= token < self.tokens:
                raise LabelError(f"Decoder: expected a token from 0 to {self.tokens - 1}, got {token}.")
        if not tokens:
            raise DataError("Decoder: expected at least one token, got none.")
        if self.place + len(tokens) > self.context:
            raise DataError(f"Decoder: expected at most {self.context} tokens, the model's context. Call reset().")
        if self.place == 0:
            return self._read(tokens)
        return [self._read((token,)) for token in tokens][-1]

    def _read(self, tokens: tuple[int, ...]) -> np.ndarray:
        X: Any = np.array([tokens], np.int64)
        for layer in self.layers:
            if layer in self._kept:
                X = self._kept[layer].forward(X, self.place, self._call)
            elif isinstance(layer, PositionalEmbedding):
                X = k.add_to_rows(X, layer.rows()[self.place : self.place + len(tokens)])
            else:
                X = layer.forward(X, self._call)
        self.place += len(tokens)
        return X[0, -1].copy()


class _KeysAndValues:
    """A Transformer block at one place, with the keys and values of the places before."""

    def __init__(self, block: TransformerBlock, context: int):
        attention = block.attention
        if not attention.causal or attention.cross or block.key_mask:
            raise ConfigError(
                f"Decoder: expected causal blocks without key_mask, got {block.who}. A place that looks at later ones "
                "changes with them."
            )
        self.block: Any = block
        D, dtype = block.features, block.dtype
        self.keys, self.values = (np.empty((1, context, D), dtype) for _ in range(2))
        self.weights = _weights(block)
        self.scratch = np.empty(5 * D + context + 2 * block.hidden, dtype)

    def __getstate__(self):
        return {**self.__dict__, "weights": None}  # views do not survive a copy or a pickle as views

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        self.weights = _weights(self.block)

    def forward(self, X: np.ndarray, place: int, call: Call) -> np.ndarray:
        """Y (1, n, D) of the block for X (1, n, D), the places from `place` on: the first n, or the coming one."""
        block, attention, D = self.block, self.block.attention, self.block.features
        if X.shape[1] == 1 and self.weights is not None:
            Y = np.empty_like(X)
            k.block_at_place(
                X[0, 0], self.weights, self.keys[0], self.values[0], place, attention.heads, block.norm1.eps,
                block.norm == "layer", self.scratch, Y[0, 0],
            )  # fmt: skip
            return Y
        QKV = attention.in_proj.forward(block.norm1.forward(X, call), call)
        QKV = attention.turned(QKV, 2 * attention.heads, before=place)
        end = place + X.shape[1]
        self.keys[0, place:end], self.values[0, place:end] = QKV[0, :, D : 2 * D], QKV[0, :, 2 * D :]
        if place == 0:
            O, _ = k.self_attention(QKV, attention.heads, True)  # noqa: E741
        else:  # one query sees all
            O, _ = k.attention(QKV[:, :, :D], self.keys[:, :end], self.values[:, :end], attention.heads)  # noqa: E741
        U = k.add(X, attention.out_proj.forward(O, call))
        return k.add(U, block.feed_forward.forward(block.norm2.forward(U, call), call))


def _token(token: Any) -> int:
    """A token as an int."""
    try:
        return operator.index(token)
    except TypeError:
        raise DtypeError(
            f"Decoder: expected tokens as integers, got {token!r:.60}. Write read(3), or read(3, 1)."
        ) from None


def _weights(block: Any) -> BlockWeights | None:
    """The block's parameters, which are views: they follow when the model is trained on. None: for GELU("tanh")."""
    if block.config()["feed_forward"] == "gelu_tanh":
        return None
    none = np.empty(0, block.dtype)

    def value(p: Parameter | None) -> np.ndarray:
        return none if p is None else p.value

    attention = block.attention
    up, gate, down = _feed_forward(block.feed_forward)
    cosines, sines = attention.angles()
    return BlockWeights(
        gain1=value(block.norm1.gamma),
        shift1=value(block.norm1.beta),
        in_weight=value(attention.in_proj.weight),
        in_bias=value(attention.in_proj.bias),
        out_weight=value(attention.out_proj.weight),
        out_bias=value(attention.out_proj.bias),
        gain2=value(block.norm2.gamma),
        shift2=value(block.norm2.beta),
        up=value(up.weight),
        up_bias=value(up.bias),
        gate=np.empty((0, block.features), block.dtype) if gate is None else value(gate.weight),
        gate_bias=none if gate is None else value(gate.bias),
        down=value(down.weight),
        down_bias=value(down.bias),
        cosines=cosines,
        sines=sines,
    )


def _feed_forward(layer: Any) -> tuple:
    """The layer that goes up, the gate or None, and the one that goes down."""
    return (layer.up, layer.gate, layer.out) if isinstance(layer, GatedFeedForward) else (layer[0], None, layer[2])


def _chain(model: Sequential) -> Iterator[Layer]:
    for layer in model:
        if isinstance(layer, Sequential):
            yield from _chain(layer)
        else:
            yield layer
