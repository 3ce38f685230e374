"""Characters as integers, and back."""

import json
import os
from typing import Any

import numpy as np

from nnmat_kernels.runtime.door import array, dtype_remedy

from ...errors import ConfigError, DataError, DtypeError, FileFormatError, LabelError, ShapeError
from ...formats.atomic import atomic_write
from ...formats.paths import as_path, existing_file
from ...habits import arguments_checked

FORMAT = "nnmat vocabulary"


class Vocabulary:
    """The distinct characters of a text, in the order of their code points: the tokens 0, 1, ..., V - 1.

        vocabulary = Vocabulary(text)
        tokens = vocabulary.encode(text)        # (n,) int64
        vocabulary.decode(tokens) == text

    Raises DataError for a text that is empty, or has one character only: there would be nothing to tell apart.
    """

    @arguments_checked
    def __init__(self, text: str):
        points = np.unique(_points("Vocabulary", text))
        if len(points) < 2:
            what = "an empty text" if len(points) == 0 else f"one only, {chr(points[0])!r}"
            raise DataError(
                f"Vocabulary: expected a text with at least two different characters, got {what}. Give a longer text."
            )
        self._points = points
        self.characters = "".join(map(chr, points.tolist()))

    def __len__(self) -> int:
        """V, the number of tokens."""
        return len(self._points)

    def encode(self, text: str) -> np.ndarray:
        """The tokens (n,) int64 of a text of n characters; DataError for a character that is none of these."""
        points = _points("Vocabulary.encode", text)
        tokens = np.minimum(np.searchsorted(self._points, points), len(self) - 1)
        if (unknown := np.flatnonzero(self._points[tokens] != points)).size:
            at = int(unknown[0])
            raise DataError(
                f"Vocabulary.encode: expected characters among the {len(self)} of the vocabulary, got {text[at]!r} at "
                f"place {at}. Make the vocabulary from a text that has it, or leave it out."
            )
        return tokens.astype(np.int64)

    def decode(self, tokens) -> str:
        """The text of tokens (n,), integers; DtypeError, or LabelError for one that is not from 0 to V - 1."""
        tokens = array("Vocabulary.decode", "tokens", tokens)
        if tokens.dtype.kind not in "iu" and tokens.size:  # an empty list has no dtype of its own
            remedy = dtype_remedy("tokens", tokens.dtype, "int64")
            raise DtypeError(f"Vocabulary.decode: expected tokens of an integer dtype, got {tokens.dtype}. {remedy}")
        if tokens.ndim == 0:
            raise ShapeError("Vocabulary.decode: expected tokens of shape (n,), got a single number. Try [token].")
        tokens = tokens.reshape(-1)
        if not tokens.size:
            return ""
        if not 0 <= tokens.min() <= tokens.max() < len(self):
            wrong = tokens[(tokens < 0) | (tokens >= len(self))][0]
            raise LabelError(f"Vocabulary.decode: expected tokens from 0 to {len(self) - 1}, got {wrong}.")
        return self._points[tokens].astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")

    def save(self, path: str | bytes | os.PathLike) -> None:
        """Write it to `path` as JSON, whole or not at all."""
        content = json.dumps({"format": FORMAT, "version": 1, "characters": self.characters})
        with atomic_write(as_path("Vocabulary.save", path)) as file:
            file.write(content.encode("ascii"))

    @classmethod
    def load(cls, path: str | bytes | os.PathLike) -> "Vocabulary":
        """The one that `save` wrote; raises FileNotFoundError, and FileFormatError for another file."""
        path = existing_file("Vocabulary.load", path)
        try:
            content: Any = json.loads(path.read_bytes())
            if content["format"] != FORMAT:
                raise ValueError
            found = cls(content["characters"])
            if found.characters != content["characters"]:
                raise ValueError
        except (ValueError, LookupError, TypeError):  # ConfigError and DataError are ValueErrors
            raise FileFormatError(
                f"Vocabulary.load: expected {path} to be a file that Vocabulary.save wrote."
            ) from None
        return found

    def __eq__(self, other) -> bool:
        return isinstance(other, Vocabulary) and self.characters == other.characters

    def __hash__(self) -> int:
        return hash(self.characters)

    def __repr__(self) -> str:
        return f"Vocabulary({self.characters!r})"


def _points(who: str, text) -> np.ndarray:
    """The code points of a text."""
    if not isinstance(text, str):
        raise ConfigError(f"{who}: expected a text, str, got {type(text).__name__}. Bytes: try text.decode().")
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
