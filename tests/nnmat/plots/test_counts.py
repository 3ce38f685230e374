"""Confusion: its shares and its counts."""

import numpy as np
import pytest

import nnmat
from nnmat.plots import plot_confusion
from tests.nnmat.plots.drawn import confusion


def test_shares_are_of_the_rows_and_counts_stand_in_the_cells():
    ax = plot_confusion(confusion(), ["a", "b", "c"])
    np.testing.assert_allclose(ax.images[0].get_array(), [[0.8, 0.2, 0], [0.1, 0.9, 0], [0, 0.75, 0.25]])
    assert {(t.get_position(), t.get_text()) for t in ax.texts} == {
        ((0, 0), "8"), ((1, 0), "2"), ((0, 1), "1"), ((1, 1), "9"), ((1, 2), "3"), ((2, 2), "1"),
    }  # fmt: skip
    assert (
        [t.get_text() for t in ax.get_xticklabels()] == ["a", "b", "c"] == [t.get_text() for t in ax.get_yticklabels()]
    )
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted", "true")


def test_a_class_that_does_not_occur_and_many_classes():
    ax = plot_confusion(np.array([[0, 0], [1, 1]]))
    np.testing.assert_array_equal(ax.images[0].get_array(), [[0, 0], [0.5, 0.5]])
    assert not plot_confusion(np.eye(30)).texts


def test_counts_are_written_in_full_and_summed_without_an_overflow():
    large = plot_confusion(np.array([[1234567, 0], [0, 7]], ">i8"))
    assert [t.get_text() for t in large.texts] == ["1234567", "7"]
    assert [t.get_text() for t in plot_confusion(np.array([[0.25, 0], [0, 1]])).texts] == ["0.25", "1"]
    small = plot_confusion(np.array([[6e4, 6e4], [0, 1]], np.float16))
    np.testing.assert_array_equal(small.images[0].get_array(), [[0.5, 0.5], [0, 1]])


def test_what_is_refused():
    with pytest.raises(nnmat.ShapeError, match=r"expected counts of shape \(M, M\), got \(2, 3\). nnmat.metrics"):
        plot_confusion(np.ones((2, 3)))
    for wrong in ([[1, -1], [0, 1]], [[1, np.nan], [0, 1]]):
        with pytest.raises(nnmat.DataError, match="plot_confusion: expected counts that are finite and >= 0"):
            plot_confusion(np.array(wrong))
    with pytest.raises(nnmat.ConfigError, match="plot_confusion: expected 3 labels, one for each class, got 2"):
        plot_confusion(confusion(), ["a", "b"])
    with pytest.raises(nnmat.ConfigError, match="plot_confusion: expected 3 labels, one for each class, got 3"):
        plot_confusion(confusion(), 3)
    for wrong in (np.eye(2, dtype=bool), np.array([["a"]])):
        with pytest.raises(nnmat.DtypeError, match="plot_confusion: expected counts, got dtype"):
            plot_confusion(wrong)
