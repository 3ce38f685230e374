"""Random points: arrays have the attributes of their symbols."""

import numpy as np
import pytest

from nnmat.calculus import UnverifiedError, conv, derive, dim, matrix, parse, sum
from nnmat.calculus.checking.sampling import Point, draw, points, sizes_for, structured
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


def test_sizes_differ_where_they_can_and_are_positive():
    e = parse("A @ B @ x", A=("M", "N"), B=("N", dim("K") - 3), x=(dim("K") - 3,))
    for seed in range(20):
        sizes = sizes_for(e, np.random.default_rng(seed))
        assert set(sizes) == {"M", "N", "K"}
        assert sizes["K"] > 3
        assert min(sizes.values()) >= 1
    plain = sizes_for(parse("A @ B", A=("M", "N"), B=("N", "K")), np.random.default_rng(0))
    assert len(set(plain.values())) == 3  # a lost transpose must not conform by chance


def test_sizes_that_nothing_satisfies():
    with pytest.raises(UnverifiedError, match="sizes under which all shapes .* are positive, found none"):
        sizes_for(matrix("A", dim("N") - 1, dim(1) - dim("N") + 1).T, np.random.default_rng(0))


def test_points_are_drawn_in_different_ways_and_say_what_they_are():
    x = matrix("x", 2, 1)
    drawn = [p.arrays[x] for p in points(x, np.random.default_rng(0), 8)]
    assert len({a.tobytes() for a in drawn}) == 8
    assert any((a > 0).all() for a in drawn)
    assert any(np.abs(a).max() > 5 for a in drawn)  # far from 0, for the domains that lie there
    assert str(Point({}, {x: np.array([[1.0], [2.0]])})) == "x = [[1.], [2.]]"


@pytest.mark.parametrize("seed", range(3))
def test_the_nearest_matrix_with_a_structure(seed):
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((4, 4))
    for words, project in (({"symmetric"}, lambda b: b + b.T), ({"diagonal"}, lambda b: np.diag(np.diag(b)))):
        near = structured(a, frozenset(words))
        other = project(rng.standard_normal((4, 4)))
        assert np.allclose(structured(near, frozenset(words)), near)
        assert np.linalg.norm(a - near) <= np.linalg.norm(a - near - 0.1 * other) + 1e-12
    assert structured(a, frozenset({"positive"})) is a
