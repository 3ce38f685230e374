"""Tokens drawn from what a language model says comes next."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from nnmat_kernels.runtime.door import array, dtype_remedy

from ..checks import count, generator, number
from ..errors import ConfigError, DataError, DtypeError, LabelError, NonFiniteError
from ..layers import Layer
from .decoder import Decoder

LEAST_TEMPERATURE = 1e-6  # above 0: logits divided by less are as good as infinite


def generate(
    model: Layer, start, tokens: int, *, temperature: float = 1.0, top_k: int | None = None, seed: Any = 0
) -> Iterator[int]:
    """The tokens that a language model writes behind those of `start` (n,), one after the other.

    Each is drawn from softmax(h / `temperature`), h the logits of the model, of the `top_k` largest only if that is
    given; temperature 0 takes the largest, and above it 1e-6 is the least. `seed`: a number or a NumPy generator. When
    the model's context is full, the last half of it is read again from the first place on, so a token costs O(T) in
    the mean.
    Errors: ConfigError (options, a model that `Decoder` does not take), DataError (`start` is empty), LabelError,
        NonFiniteError (the logits are).
    """
    decoder = Decoder(model)
    given = array("generate", "start", start)
    if given.dtype.kind not in "iu" and given.size:  # an empty list has no dtype of its own
        remedy = dtype_remedy("start", given.dtype, "int64")
        raise DtypeError(f"generate: expected start as tokens, integers, got {given.dtype}. {remedy}")
    if given.ndim != 1 or given.size == 0:
        raise DataError(f"generate: expected start of shape (n,), n >= 1, got {given.shape}. Give at least one token.")
    if (wrong := given[(given < 0) | (given >= decoder.tokens)]).size:
        raise LabelError(f"generate: expected tokens from 0 to {decoder.tokens - 1} in start, got {wrong[0]}.")
    count("generate", "tokens", tokens, least=0)
    if 0.0 < number("generate", "temperature", temperature, 0.0, hint="Try 0.8.") < LEAST_TEMPERATURE:
        raise ConfigError(
            f"generate: expected temperature as 0, which takes the largest logit, or a number >= {LEAST_TEMPERATURE}, "
            f"got {temperature}. Try 0."
        )
    if top_k is not None:
        count("generate", "top_k", top_k)
    return _tokens(decoder, given.tolist(), tokens, temperature, top_k, generator("generate", "seed", seed))


def _tokens(decoder: Decoder, seen: list[int], tokens: int, temperature: float, top_k, rng) -> Iterator[int]:
    seen = seen[-decoder.context :]
    unread = seen
    for _ in range(tokens):
        if decoder.place + len(unread) > decoder.context:
            decoder.reset()
            unread = seen[-max(1, decoder.context // 2) :]
        token = draw(decoder.read(*unread), temperature, top_k, rng)
        seen = [*seen[1 - decoder.context :], token] if decoder.context > 1 else [token]
        unread = [token]
        yield token


def draw(h: np.ndarray, temperature: float, top_k: int | None, rng: np.random.Generator) -> int:
    """A token drawn from softmax(h / temperature), of the `top_k` largest logits only; the largest at temperature 0."""
    largest = float(h.max())
    if not math.isfinite(largest):
        raise NonFiniteError(f"generate: expected finite logits, got {largest} among them. Was the training finite?")
    if temperature == 0.0:
        return int(h.argmax())
    h = h.astype(np.float64)
    if top_k is not None and top_k < h.size:
        h[np.argsort(-h, kind="stable")[top_k:]] = -np.inf
    h -= largest
    h /= temperature
    sums = np.exp(h, out=h).cumsum()
    return min(int(sums.searchsorted(rng.random() * sums[-1], side="right")), h.size - 1)
