"""Sums over rows in the promised pieces and order."""

import numpy as np
import pytest

from nnmat_kernels.losses.weighted_rows import mean_of_sums, mean_over_rows


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

    assert mean_over_rows(serial, counted, 40, 10, 4.0, H, 2.0) == 2 * H.sum() / 4
    assert seen == ([] if slots == 1 else [slots])


def test_sums_are_added_in_order():
    assert mean_of_sums(np.array([1e16, 1.0, -1e16]), 1.0) == 0.0
    assert mean_of_sums(np.array([1e16, -1e16, 1.0]), 2.0) == 0.5
    assert mean_of_sums(np.empty(0), 3.0) == 0.0
