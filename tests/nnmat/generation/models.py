"""A small language model."""

import numpy as np

from nnmat import Dropout, Embedding, LayerNorm, PositionalEmbedding, Sequential, Tied, TransformerBlock


def language_model(dtype=np.float64, context=9, causal=True, **options):
    embedding = Embedding(11, 12)
    blocks = [TransformerBlock(12, 3, causal=causal, **options) for _ in range(2)]
    layers = [embedding, PositionalEmbedding(), Dropout(0.1), Sequential(blocks), LayerNorm(12)]
    model = Sequential([*layers, Tied(embedding, transpose=True)], input_shape=(context,), seed=0, dtype=dtype)
    rng = np.random.default_rng(1)
    for p in model.parameters():
        p.value += 0.1 * rng.standard_normal(p.shape)
    return model
