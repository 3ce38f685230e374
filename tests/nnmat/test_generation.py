"""Language models token by token: the logits of the whole forward, and what is drawn from them."""

import numpy as np
import pytest

from nnmat import (
    ConfigError,
    DataError,
    Decoder,
    Dropout,
    DtypeError,
    Embedding,
    Flatten,
    LabelError,
    LayerNorm,
    Linear,
    NonFiniteError,
    PositionalEmbedding,
    Sequential,
    Tied,
    TransformerBlock,
    generate,
)
from nnmat.generation import draw

BLOCKS = {
    "gelu": {},
    "gelu, no biases": {"bias": False},
    "gated, rotary": {"feed_forward": "gated", "norm": "rms", "rotary": True},
    "dropout": {"rate": 0.3},
}


def language_model(dtype=np.float64, context=9, causal=True, **options):
    embedding = Embedding(11, 12)
    blocks = [TransformerBlock(12, 3, causal=causal, **options) for _ in range(2)]
    layers = [embedding, PositionalEmbedding(), Dropout(0.1), Sequential(blocks), LayerNorm(12)]
    model = Sequential([*layers, Tied(embedding, transpose=True)], input_shape=(context,), seed=0, dtype=dtype)
    rng = np.random.default_rng(1)
    for p in model.parameters():
        p.value += 0.1 * rng.standard_normal(p.shape)
    return model


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", BLOCKS)
def test_the_logits_are_those_of_the_whole_forward(name, dtype, rng):
    model = language_model(dtype, **BLOCKS[name])
    tokens = rng.integers(0, 11, 9)
    whole = model.forward(tokens[np.newaxis])[0]
    decoder = Decoder(model)
    for _ in range(2):
        for t, token in enumerate(tokens):
            h = decoder.read(int(token))
            assert h.dtype == dtype
            np.testing.assert_allclose(h, whole[t], rtol=1e-4 if dtype == np.float32 else 1e-11, atol=1e-5)
        with pytest.raises(DataError, match=r"^Decoder: expected at most 9 tokens, .*Call reset\(\)"):
            decoder.read(0)
        decoder.reset()
    for cut in (1, 4, 9):
        decoder.reset()
        close = {"rtol": 1e-4 if dtype == np.float32 else 1e-11, "atol": 1e-5}
        np.testing.assert_allclose(decoder.read(*tokens[:cut].tolist()), whole[cut - 1], **close)
        if cut < 9:
            np.testing.assert_allclose(decoder.read(*tokens[cut:].tolist()), whole[8], **close)


def test_greedy_text_is_that_of_whole_forwards():
    model = language_model()
    text = [3, 1, 4]
    for _ in range(6):
        padded = np.zeros((1, 9), np.int64)
        padded[0, : len(text)] = text
        text.append(int(model.forward(padded)[0, len(text) - 1].argmax()))
    assert list(generate(model, [3, 1, 4], 6, temperature=0)) == text[3:]


def test_texts_go_on_beyond_the_context():
    model = language_model()
    found = list(generate(model, np.arange(11), 40, temperature=0.7, top_k=5, seed=2))
    assert len(found) == 40
    assert found == list(generate(model, np.arange(11), 40, temperature=0.7, top_k=5, seed=np.random.default_rng(2)))
    assert found != list(generate(model, np.arange(11), 40, temperature=0.7, top_k=5, seed=3))
    assert list(generate(model, [1], 0)) == []
    assert len(list(generate(language_model(context=1), [1], 5))) == 5


def test_draws_follow_the_softmax():
    h, rng = np.log(np.array([0.5, 0.25, 0.15, 0.1])), np.random.default_rng(0)
    for temperature, top_k, expected in [
        (1.0, None, [0.5, 0.25, 0.15, 0.1]),
        (0.5, None, np.array([0.25, 0.0625, 0.0225, 0.01]) / 0.345),
        (1.0, 2, [2 / 3, 1 / 3, 0, 0]),
        (1.0, 9, [0.5, 0.25, 0.15, 0.1]),
        (0.0, None, [1, 0, 0, 0]),
    ]:
        found = np.bincount([draw(h, temperature, top_k, rng) for _ in range(20_000)], minlength=4) / 20_000
        np.testing.assert_allclose(found, expected, atol=0.015)
    assert draw(np.array([-np.inf, 0.0]), 1.0, None, rng) == 1
    with pytest.raises(NonFiniteError, match=r"^generate: expected finite logits, got nan"):
        draw(np.array([np.nan, 0.0]), 1.0, None, rng)


@pytest.mark.parametrize(
    ("start", "options", "kind", "text"),
    [
        ([], {}, DtypeError, r"^generate: expected start as tokens"),
        (np.zeros(0, int), {}, DataError, r"^generate: expected start of shape \(n,\), n >= 1"),
        ([[1]], {}, DataError, r"^generate: expected start of shape"),
        ([0.5], {}, DtypeError, r"^generate: expected start as tokens, integers, got float64"),
        ([11], {}, LabelError, r"^generate: expected tokens from 0 to 10 in start, got 11"),
        ([1], {"temperature": -1}, ConfigError, r"^generate: expected temperature as a finite number >= 0"),
        ([1], {"top_k": 0}, ConfigError, r"^generate: expected top_k as an integer >= 1"),
        ([1], {"seed": "a"}, ConfigError, r"^generate: "),
    ],
)
def test_errors(start, options, kind, text):
    with pytest.raises(kind, match=text):
        generate(language_model(), start, 3, **options)


def test_other_models_are_refused():
    for model, text in [
        (Linear(3, 2).build((3,)), r"^Decoder: expected a built Sequential that takes tokens"),
        (Sequential([Embedding(5, 4)]), r"^Decoder: expected a built Sequential"),
        (Sequential([Linear(3, 2)], input_shape=(3,)), r"^Decoder: expected an Embedding first, got Linear '0'"),
        (Sequential([Embedding(5, 4), Flatten()], input_shape=(3,)), r"each place alone, .*got Flatten '1'"),
        (language_model(causal=False), r"^Decoder: expected causal blocks without key_mask, got TransformerBlock"),
    ]:
        with pytest.raises(ConfigError, match=text):
            Decoder(model)
    with pytest.raises(LabelError, match=r"^Decoder: expected a token from 0 to 10, got -1"):
        Decoder(language_model()).read(-1)
    with pytest.raises(DataError, match=r"^Decoder: expected at least one token, got none"):
        Decoder(language_model()).read()
