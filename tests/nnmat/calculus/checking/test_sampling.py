"""Random points: arrays have the attributes of their symbols."""

import numpy as np
import pytest

from nnmat.calculus import UnverifiedError, conv, derive, matrix, parse, sum
from nnmat.calculus.checking.sampling import draw
from nnmat.calculus.evaluation.binding import lacking


@pytest.mark.parametrize(
    "words",
    [
        ("orthogonal", "symmetric"),
        ("orthogonal", "diagonal"),
        ("orthogonal", "positive_definite"),
        ("sums_to_one", "symmetric"),
        ("sums_to_one", "positive_definite"),
        ("sums_to_one", "diagonal"),
        ("positive", "positive_definite"),
        ("diagonal", "positive_definite"),
        ("invertible", "symmetric"),
    ],
)
def test_a_point_has_all_the_attributes(words):
    S = matrix("S", "N", "N", **dict.fromkeys(words, True))
    for kind in range(6):
        array = draw(S, {"N": 4}, kind, np.random.default_rng(kind))
        assert lacking(S, array) == []
    f = parse("trace(S.T @ B @ S) + x.T @ S @ ones(N) + ones(1, N) @ S @ x", S=S, B=("N", "N"), x="N")
    assert derive(f, "B").check(trials=1) < 1e-8
    assert derive(f, "x").check(trials=1) < 1e-8


def test_attributes_that_no_array_has():
    S = matrix("S", "N", "N", orthogonal=True, positive=True)
    with pytest.raises(UnverifiedError, match="an array S that is orthogonal, positive, found none. Drop"):
        derive(parse("x.T @ S @ x", S=S), "x")


@pytest.mark.parametrize(("kernel", "dilation"), [(11, 1), (3, 5), (11, 4)])
def test_sizes_for_a_large_kernel(kernel, dilation):
    X, K = matrix("X", "H", "W"), matrix("K", kernel, kernel)
    assert derive(sum(conv(X, K, dilation=dilation) ** 2), "K").error < 1e-6
