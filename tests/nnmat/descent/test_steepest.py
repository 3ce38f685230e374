"""Steepest descent: it arrives, and says why it ends."""

import math

import numpy as np
import pytest

from nnmat.descent import Armijo, ExactQuadratic, FixedStep, StrongWolfe, steepest_descent
from nnmat.errors import ConfigError, DtypeError, NonFiniteError, ShapeError


def quadratic(seed: int, n: int = 12, condition: float = 10.0):
    """f = ½ (x - c)ᵀ A (x - c) with eigenvalues from 1 to `condition`: f, gradient, Hessian, minimiser."""
    rng = np.random.default_rng(seed)
    Q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    A = Q @ np.diag(np.linspace(1, condition, n)) @ Q.T
    c = rng.standard_normal(n)
    return lambda x: 0.5 * (x - c) @ A @ (x - c), lambda x: A @ (x - c), A, c


def rosenbrock(x):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def rosenbrock_gradient(x):
    return np.array([-400 * x[0] * (x[1] - x[0] ** 2) - 2 * (1 - x[0]), 200 * (x[1] - x[0] ** 2)])


@pytest.mark.parametrize("name", ["exact", "armijo", "wolfe"])
@pytest.mark.parametrize("seed", range(3))
def test_every_search_finds_the_minimum_of_a_quadratic(name, seed):
    f, gradient, A, c = quadratic(seed)
    search = {"exact": ExactQuadratic(lambda d: A @ d), "armijo": Armijo(), "wolfe": StrongWolfe()}[name]
    result = steepest_descent(f, gradient, np.zeros(12), search, tol=1e-6)
    assert result.converged
    assert "within tol" in result.reason
    assert result.gradient_norm <= 1e-6
    assert np.linalg.norm(result.x - c) <= 1e-6
    assert np.all(np.diff(result.history["f"]) < 0)
    assert len(result.history["f"]) == len(result.history["gradient_norm"]) == result.iterations + 1
    assert len(result.history["alpha"]) == result.iterations
    assert result.f == result.history["f"][-1]


def test_steps_are_taken_along_the_unit_vector_of_steepest_descent():
    f, gradient, _A, _ = quadratic(0)
    points = []
    result = steepest_descent(
        f, gradient, np.zeros(12), Armijo(), max_iterations=5, callback=lambda i, x, value, n: points.append(x.copy())
    )
    for x, following, alpha in zip(points, points[1:], result.history["alpha"], strict=False):
        g = gradient(x)
        assert np.allclose(following - x, -alpha * g / np.linalg.norm(g), atol=1e-14)
        assert np.isclose(np.linalg.norm(following - x), alpha)


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


def test_a_curved_valley():
    result = steepest_descent(
        rosenbrock, rosenbrock_gradient, np.array([-1.2, 1.0]), Armijo(), tol=1e-5, max_iterations=50_000
    )
    assert result.converged
    assert np.allclose(result.x, 1, atol=1e-4)


def test_several_tensors_use_one_global_norm():
    f, gradient, A, _c = quadratic(2, n=6)

    def split(v):
        return v[:4].reshape(2, 2), v[4:]

    def join(parts):
        return np.concatenate([parts[0].ravel(), parts[1]])

    def search():
        return ExactQuadratic(lambda d: A @ d)

    x0 = np.ones(6)
    whole = steepest_descent(f, gradient, x0, search())
    parts = steepest_descent(lambda p: f(join(p)), lambda p: split(gradient(join(p))), split(x0), search())
    assert parts.x[0].shape == (2, 2)
    assert np.array_equal(join(parts.x), whole.x)
    assert parts.history == whole.history


def test_a_matrix_is_minimised_in_its_own_shape():
    target = np.arange(6.0).reshape(2, 3)
    result = steepest_descent(lambda X: np.sum((X - target) ** 2), lambda X: 2 * (X - target), np.zeros((2, 3)))
    assert result.converged
    assert result.x.shape == (2, 3)
    assert np.allclose(result.x, target, atol=1e-6)


def test_a_stationary_start_stops_before_the_division():
    x0 = np.zeros(3)
    result = steepest_descent(lambda x: x @ x, lambda x: 2 * x, x0, tol=0)
    assert result.converged
    assert result.iterations == 0
    assert np.array_equal(result.x, np.zeros(3))


def test_x0_is_not_written_to():
    f, gradient, _, _ = quadratic(0)
    x0 = np.zeros(12)
    steepest_descent(f, gradient, x0, max_iterations=3)
    assert np.array_equal(x0, np.zeros(12))


def test_a_fixed_unit_step_jumps_to_and_fro():
    """Every step has length α, so the iterate ends at the distances c and α - c from the minimum, for ever."""
    alpha, points = 1e-3, []
    result = steepest_descent(
        lambda x: float(x[0] ** 2),
        lambda x: 2 * x,
        np.array([0.50032]),
        FixedStep(alpha),
        tol=1e-6,
        max_iterations=2000,
        callback=lambda i, x, value, n: points.append(abs(float(x[0]))),
    )
    assert not result.converged
    assert "2000 iterations are used up" in result.reason
    assert np.allclose(sorted(set(np.round(points[-500:], 9))), [0.00032, 0.00068], atol=1e-9)


def test_a_wrong_gradient_ends_in_a_reason_not_in_a_loop():
    f, gradient, _, _ = quadratic(0)
    for search in (Armijo(), StrongWolfe()):
        result = steepest_descent(f, lambda x: -gradient(x), np.zeros(12), search)
        assert not result.converged
        assert "the line search failed" in result.reason


def test_an_end_that_is_not_finite_is_reported():
    result = steepest_descent(
        lambda x: -math.inf if x[0] > 5 else -float(x[0]),
        lambda x: -np.ones(1),
        np.zeros(1),
        Armijo(),
        max_iterations=99,
    )
    assert not result.converged
    assert "not finite" in result.reason


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_start_out_of_the_domain_is_refused(value):
    with pytest.raises(NonFiniteError, match="expected f and its gradient to be finite at x0"):
        steepest_descent(lambda x: value, lambda x: x, np.ones(2))
    with pytest.raises(NonFiniteError, match="Choose another x0"):
        steepest_descent(lambda x: 1.0, lambda x: x * value, np.ones(2))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda f: steepest_descent(f, f, [1.0]), DtypeError, "x0 to be a NumPy array, got list"),
        (lambda f: steepest_descent(f, f, np.ones(2, np.float32)), DtypeError, "got float32"),
        (lambda f: steepest_descent(f, lambda x: x[:1], np.ones(2)), ShapeError, "the gradient of the shape of x0"),
        (lambda f: steepest_descent(f, f, np.ones(2), tol=-1), ConfigError, "tol as a finite number >= 0, got -1"),
        (lambda f: steepest_descent(f, f, np.ones(2), tol=math.nan), ConfigError, "tol as a finite number .*got nan"),
        (lambda f: steepest_descent(f, f, np.ones(2), max_iterations=1.5), ConfigError, "max_iterations"),
        (lambda f: FixedStep(0), ConfigError, "alpha as a finite number > 0, got 0"),
        (lambda f: Armijo(initial=math.inf), ConfigError, "initial as a finite number, got inf"),
        (lambda f: Armijo(shrink=1), ConfigError, "0 < shrink < 1"),
        (lambda f: StrongWolfe(c1=0.5, c2=0.1), ConfigError, "0 < c1 < c2 < 1"),
        (lambda f: ExactQuadratic(np.eye(2)), ConfigError, "a function d -> A d, got ndarray"),
    ],
)
def test_wrong_arguments_are_named(call, error, text):
    def f(x):
        return float(np.sum(x))

    with pytest.raises(error, match=text):
        call(f)
