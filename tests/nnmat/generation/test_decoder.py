"""Language models token by token: the logits of the whole forward."""

import copy
import pickle

import numpy as np
import pytest

from nnmat import ConfigError, DataError, Decoder, DtypeError, Embedding, Flatten, LabelError, Linear, Sequential
from tests.nnmat.generation.models import language_model

BLOCKS = {
    "gelu": {},
    "gelu, no biases": {"bias": False},
    "tanh": {"feed_forward": "gelu_tanh"},
    "gated, rotary": {"feed_forward": "gated", "norm": "rms", "rotary": True},
    "dropout": {"rate": 0.3},
}


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


def test_other_models_are_refused():
    for model, text in [
        (Linear(3, 2).build((3,)), r"^Decoder: expected a built Sequential that takes tokens"),
        (Sequential([Embedding(5, 4)]), r"^Decoder: expected a built Sequential"),
        (Sequential([Linear(3, 2)], input_shape=(3,)), r"^Decoder: expected an Embedding first, got Linear '0'"),
        (Sequential([Embedding(5, 4), Flatten()], input_shape=(3,)), r"each place alone, .*got Flatten '1'"),
        (
            Sequential([Embedding(5, 4), Linear(4, 6)], input_shape=(3,)),
            r"^Decoder: expected a logit for each of the 5",
        ),
        (language_model(causal=False), r"^Decoder: expected causal blocks without key_mask, got TransformerBlock"),
    ]:
        with pytest.raises(ConfigError, match=text):
            Decoder(model)
    with pytest.raises(LabelError, match=r"^Decoder: expected a token from 0 to 10, got -1"):
        Decoder(language_model()).read(-1)
    with pytest.raises(DataError, match=r"^Decoder: expected at least one token, got none"):
        Decoder(language_model()).read()
    for token in (1.9, "a", [1], None, float("nan"), np.array([1, 2])):
        with pytest.raises(DtypeError, match=r"^Decoder: expected tokens as integers, got "):
            Decoder(language_model()).read(0, token)


@pytest.mark.parametrize("name", BLOCKS)
@pytest.mark.parametrize("twin", [copy.deepcopy, lambda d: pickle.loads(pickle.dumps(d))])
def test_copies_read_their_own_weights(twin, name):
    model = language_model(np.float64, **BLOCKS[name])
    decoder = Decoder(model)
    kept = decoder.read(3, 1).copy()
    other, again = twin(decoder), Decoder(model)
    np.testing.assert_allclose(other.read(4), decoder.read(4), rtol=1e-12)
    for layer in other.layers:
        for p in layer.parameters():
            p.value[...] *= 1.5
    other.reset()
    rows = np.array([[3, 1, 4, 0, 0, 0, 0, 0, 0]])
    for layer in other.layers:
        rows = layer.forward(rows)
    found = [other.read(token) for token in (3, 1, 4)]
    np.testing.assert_allclose(found[-1], rows[0, 2], rtol=1e-9)
    assert not np.allclose(found[1], kept)
    np.testing.assert_array_equal(again.read(3, 1), kept)
