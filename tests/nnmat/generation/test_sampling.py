"""What is drawn from a language model."""

import numpy as np
import pytest

from nnmat import ConfigError, DataError, DtypeError, LabelError, NonFiniteError, generate
from nnmat.generation.sampling import draw
from tests.nnmat.generation.models import language_model


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
    assert list(generate(model, [1], 5, temperature=1e-6)) == list(generate(model, [1], 5, temperature=0))
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
        ([], {}, DataError, r"^generate: expected start of shape \(n,\), n >= 1, got \(0,\)"),
        (np.zeros(0, int), {}, DataError, r"^generate: expected start of shape \(n,\), n >= 1"),
        ([[1]], {}, DataError, r"^generate: expected start of shape"),
        (
            [0.5],
            {},
            DtypeError,
            r"^generate: expected start as tokens, integers, got float64.*Try start\.astype\(np\.int64\)",
        ),
        ([11], {}, LabelError, r"^generate: expected tokens from 0 to 10 in start, got 11"),
        ([1], {"temperature": -1}, ConfigError, r"^generate: expected temperature as a finite number >= 0"),
        ([1], {"temperature": 1e-320}, ConfigError, r"^generate: expected temperature as 0, .*>= 1e-06, got 1e-320"),
        ([1], {"top_k": 0}, ConfigError, r"^generate: expected top_k as an integer >= 1"),
        ([1], {"seed": "a"}, ConfigError, r"^generate: "),
    ],
)
def test_errors(start, options, kind, text):
    with pytest.raises(kind, match=text):
        generate(language_model(), start, 3, **options)
