"""Tokenizers of the user's: of any package's face, and what they may not give."""

import numpy as np
import pytest

from nnmat.datasets import RandomWindows, Tokenizer
from nnmat.errors import ConfigError, DataError, DtypeError, LabelError


class Words:
    """Words of a text, as tiktoken would have them: lists and `n_vocab`."""

    def __init__(self, text):
        self.words = sorted(set(text.split()))

    @property
    def n_vocab(self):
        return len(self.words)

    def encode(self, text):
        return [self.words.index(word) for word in text.split()]

    def decode(self, tokens):
        return " ".join(self.words[i] for i in tokens)


class Faces:
    """The same with other faces: `encode` gives `kind(list)`."""

    def __init__(self, kind, **sizes):
        self.kind, self.inner = kind, Words(TEXT)
        for name, size in sizes.items():
            setattr(self, name, size)

    def encode(self, text):
        return self.kind(self.inner.encode(text))

    def decode(self, tokens):
        assert isinstance(tokens, list)
        return self.inner.decode(tokens)


class Ids:
    """As of the package tokenizers."""

    def __init__(self, ids):
        self.ids = ids


TEXT = "the quick brown fox jumps over the lazy dog"


def test_words_are_tokens():
    tokenizer = Tokenizer(Words(TEXT))
    tokens = tokenizer.encode(TEXT)
    assert (tokens.shape, tokens.dtype, len(tokenizer)) == ((9,), np.int64, 8)
    assert tokenizer.decode(tokens) == TEXT
    assert tokenizer.decode(np.array([], int)) == ""
    assert len(RandomWindows(tokens, context=3, batch_size=2, steps=4)) == 4
    assert repr(tokenizer) == "Tokenizer(Words, size=8)"


@pytest.mark.parametrize("kind", [list, tuple, np.array, Ids])
@pytest.mark.parametrize(
    "size", [{"vocab_size": 8}, {"n_vocab": 8}, {"get_vocab_size": lambda: 8}, {"vocab_size": lambda: 8}]
)
def test_other_faces(kind, size):
    tokenizer = Tokenizer(Faces(kind, **size))
    assert len(tokenizer) == 8
    assert tokenizer.decode(tokenizer.encode(TEXT)) == TEXT


def test_what_is_refused():
    with pytest.raises(ConfigError, match=r"got str, which has no decode. .*Vocabulary\(text\)"):
        Tokenizer("words")
    with pytest.raises(ConfigError, match="Pass size="):
        Tokenizer(Faces(list))
    with pytest.raises(ConfigError, match="size"):
        Tokenizer(Faces(list), size=1)
    tokenizer = Tokenizer(Words(TEXT))
    with pytest.raises(ConfigError, match="expected a text"):
        tokenizer.encode(b"the")
    with pytest.raises(LabelError, match="from 0 to 7, got 8"):
        tokenizer.decode([8])
    with pytest.raises(DtypeError, match="integer dtype"):
        tokenizer.decode([0.5])
    with pytest.raises(LabelError, match="from 0 to 2, got .*size="):
        Tokenizer(Words(TEXT), size=3).encode(TEXT)
    with pytest.raises(DtypeError, match="integers from Faces.encode"):
        Tokenizer(Faces(lambda ids: np.array(ids) / 2, vocab_size=8)).encode(TEXT)
    with pytest.raises(DataError, match=r"shape \(n,\)"):
        Tokenizer(Faces(lambda ids: np.array([ids]), vocab_size=8)).encode(TEXT)
    silent = Words(TEXT)
    silent.decode = lambda tokens: b""
    with pytest.raises(DataError, match="a text from Words.decode, got bytes"):
        Tokenizer(silent).decode([1])
