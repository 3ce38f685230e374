"""A tokenizer of the user's, with the face of a Vocabulary."""

from typing import Any

import numpy as np

from nnmat_kernels.runtime.door import array

from ...checks import count
from ...errors import ConfigError, DataError, DtypeError, LabelError
from ...habits import arguments_checked

SIZES = ("n_vocab", "vocab_size")  # attributes, or methods, that say how many tokens there are
CALLS = ("get_vocab_size", "get_piece_size", "GetPieceSize")


class Tokenizer:
    """Any object with `encode` and `decode`, as nnmat takes one: `encode(text)` is (n,) int64, `len` the kinds.

        tokenizer = Tokenizer(tiktoken.get_encoding("gpt2"))
        source = RandomWindows(tokenizer.encode(text), context=64, batch_size=32, steps=100)
        model = Sequential([Embedding(len(tokenizer), 128), ...])

    `encode` may give a list, an array, or an object with `ids`, as of the packages tiktoken, tokenizers, transformers
    and sentencepiece. `size`: the number of kinds of tokens, where the object does not say it by `len`, `n_vocab`,
    `vocab_size` or `get_vocab_size()`. Raises ConfigError for other objects.
    """

    @arguments_checked
    def __init__(self, tokenizer: Any, size: int | None = None):
        for name in ("encode", "decode"):
            if not callable(getattr(tokenizer, name, None)):
                raise ConfigError(
                    f"Tokenizer: expected an object with the methods encode and decode, got "
                    f"{type(tokenizer).__name__}, which has no {name}. For characters, write Vocabulary(text)."
                )
        self.tokenizer, self._name = tokenizer, type(tokenizer).__name__
        self._size = count("Tokenizer", "size", _size(tokenizer) if size is None else size, least=2)

    def __len__(self) -> int:
        """V, the number of kinds of tokens, which are 0, 1, ..., V - 1."""
        return self._size

    def encode(self, text: str) -> np.ndarray:
        """The tokens (n,) int64 of a text; DtypeError, DataError, LabelError if the object gives anything else."""
        who = "Tokenizer.encode"
        if not isinstance(text, str):
            raise ConfigError(f"{who}: expected a text, str, got {type(text).__name__}. Bytes: try text.decode().")
        found = self.tokenizer.encode(text)
        tokens = array(who, "the tokens", getattr(found, "ids", found))
        if tokens.dtype.kind not in "iu" and tokens.size:
            raise DtypeError(f"{who}: expected integers from {self._name}.encode, got {tokens.dtype}.")
        if tokens.ndim != 1:
            raise DataError(f"{who}: expected tokens of shape (n,) from {self._name}.encode, got {tokens.shape}.")
        self._check(who, tokens)
        return tokens.astype(np.int64)

    def decode(self, tokens: Any) -> str:
        """The text of tokens (n,), integers; LabelError for one that is not from 0 to V - 1."""
        who = "Tokenizer.decode"
        tokens = array(who, "tokens", tokens).reshape(-1)
        if tokens.dtype.kind not in "iu" and tokens.size:
            raise DtypeError(f"{who}: expected tokens of an integer dtype, got {tokens.dtype}.")
        self._check(who, tokens)
        text = self.tokenizer.decode(tokens.tolist())
        if not isinstance(text, str):
            raise DataError(f"{who}: expected a text from {self._name}.decode, got {type(text).__name__}.")
        return text

    def _check(self, who: str, tokens: np.ndarray) -> None:
        if tokens.size and not 0 <= tokens.min() <= tokens.max() < self._size:
            wrong = tokens[(tokens < 0) | (tokens >= self._size)][0]
            raise LabelError(
                f"{who}: expected tokens from 0 to {self._size - 1}, got {wrong}. Is the number of kinds another one? "
                "Pass size=."
            )

    def __repr__(self) -> str:
        return f"Tokenizer({self._name}, size={self._size})"


def _size(tokenizer: Any) -> int:
    """The number of kinds that an object says it has."""
    if hasattr(tokenizer, "__len__"):  # of transformers: with the tokens added later, which vocab_size leaves out
        return len(tokenizer)
    for name in (*SIZES, *CALLS):
        found = getattr(tokenizer, name, None)
        if found is not None:
            return int(found() if callable(found) else found)
    raise ConfigError(
        f"Tokenizer: expected {type(tokenizer).__name__} to say how many kinds of tokens it has, by len or "
        f"{', '.join(SIZES)}. Pass size=."
    )
