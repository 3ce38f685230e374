"""Attention as a picture: its numbers and its words."""

import numpy as np
import pytest

import nnmat
from nnmat.plots import plot_attention
from tests.nnmat.plots.drawn import weights


def test_a_head_or_the_mean_of_all():
    P = weights()
    for head, expected, title in ((0, P[0], "head 0"), (1, P[1], "head 1"), (None, P.mean(axis=0), "mean of 2 heads")):
        ax = plot_attention(P, head)
        np.testing.assert_array_equal(ax.images[0].get_array(), expected)
        assert ax.get_title() == title
        assert (ax.images[0].norm.vmin, ax.images[0].norm.vmax) == (0.0, expected.max())
    ax = plot_attention(P[0, :3])
    assert (ax.images[0].get_array().shape, ax.get_title()) == ((3, 5), "")


def test_words_at_the_sides():
    ax = plot_attention(weights(), queries="every")
    assert "".join(t.get_text() for t in ax.get_xticklabels()) == "every"
    ax = plot_attention(weights()[:, :3], queries="abc", keys=["the", "cat", "sat", "on", "it"])
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a", "b", "c"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["the", "cat", "sat", "on", "it"]
    ax = plot_attention(weights(), queries=np.array([7, 3, 12, 0, 1]))  # tokens as numbers
    assert [t.get_text() for t in ax.get_xticklabels()] == ["7", "3", "12", "0", "1"]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: plot_attention(np.ones((2, 2, 3, 3))), nnmat.ShapeError, r"got \(2, 2, 3, 3\). Of a batch .*P\[0\]"),
        (lambda: plot_attention(np.ones(3)), nnmat.ShapeError, r"expected weights of shape \(Tq, Tk\) or"),
        (lambda: plot_attention(np.full((2, 2), np.nan)), nnmat.DataError, "expected weights that are finite"),
        (lambda: plot_attention(np.array([["a"]])), nnmat.DtypeError, "expected weights that are real numbers, got"),
        (lambda: plot_attention(np.ones((2, 2), complex)), nnmat.DtypeError, "expected weights that are real numbers"),
        (
            lambda: plot_attention(weights(), queries=5),
            nnmat.ShapeError,
            "expected 5 queries, one for each place, got 5",
        ),
        (lambda: plot_attention(weights(), head=2), nnmat.ConfigError, "expected head below 2, .* got 2"),
        (lambda: plot_attention(weights()[0], head=0), nnmat.ConfigError, "of several heads for head=0, got those of"),
        (
            lambda: plot_attention(weights(), queries="abc"),
            nnmat.ShapeError,
            "expected 5 queries, one for each place, got 3",
        ),
    ],
)
def test_what_is_refused(call, error, text):
    with pytest.raises(error, match=f"plot_attention: .*{text}"):
        call()
