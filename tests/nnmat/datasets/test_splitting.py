"""A split that keeps classes."""

import numpy as np
import pytest

from nnmat.datasets import Dataset, split
from nnmat.errors import ConfigError, DataError


def data(counts, labels=None):
    y = np.repeat(np.arange(len(counts)), counts)
    return Dataset(np.arange(len(y))[:, np.newaxis], y, labels)


@pytest.mark.parametrize("counts", [(50, 30, 20), (2, 2, 96), (7, 5, 3), (2, 2)])
@pytest.mark.parametrize("test", [0.2, 0.5, 0.8])
def test_both_parts_have_their_share_of_every_class(counts, test):
    whole = data(counts)
    m = round(test * len(whole))
    if not len(counts) <= m <= len(whole) - len(counts):
        with pytest.raises(ConfigError, match="a sample of each"):
            split(whole, test)
        return
    train, held = split(whole, test)
    assert len(held) == m
    assert sorted([*train.X[:, 0], *held.X[:, 0]]) == list(range(len(whole)))
    found, exact = np.bincount(held.y, minlength=len(counts)), np.array(counts) * m / len(whole)
    assert (found >= 1).all()
    assert (np.bincount(train.y, minlength=len(counts)) >= 1).all()
    if exact.min() >= 1 and (np.array(counts) - exact).min() >= 1:
        assert np.abs(found - exact).max() < 1
    assert np.array_equal(whole.y[train.X[:, 0]], train.y)
    assert np.array_equal(whole.y[held.X[:, 0]], held.y)


def test_a_seed_gives_the_same_parts():
    whole = data((40, 60))
    parts = [split(whole, 20, seed=seed)[1].X for seed in (3, 3, 4)]
    assert np.array_equal(parts[0], parts[1])
    assert not np.array_equal(parts[0], parts[2])


def test_the_order_is_random():
    """Batches that are taken in order have all classes."""
    for part in split(data((40, 60)), 30):
        assert len(set(part.y[:10])) == 2


def test_labels_stay_and_other_targets_are_split_without_classes():
    train, held = split(data((5, 5), ("cat", "dog")), 2)
    assert train.labels == held.labels == ("cat", "dog")
    numbers = Dataset(np.zeros((10, 2)), np.linspace(0, 1, 10))
    with pytest.raises(DataError, match="stratify=False"):
        split(numbers, 0.3)
    train, held = split(numbers, 0.3, stratify=False)
    assert (len(train), len(held)) == (7, 3)


def test_what_is_refused():
    with pytest.raises(DataError, match="one of class 'dog'"):
        split(data((5, 1), ("cat", "dog")), 2)
    for odd in (7, -1):  # none of the labels
        with pytest.raises(DataError, match=f"one of class {odd}"):
            split(Dataset(np.zeros((5, 1)), np.array([0, 0, 1, 1, odd]), ["cat", "dog"]), 2)
    with pytest.raises(DataError, match="one of class 1"):
        split(data((5, 1)), 2)
    for test in (0, 10, 1.0, -1, True, "a", 1.5):
        with pytest.raises(ConfigError, match="a share between 0 and 1"):
            split(data((5, 5)), test)
    with pytest.raises(DataError, match=r"expected a Dataset, got tuple"):
        split((np.zeros(3), np.zeros(3)), 0.5)
    with pytest.raises(ConfigError, match="seed"):
        split(data((5, 5)), 0.5, seed=-1)
