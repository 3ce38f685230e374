"""Line searches: their conditions, and lines on which there is nothing to find."""

import itertools
import math

import numpy as np
import pytest

from nnmat.descent import Armijo, ExactQuadratic, LineSearchError, StrongWolfe, steepest_descent
from nnmat.errors import ConfigError


def quadratic(seed: int, n: int = 12, condition: float = 10.0):
    """f = ½ (x - c)ᵀ A (x - c) with eigenvalues from 1 to `condition`: f, gradient, Hessian, minimiser."""
    rng = np.random.default_rng(seed)
    Q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    A = Q @ np.diag(np.linspace(1, condition, n)) @ Q.T
    c = rng.standard_normal(n)
    return lambda x: 0.5 * (x - c) @ A @ (x - c), lambda x: A @ (x - c), A, c


def test_exact_search_minimises_along_the_line_and_obeys_its_rate():
    condition = 10.0
    f, gradient, A, _c = quadratic(1, condition=condition)
    points = []
    steepest_descent(
        f,
        gradient,
        np.zeros(12),
        ExactQuadratic(lambda d: A @ d),
        tol=1e-6,
        callback=lambda i, x, value, n: points.append((x.copy(), value)),
    )
    bound = ((condition - 1) / (condition + 1)) ** 2
    for (x, value), (y, lower) in itertools.pairwise(points):
        d = y - x
        assert abs(gradient(y) @ d) <= 1e-9 * abs(gradient(x) @ d)
        assert lower <= bound * value * (1 + 1e-6)


def test_least_squares_step_has_the_closed_form():
    rng = np.random.default_rng(0)
    X, y, w = rng.standard_normal((20, 4)), rng.standard_normal(20), rng.standard_normal(4)
    g = 2 * X.T @ (X @ w - y)
    d = -g / np.linalg.norm(g)
    search = ExactQuadratic(lambda d: 2 * X.T @ (X @ d))
    alpha = search(None, None, w, d, 0.0, g, None)
    assert np.isclose(alpha, -(g @ d) / (2 * np.sum((X @ d) ** 2)), rtol=1e-14)
    assert np.isclose(alpha, np.linalg.norm(g) ** 3 / (g @ (2 * X.T @ (X @ g))), rtol=1e-12)


def random_line(seed: int):
    """A smooth non-convex function with a lower bound, a point and a downhill unit direction."""
    rng = np.random.default_rng(seed)
    B = rng.standard_normal((3, 3))
    A, w, b = B @ B.T + 0.1 * np.eye(3), rng.standard_normal(3), 3 * rng.random()

    def f(x):
        return 0.5 * x @ A @ x + b * np.cos(w @ x)

    def gradient(x):
        return A @ x - b * np.sin(w @ x) * w

    x = 3 * rng.standard_normal(3)
    g = gradient(x)
    d = -g / np.linalg.norm(g) + 0.3 * rng.standard_normal(3)
    return f, gradient, x, d / np.linalg.norm(d), g


@pytest.mark.parametrize("guess", [None, 1e-4, 1.0, 1e3])
def test_line_searches_meet_their_conditions(guess):
    checked = 0
    for seed in range(150):
        f, gradient, x, d, g = random_line(seed)
        slope = g @ d
        if slope >= -1e-3:
            continue
        checked += 1
        for search in (Armijo(), StrongWolfe(c2=0.1), StrongWolfe(c2=0.9)):
            alpha = search(f, gradient, x, d, f(x), g, guess)
            assert alpha > 0
            assert f(x + alpha * d) <= f(x) + search.c1 * alpha * slope
            if isinstance(search, StrongWolfe):
                assert abs(gradient(x + alpha * d) @ d) <= search.c2 * abs(slope)
    assert checked >= 100


def test_armijo_takes_the_first_power_that_is_low_enough():
    f, gradient, x, d, g = random_line(3)
    search = Armijo(initial=64.0, c1=0.1, shrink=0.25)
    alpha = search(f, gradient, x, d, f(x), g, None)
    k = round(math.log(64 / alpha, 4))
    assert alpha == 64 * 0.25**k
    assert k > 0
    for bigger in (64 * 0.25**i for i in range(k)):
        assert not f(x + bigger * d) <= f(x) + 0.1 * bigger * (g @ d)


@pytest.mark.filterwarnings("ignore:invalid value encountered in log")
@pytest.mark.parametrize("search", [Armijo(initial=3.0), StrongWolfe(initial=3.0, c2=0.9, max_evaluations=40)])
def test_a_step_out_of_the_domain_is_refused(search):
    """f = log x at 1 along -1: f is NaN at the first step of 3, and `while f > bound` would accept that."""
    x, d, g = np.array([1.0]), np.array([-1.0]), np.array([1.0])
    assert math.isnan(float(np.log(x + 3 * d)[0]))

    def call():
        return search(lambda x: float(np.log(x)[0]), lambda x: 1 / x, x, d, 0.0, g, None)

    if isinstance(search, Armijo):
        assert call() == 0.75
    else:  # log x has no point along d that is flatter: the search must give up, not return a NaN
        with pytest.raises(LineSearchError):
            call()


def test_strong_wolfe_comes_back_from_a_wall_of_infinity():
    def f(x):
        return float(-np.log(x[0]) - np.log(2 - x[0])) if 0 < x[0] < 2 else math.inf

    def gradient(x):
        return -1 / x + 1 / (2 - x)

    result = steepest_descent(f, gradient, np.array([1e-3]), StrongWolfe(initial=50.0), tol=1e-8)
    assert result.converged
    assert np.isclose(result.x[0], 1, atol=1e-8)


def test_uphill_and_unbounded_lines_are_reported():
    f, gradient, A, _ = quadratic(0)
    x, g = np.zeros(12), gradient(np.zeros(12))
    for search in (Armijo(), StrongWolfe(), ExactQuadratic(lambda d: A @ d)):
        with pytest.raises(LineSearchError, match="does not go downhill"):
            search(f, gradient, x, g, f(x), g, None)
    result = steepest_descent(lambda x: float(x[0]), lambda x: np.ones(1), np.zeros(1), StrongWolfe())
    assert not result.converged
    assert "bounded below" in result.reason
    saddle = ExactQuadratic(lambda d: -d)
    result = steepest_descent(lambda x: -x @ x / 2, lambda x: -x, np.ones(2), saddle)
    assert "is not positive" in result.reason


def test_a_search_of_ones_own_that_goes_backwards_is_refused():
    f, gradient, _, _ = quadratic(0)
    with pytest.raises(ConfigError, match=r"expected a step above 0 from .*, got -1"):
        steepest_descent(f, gradient, np.zeros(12), lambda *line: -1.0)


@pytest.mark.parametrize("search", ["armijo", 0.1])
def test_the_line_search_is_an_object(search):
    with pytest.raises(ConfigError, match="expected line_search as an Armijo"):
        steepest_descent(lambda x: float(x @ x), lambda x: 2 * x, np.ones(2), line_search=search)
