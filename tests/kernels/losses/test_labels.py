"""The first label that is no class, wherever it stands."""

import pytest

from nnmat_kernels.losses.labels import wrong_label


@pytest.mark.parametrize("size", [0, 1, 7, 64, 1000])
def test_all_labels_are_right(size, rng):
    assert wrong_label(rng.integers(0, 5, size), 5) == -1


@pytest.mark.parametrize("label", [-1, 5, 2**62, -(2**63)])
@pytest.mark.parametrize("place", [0, 13, 99])
def test_the_first_wrong_label(label, place, rng):
    y = rng.integers(0, 5, 100)
    y[place] = label
    assert wrong_label(y, 5) == place
    y[-1] = -9
    assert wrong_label(y, 5) == place
