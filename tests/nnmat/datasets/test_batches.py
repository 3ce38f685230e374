"""Minibatches: their order, and going on in the middle of an epoch."""

import numpy as np
import pytest

from nnmat import datasets
from nnmat.datasets import ArrayBatches, Dataset, batches
from nnmat.errors import ConfigError, DataError


def numbered(n: int) -> Dataset:
    """Sample i is filled with i, and its target is 10 i."""
    return Dataset(np.arange(n, dtype=np.float32)[:, None, None] * np.ones((1, 2, 3), np.float32), 10 * np.arange(n))


def rows(X) -> list[int]:
    return [int(i) for i in X[:, 0, 0]]


@pytest.mark.parametrize(("n", "batch_size", "sizes"), [(10, 4, [4, 4, 2]), (8, 4, [4, 4]), (3, 5, [3]), (1, 1, [1])])
@pytest.mark.parametrize("shuffle", [True, False])
def test_an_epoch_visits_every_sample_once(n, batch_size, sizes, shuffle):
    data = numbered(n)
    source = ArrayBatches(data.X, data.y, batch_size, shuffle)
    epoch = list(source.batches(np.random.default_rng(0)))
    assert len(source) == len(sizes)
    assert [len(X) for X, _ in epoch] == sizes
    visited = [i for X, _ in epoch for i in rows(X)]
    assert sorted(visited) == list(range(n))
    assert (visited == list(range(n))) == (not shuffle or n == 1)
    assert [int(t) for _, y in epoch for t in y] == [10 * i for i in visited]


def test_the_order_is_drawn_once_and_when_the_epoch_starts():
    source = ArrayBatches(np.arange(50), np.arange(50), 8)
    rng = np.random.default_rng(5)
    expected = np.random.default_rng(5)
    order, following = expected.permutation(50), expected.permutation(50)
    first = source.batches(rng)
    second = source.batches(rng)  # before a batch of the first was taken
    assert np.array_equal(np.concatenate([X for X, _ in first]), order)
    assert np.array_equal(np.concatenate([X for X, _ in second]), following)
    assert rng.bit_generator.state == expected.bit_generator.state


def test_an_unshuffled_epoch_draws_nothing():
    rng = np.random.default_rng(5)
    before = rng.bit_generator.state
    list(ArrayBatches(np.arange(5), np.arange(5), 2, shuffle=False).batches(rng))
    assert rng.bit_generator.state == before


@pytest.mark.parametrize("start", range(8))
@pytest.mark.parametrize("shuffle", [True, False])
def test_an_epoch_goes_on_in_the_middle(start, shuffle):
    data = numbered(50)
    source = ArrayBatches(data.X, data.y, 8, shuffle)
    whole = list(source.batches(np.random.default_rng(2)))
    rest = list(source.batches(np.random.default_rng(2), start=start))
    assert len(rest) == len(whole) - start
    for (X, y), (X_whole, y_whole) in zip(rest, whole[start:], strict=True):
        assert np.array_equal(X, X_whole)
        assert np.array_equal(y, y_whole)


def test_sample_weights_go_with_their_samples():
    source = ArrayBatches(np.arange(9), np.arange(9), 4, sample_weight=np.arange(9) / 10)
    for X, y, weight in source.batches(np.random.default_rng(0)):
        assert np.array_equal(X, y)
        assert np.allclose(weight, X / 10)


def test_batches_do_not_share_memory_with_the_data_when_shuffled():
    X = np.arange(6.0)
    for batch, _ in ArrayBatches(X, X, 2).batches(np.random.default_rng(0)):
        assert not np.shares_memory(batch, X)


def test_the_state_of_arrays_is_empty():
    source = ArrayBatches(np.arange(3), np.arange(3), 2)
    assert source.state() == {}
    source.load_state({})
    with pytest.raises(ConfigError, match="expected an empty state, got the entries"):
        source.load_state({"offset": 3})


@pytest.mark.parametrize("batch_size", [0, -1, 2.0, True, None, "8"])
def test_a_batch_size_that_is_none_is_refused(batch_size):
    with pytest.raises(ConfigError, match="ArrayBatches: expected batch_size as an integer >= 1"):
        ArrayBatches(np.zeros(3), np.zeros(3), batch_size)


def test_batches_refuses_what_it_cannot_use():
    with pytest.raises(DataError, match="at least one sample, got an empty data set"):
        ArrayBatches(np.zeros((0, 3)), np.zeros(0), 1)
    with pytest.raises(DataError, match="as many targets as samples"):
        ArrayBatches(np.zeros(3), np.zeros(4), 1)
    with pytest.raises(DataError, match=r"sample_weight of shape \(3,\)"):
        ArrayBatches(np.zeros(3), np.zeros(3), 1, sample_weight=np.zeros(2))
    source = ArrayBatches(np.zeros(3), np.zeros(3), 1)
    for start in (-1, 4):
        with pytest.raises(ConfigError, match="expected start from 0 to 3"):
            source.batches(np.random.default_rng(0), start=start)
    with pytest.raises(ConfigError, match=r"expected rng to be a numpy.random.Generator, got int"):
        source.batches(0)


def test_the_function_batches_is_one_pass():
    data = numbered(5)
    parts = list(batches(data, 2, np.random.default_rng(1)))
    assert sorted(i for X, _ in parts for i in rows(X)) == list(range(5))
    assert [rows(X) for X, _ in datasets.batches(data, 2, None, shuffle=False)] == [[0, 1], [2, 3], [4]]
