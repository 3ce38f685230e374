"""Points of the judge: arrays that are what a record says of them."""

import numpy as np
import pytest

from nnmat.calculus.errors import RecordError
from nnmat.calculus.verifying.points import ATTRIBUTES, HOLDS, WAYS, axis_of, direction, draw, sizes_for, structured


@pytest.mark.parametrize("word", sorted(ATTRIBUTES))
def test_attributes(word):
    rng = np.random.default_rng(0)
    for way in range(WAYS):
        a = draw((4, 4), frozenset([word]), way, rng)
        assert a.shape == (4, 4)
        assert np.isfinite(np.linalg.inv(a)).all() or word != "invertible"
        if word in HOLDS:
            assert HOLDS[word](a, axis_of(a))


@pytest.mark.parametrize(
    "words", [{"symmetric", "sums_to_one"}, {"positive_definite", "positive"}, {"orthogonal", "symmetric"}]
)
def test_several_attributes(words):
    a = draw((3, 3), frozenset(words), 0, np.random.default_rng(1))
    assert all(HOLDS[word](a, 1) for word in words)


def test_no_array_is_known():
    with pytest.raises(RecordError, match="no array is known"):
        draw((3, 3), frozenset({"orthogonal", "positive", "symmetric"}), 0, np.random.default_rng(0))


def test_columns_sum_to_one():
    a = draw((5, 1), frozenset({"sums_to_one"}), 0, np.random.default_rng(0))
    assert a.sum() == pytest.approx(1)


def test_sizes_differ():
    rng = np.random.default_rng(0)
    found = sizes_for(["M", "N", "K"], rng, 0)
    assert len(set(found.values())) == 3
    assert min(sizes_for(["M", "N"], rng, 3).values()) >= 1


def test_directions_keep_the_attributes():
    rng = np.random.default_rng(0)
    d = direction(np.ones((3, 3)), frozenset({"symmetric"}), rng)
    assert np.array_equal(d, d.T)
    assert np.linalg.norm(d) == pytest.approx(1)
    assert np.count_nonzero(structured(np.ones((3, 3)), frozenset({"diagonal"}))) == 3
