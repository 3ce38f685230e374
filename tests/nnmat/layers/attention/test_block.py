"""The Transformer block: the same as its parts put together, and its options."""

import numpy as np
import pytest

import nnmat as nm
from nnmat import GELU, ConfigError, LayerNorm, Linear, MultiHeadAttention, Residual, Sequential, TransformerBlock
from nnmat_kernels.runtime.config import settings


def test_it_is_two_residual_connections(rng):
    block = TransformerBlock(6, 2, 9, causal=True).build((5, 6), dtype=np.float64)
    twin = Sequential(
        [
            Residual(Sequential([LayerNorm(), MultiHeadAttention(6, 2, causal=True)])),
            Residual(Sequential([LayerNorm(), Linear(6, 9), GELU(), Linear(9, 6)])),
        ],
        input_shape=(5, 6),
        dtype=np.float64,
    )
    twin.flat_parameters[...] = block.flat_parameters
    X, G = rng.standard_normal((2, 3, 5, 6))
    assert np.array_equal(twin.forward(X, training=True), block.forward(X, training=True))
    np.testing.assert_allclose(twin.backward(G), block.backward(G), rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(twin.flat_gradients, block.flat_gradients, rtol=1e-13, atol=1e-14)


def test_without_biases():
    block = TransformerBlock(6, 2, bias=False).build((5, 6))
    assert {p.kind for p in block.parameters()} == {"weight", "gamma"}
    assert block.hidden == 24


def test_dropout_is_of_training_only(rng):
    block = TransformerBlock(4, 2, rate=0.5).build((5, 4), dtype=np.float64)
    X = rng.standard_normal((2, 5, 4))
    assert not np.array_equal(block.forward(X, training=True), block.forward(X, training=True))
    assert np.array_equal(block.forward(X), block.forward(X))
    assert len(block.buffers()) == 3


def test_options():
    for wrong in ({"feed_forward": "relu"}, {"norm": "batch"}, {"rate": 2}, {"hidden": 0}, {"bias": 1}, {"causal": 3}):
        with pytest.raises(ConfigError, match=f"expected {next(iter(wrong))} as"):
            TransformerBlock(6, 2, **wrong)


@pytest.mark.skipif(bool(settings.DISABLE_JIT), reason="nothing is compiled")
def test_a_language_model_learns(rng):
    """Each token is that of two places before."""
    text = np.resize(rng.integers(0, 5, 2), 400)
    X = np.stack([text[i : i + 6] for i in range(0, 300, 3)])
    y = np.array([text[i + 6] for i in range(0, 300, 3)])
    table = nm.Embedding(5, 8)
    layers = [table, nm.PositionalEmbedding(), TransformerBlock(8, 2, causal=True, rotary=True), nm.RMSNorm()]
    model = Sequential([*layers, nm.Flatten(), Linear(None, 5)], input_shape=(6,))
    trainer = nm.Trainer(model, nm.SoftmaxCrossEntropy(), nm.AdamW(model, lr=0.01))
    history = trainer.fit((X, y), 5, batch_size=10, progress=False)
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert trainer.program is not None
