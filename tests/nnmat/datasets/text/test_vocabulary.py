"""Characters to integers and back, saved as JSON."""

import numpy as np
import pytest

from nnmat.datasets import Vocabulary
from nnmat.errors import ConfigError, DataError, DtypeError, FileFormatError, LabelError

TEXT = "hello, wörld \U0001f600\n\ud800"  # beyond 16 bits, and half of a pair, which JSON knows


def test_there_and_back():
    vocabulary = Vocabulary(TEXT)
    tokens = vocabulary.encode(TEXT)
    assert tokens.dtype == np.int64
    assert len(vocabulary) == len(set(TEXT)) == tokens.max() + 1
    assert vocabulary.characters == "".join(sorted(set(TEXT)))
    assert vocabulary.decode(tokens) == TEXT
    assert vocabulary.decode(tokens.reshape(-1, 2).astype(np.uint8)) == TEXT
    assert vocabulary.decode(vocabulary.encode("")) == ""


def test_files(tmp_path):
    vocabulary, path = Vocabulary(TEXT), tmp_path / "v.json"
    vocabulary.save(path)
    assert Vocabulary.load(path) == vocabulary
    assert hash(Vocabulary.load(path)) == hash(vocabulary)
    assert Vocabulary("ab") != vocabulary
    assert repr(Vocabulary("ba")) == "Vocabulary('ab')"
    for content in (
        b"",
        b"{}",
        b"[1]",
        b'{"format": "nnmat vocabulary", "characters": "ba"}',
        b'{"format": "nnmat vocabulary", "characters": "a"}',
        b'{"format": "nnmat vocabulary", "characters": 7}',
        path.read_bytes()[:-1],
    ):
        path.write_bytes(content)
        with pytest.raises(FileFormatError, match=r"^Vocabulary\.load: expected .*v\.json to be a file that"):
            Vocabulary.load(path)
    with pytest.raises(FileNotFoundError):
        Vocabulary.load(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda: Vocabulary(""), DataError, r"^Vocabulary: expected a text with at least two .*got an empty text\."),
        (lambda: Vocabulary("aaa"), DataError, r"^Vocabulary: .*got one only, 'a'\. Give a longer text"),
        (lambda: Vocabulary(b"ab"), ConfigError, r"^Vocabulary: expected a text, str, got bytes\. Bytes: try"),
        (lambda: Vocabulary("ab").encode("abca"), DataError, r"^Vocabulary\.encode: .*got 'c' at place 2\. Make"),
        (lambda: Vocabulary("ab").encode("a!"), DataError, r"got '!' at place 1"),
        (lambda: Vocabulary("ab").decode([0, 2]), LabelError, r"^Vocabulary\.decode: .*from 0 to 1, got 2\."),
        (lambda: Vocabulary("ab").decode([-1]), LabelError, r"from 0 to 1, got -1"),
        (
            lambda: Vocabulary("ab").decode([0.5]),
            DtypeError,
            r"^Vocabulary\.decode: .*integer dtype, got float64\. Try tokens.astype\(np.int64\)",
        ),
    ],
)
def test_errors(call, kind, text):
    with pytest.raises(kind, match=text):
        call()


def test_no_tokens_are_an_empty_text():
    assert Vocabulary("ab").decode([]) == Vocabulary("ab").decode(np.zeros(0, int)) == ""
