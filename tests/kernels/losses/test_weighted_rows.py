"""Sums over rows in the promised pieces and order."""

import itertools

import numpy as np
import pytest

from nnmat_kernels.errors import DataError
from nnmat_kernels.losses.elementwise_losses import binary_entry, squared_entry
from nnmat_kernels.losses.entry_losses import entry_loss_unchecked
from nnmat_kernels.losses.softmax_cross_entropy import (
    softmax_cross_entropy_unchecked,
    target_cross_entropy_unchecked,
    weighted_label_cross_entropy_unchecked,
)
from nnmat_kernels.losses.weighted_rows import (
    WEIGHTS_TOGETHER,
    given_or_made,
    mean_of_sums,
    mean_over_rows,
    spread,
    sum_of_weights,
)


def serial(H, factor, sums, slot, first, last):
    sums[slot] = factor * H[first:last].sum()


def parallel(H, factor, sums):
    for k in range(sums.size):
        serial(H, factor, sums, k, k * len(H) // sums.size, (k + 1) * len(H) // sums.size)


@pytest.mark.parametrize(("rows", "slots"), [(1, 1), (9, 1), (10, 4), (200, 80), (3, 1)])
def test_the_number_of_pieces_follows_the_shape(rows, slots, rng):
    H, seen = rng.integers(-9, 9, (rows, 4)).astype(float), []

    def counted(H, factor, sums):
        seen.append(sums.size)
        parallel(H, factor, sums)

    assert mean_over_rows(serial, counted, 40, 10, 4.0, 1, H, 2.0) == 2 * H.sum() / 4
    assert seen == ([] if slots == 1 else [slots])


def test_sums_are_added_in_order():
    assert mean_of_sums(np.array([1e16, 1.0, -1e16]), 1.0, 1) == 0.0
    assert mean_of_sums(np.array([1e16, -1e16, 1.0]), 2.0, 1) == 0.5
    assert mean_of_sums(np.array([3.0]), 0.5, 4) == 1.5
    assert mean_of_sums(np.empty(0), 3.0, 1) == 0.0


def test_without_weight_the_mean_is_zero():
    assert mean_of_sums(np.array([1.0]), 0.0, 3) == 0.0
    assert mean_of_sums(np.array([np.nan]), 0.0, 3) == 0.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_are_spread_over_rows(dtype):
    np.testing.assert_array_equal(spread("f", np.array([1, 0.5], dtype), 6), [1, 1, 1, 0.5, 0.5, 0.5])
    np.testing.assert_array_equal(spread("f", np.array([0, 2], dtype), 2), [0, 2])
    np.testing.assert_array_equal(spread("f", None, 3), np.ones(3))


@pytest.mark.parametrize("wrong", [-1.0, np.inf, np.nan, -np.inf])
def test_a_wrong_weight_is_refused(wrong):
    with pytest.raises(DataError, match="^f: expected sample_weight finite and not negative, got .* at position 1"):
        spread("f", np.array([0.0, wrong, wrong]), 6)


@pytest.mark.parametrize("rows", [0, 1, WEIGHTS_TOGETHER, 3 * WEIGHTS_TOGETHER + 5])
def test_the_sum_of_the_weights(rows, rng):
    assert sum_of_weights(np.ones(rows), 1) == rows
    s = rng.random(rows)
    assert sum_of_weights(s, 1) == pytest.approx(s.sum(), rel=1e-14)
    assert sum_of_weights(s, 3) == pytest.approx(s.sum() / 3, rel=1e-14)


def test_the_gradient_is_the_array_that_was_given():
    out, G = np.empty((2, 3, 4)), np.empty((6, 4))
    assert given_or_made(out, G, (2, 3, 4)) is out
    assert given_or_made(None, G, (6, 4)) is G
    assert given_or_made(None, G, (2, 3, 4)).base is G


DRIVERS = {
    "labels": (softmax_cross_entropy_unchecked, True, ()),
    "weighted labels": (weighted_label_cross_entropy_unchecked, True, (None, None, 0.1)),
    "targets": (target_cross_entropy_unchecked, False, (None, None, 0.1)),
    "squares": (entry_loss_unchecked, False, (squared_entry, 0.0, 0.0)),
    "binary": (entry_loss_unchecked, False, (binary_entry, 2.0, 1.0)),
}


@pytest.mark.parametrize("shape", [(1, 10), (2, 7), (5, 33), (3, 200)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", DRIVERS)
def test_no_bit_depends_on_where_the_arrays_lie(name, dtype, shape, rng):
    """Side by side in one buffer, in any order, or far apart: a loop that checks for that sums in another order."""
    driver, labels, options = DRIVERS[name]
    H = rng.standard_normal(shape).astype(dtype)
    Y = rng.random(shape).astype(dtype)
    y = rng.integers(0, shape[1], shape[0])
    found = set()
    for order in itertools.permutations(range(3)):
        for gap in (0, 1, 3, 16, 100):
            buffer = np.zeros(3 * (H.size + gap) + 16, dtype)
            places = [buffer[i * (H.size + gap) : i * (H.size + gap) + H.size].reshape(shape) for i in order]
            places[0][...], places[1][...] = H, Y
            value, G, *_ = driver(places[0], y if labels else places[1], *options, G=places[2])
            found.add((value, G.tobytes()))
    assert len(found) == 1
