"""Language models token by token: the logits of the whole forward."""

import numpy as np
import pytest

from nnmat import ConfigError, DataError, Decoder, Embedding, Flatten, LabelError, Linear, Sequential
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
        (language_model(causal=False), r"^Decoder: expected causal blocks without key_mask, got TransformerBlock"),
    ]:
        with pytest.raises(ConfigError, match=text):
            Decoder(model)
    with pytest.raises(LabelError, match=r"^Decoder: expected a token from 0 to 10, got -1"):
        Decoder(language_model()).read(-1)
    with pytest.raises(DataError, match=r"^Decoder: expected at least one token, got none"):
        Decoder(language_model()).read()
