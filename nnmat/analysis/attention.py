"""The weights of attention, which no pass stores."""

import math
from typing import Any

import numpy as np

from ..errors import BuildError, ConfigError
from ..layers import Layer, MultiHeadAttention


def attention_weights(model: Layer, X: Any) -> dict[str, np.ndarray]:
    """The weights P of every `MultiHeadAttention` in a model, in evaluation mode, by the paths of the layers.

        P_h = softmax of each row of a Q_h K_hᵀ + M
    Shapes: X what the model takes; P (B, heads, Tq, Tk), computed in float64. A row of a query that sees no key is 0.
    Errors: ConfigError for a model without attention; BuildError; those of the model's forward.

    What the model had recorded for a backward is gone then.
    """
    if not isinstance(model, Layer):
        raise ConfigError(f"attention_weights: expected a model, got {type(model).__name__}.")
    if not model.built:
        raise BuildError("attention_weights: the model is not built yet. Give input_shape.")
    layers = [layer for layer in model.modules() if isinstance(layer, MultiHeadAttention)]
    if not layers:
        raise ConfigError("attention_weights: expected a model with a MultiHeadAttention, got one without.")
    try:
        model.forward(X, training=False, record=True)
        return {layer.path or layer.kind: _weights(*layer.recorded_scores()) for layer in layers}
    finally:
        for layer in model.modules():
            layer.drop_record()


def _weights(Q: np.ndarray, K: np.ndarray, causal: bool, mask: Any, key_mask: Any) -> np.ndarray:
    """P of Q (B, heads, Tq, d) and K (B, heads, Tk, d)."""
    S = Q.astype(np.float64) @ K.astype(np.float64).swapaxes(-1, -2) / math.sqrt(Q.shape[-1])
    if mask is not None:
        S += mask
    if key_mask is not None:
        S = np.where(key_mask[:, None, None, :], S, -np.inf)
    if causal:
        S = np.where(np.tri(*S.shape[-2:]) > 0.0, S, -np.inf)
    top = S.max(axis=-1, keepdims=True)
    E = np.exp(S - np.where(np.isfinite(top), top, 0.0))
    return E / np.maximum(E.sum(axis=-1, keepdims=True), 1e-300)
