"""Windows of a sequence of tokens, and the tokens that follow: what a language model is trained and measured on."""

from collections.abc import Iterator

import numpy as np

from nnmat_kernels.runtime.door import array, dtype_remedy

from ...checks import count
from ...errors import ConfigError, DataError, DtypeError
from ...habits import arguments_checked
from ..dataset import Dataset


def windows(tokens, context: int) -> Dataset:
    """Windows of `context` tokens side by side: X (n, T), and as targets y (n, T) the token that follows each.

    n = (number of tokens - 1) // T; the tokens at the end that fill no window are left out. Both share the tokens'
    memory where that is contiguous. Raises DataError for a context longer than the text, DtypeError, ConfigError.
    """
    tokens, T = _checked("windows", tokens, context)
    tokens = np.ascontiguousarray(tokens, np.int64)
    n = (len(tokens) - 1) // T
    return Dataset(tokens[: n * T].reshape(n, T), tokens[1 : n * T + 1].reshape(n, T))


class RandomWindows:
    """A batch source: windows of `context` tokens from anywhere, X (B, T), and the token that follows each, y (B, T).

    An epoch has `steps` batches of `batch_size` windows; the places of all of them are drawn from the Trainer's
    generator at its beginning. Tokens (n,) are integers of any dtype, n > T = `context`; of a memory map only the
    windows are read.
    Raises DataError for a context longer than the text, DtypeError, ConfigError.
    """

    @arguments_checked
    def __init__(self, tokens, context: int, batch_size: int, steps: int):
        self.tokens, self.context = _checked("RandomWindows", tokens, context)
        self.batch_size = count("RandomWindows", "batch_size", batch_size)
        self.steps = count("RandomWindows", "steps", steps, hint="It is the number of batches in an epoch.")
        self.samples = self.steps * self.batch_size

    def __len__(self) -> int:
        return self.steps

    def batches(self, rng: np.random.Generator, start: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The batches of one epoch from number `start` on."""
        if not 0 <= start <= self.steps:
            raise ConfigError(f"RandomWindows.batches: expected start from 0 to {self.steps}, got {start!r}.")
        places = rng.integers(0, len(self.tokens) - self.context, (self.steps, self.batch_size))  # now, not later
        return self._cut(places[start:])

    def _cut(self, places: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        own = np.arange(self.context)
        for firsts in places:
            at = firsts[:, np.newaxis] + own
            yield self.tokens[at].astype(np.int64), self.tokens[at + 1].astype(np.int64)

    def state(self) -> dict:
        """What must be saved besides the generator: nothing."""
        return {}

    def load_state(self, state: dict) -> None:
        """Take back what `state` gave."""
        if state:
            raise ConfigError(
                f"RandomWindows.load_state: expected an empty state, got the entries {sorted(state)}. "
                "Was it saved from another kind of batch source?"
            )


def _checked(who: str, tokens, context) -> tuple[np.ndarray, int]:
    """The tokens as an array (n,) of integers, and the context, if there is at least one window."""
    tokens, context = array(who, "tokens", tokens), count(who, "context", context)
    if tokens.dtype.kind not in "iu" and tokens.size:  # an empty list has no dtype of its own
        remedy = dtype_remedy("tokens", tokens.dtype, "int64")
        raise DtypeError(f"{who}: expected tokens of an integer dtype, got {tokens.dtype}. {remedy}")
    if tokens.ndim != 1:
        raise DataError(f"{who}: expected tokens of shape (n,), one text, got {tokens.shape}.")
    if len(tokens) <= context:
        raise DataError(
            f"{who}: expected more tokens than context = {context}, for each window is followed by one, got "
            f"{len(tokens)}. Give a longer text, or a shorter context."
        )
    return tokens, context
