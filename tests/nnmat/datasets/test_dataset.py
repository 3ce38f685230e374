"""Data sets in memory: indexing and splitting."""

import numpy as np
import pytest

from nnmat.datasets import Dataset
from nnmat.errors import ConfigError, DataError, DtypeError, ShapeError


def numbered(n: int) -> Dataset:
    """Sample i is filled with i, and its target is 10 i."""
    return Dataset(np.arange(n, dtype=np.float32)[:, None, None] * np.ones((1, 2, 3), np.float32), 10 * np.arange(n))


def rows(X) -> list[int]:
    return [int(i) for i in X[:, 0, 0]]


def test_indexing_keeps_samples_and_targets_together():
    data = numbered(7)
    x, y = data[-2]
    assert len(data) == 7
    assert x.shape == (2, 3)
    assert (x[0, 0], y) == (5, 50)
    mask = np.array([True, False, False, True, False, False, True])
    cases = {"slice": slice(1, 6, 2), "list": [4, 0, 4], "array": np.array([6, 1]), "mask": mask, "none": []}
    expected = {"slice": [1, 3, 5], "list": [4, 0, 4], "array": [6, 1], "mask": [0, 3, 6], "none": []}
    for name, index in cases.items():
        part = data[index]
        assert isinstance(part, Dataset), name
        assert rows(part.X) == expected[name], name
        assert list(part.y) == [10 * i for i in expected[name]], name
    assert np.shares_memory(data[2:4].X, data.X)
    assert not np.shares_memory(data[[2, 3]].X, data.X)
    assert "X (7, 2, 3) float32" in repr(data)


def test_a_notebook_shows_a_table():
    shown = Dataset(np.zeros((7, 2)), np.zeros(7, int), labels=["a<b", "c"], origin="x & y")._repr_html_()
    for text in ("(7, 2)", "float64", "int64", "a&lt;b, c", "<p>x &amp; y</p>"):
        assert text in shown


@pytest.mark.parametrize("index", [(0, 1), 1.5, np.zeros((2, 2), int), "a", True])
def test_an_index_of_another_kind_is_refused(index):
    with pytest.raises(IndexError, match="expected an integer, a slice, or a 1-D array"):
        numbered(3)[index]


def test_an_index_out_of_range_is_refused():
    with pytest.raises(IndexError):
        numbered(3)[3]
    with pytest.raises(IndexError):
        numbered(3)[np.array([True, False])]


def test_iteration_ends():
    assert [int(y) for _, y in numbered(3)] == [0, 10, 20]


@pytest.mark.parametrize(
    ("X", "y", "text"),
    [
        (np.zeros((3, 2)), np.zeros(4), "as many targets as samples, got 3 rows in X and 4 in y"),
        (np.float64(1), np.zeros(1), "X with a first axis"),
        (np.zeros(1), 3, "y with a first axis"),
    ],
)
def test_arrays_that_are_no_data_set_are_refused(X, y, text):
    with pytest.raises(DataError, match=text):
        Dataset(X, y)


@pytest.mark.parametrize(
    ("X", "error", "text"),
    [
        (
            np.array([[1, 2], [3]], dtype=object),
            DtypeError,
            "X to hold real numbers, got dtype object with list at index",
        ),
        ([[1, 2], [3]], ShapeError, "X to be an array, got rows of unequal lengths, such as 1 and 2"),
        (np.ma.masked_equal([1, 2], 2), DtypeError, "X .* without a mask, got MaskedArray with 1 of 2 entries masked"),
        ([1, None], DtypeError, "X to hold real numbers, got dtype object with None at index"),
    ],
)
def test_what_would_lie_in_an_array_is_refused(X, error, text):
    with pytest.raises(error, match=f"^Dataset: expected {text}"):
        Dataset(X, np.zeros(2))
    with pytest.raises(error, match=f"^Dataset: expected {text.replace('X', 'y', 1)}"):
        Dataset(np.zeros(2), X)


def test_an_index_that_is_masked_is_refused():
    with pytest.raises(DtypeError, match="Dataset: expected index .* without a mask"):
        numbered(3)[np.ma.masked_equal([0, 1, 2], 2)]
    assert len(numbered(3)[np.ma.masked_array([0, 2])]) == 2


@pytest.mark.parametrize(("size", "count"), [(0.25, 5), (0.5, 10), (3, 3), (np.int64(19), 19), (0.99, 20 - 1)])
def test_split_parts_are_disjoint_and_complete(size, count):
    if size == 0.99:
        size = 0.951  # rounds to 19 of 20
    a, b = numbered(20).split(size, seed=1)
    assert len(a) == count
    assert sorted(rows(a.X) + rows(b.X)) == list(range(20))
    assert list(a.y) == [10 * i for i in rows(a.X)]
    again, _ = numbered(20).split(size, seed=1)
    assert rows(again.X) == rows(a.X)


def test_split_depends_on_the_seed_and_takes_a_generator():
    data = numbered(100)
    assert rows(data.split(50, seed=0)[0].X) != rows(data.split(50, seed=1)[0].X)
    assert rows(data.split(50, seed=np.random.default_rng(3))[0].X) == rows(data.split(50, seed=3)[0].X)


@pytest.mark.parametrize("size", [0, 20, 21, -1, 0.0, 1.0, 1.5, 0.001, True, "half", None, float("nan")])
def test_a_split_without_two_parts_is_refused(size):
    with pytest.raises(ConfigError, match=r"Dataset\.split: expected"):
        numbered(20).split(size)
