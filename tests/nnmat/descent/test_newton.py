"""Newton's method: one step for a quadratic, quadratic convergence, what it does where the Hessian is indefinite."""

import math

import numpy as np
import pytest

from nnmat.calculus import (
    compile,
    dim,
    evaluate,
    frobenius,
    hessian,
    hessian_product,
    inner,
    log_softmax_rows,
    matrix,
    scalar,
)
from nnmat.descent import Armijo, FixedStep, StrongWolfe, newton, steepest_descent
from nnmat.descent.newton import conjugate_gradients
from nnmat.descent.problem import DirectionError
from nnmat.errors import ConfigError, DtypeError, NonFiniteError, ShapeError
from tests.nnmat.descent.test_steepest import quadratic, rosenbrock, rosenbrock_gradient


def rosenbrock_hessian(x):
    return np.array([[1200 * x[0] ** 2 - 400 * x[1] + 2, -400 * x[0]], [-400 * x[0], 200.0]])


@pytest.mark.parametrize("way", ["hessian", "products"])
def test_the_closed_form_of_ridge_regression_in_one_step(way, rng):
    """f = ‖X w - y‖² + λ ‖w‖² has its minimum at (XᵀX + λ I)⁻¹ Xᵀ y."""
    X, y, penalty = rng.standard_normal((40, 6)), rng.standard_normal(40), 0.7
    H = 2 * (X.T @ X + penalty * np.eye(6))
    given = {"hessian": lambda w: H} if way == "hessian" else {"hessian_product": lambda w, v: H @ v, "accuracy": 1e-13}
    result = newton(
        lambda w: np.sum((X @ w - y) ** 2) + penalty * w @ w,
        lambda w: 2 * X.T @ (X @ w - y) + 2 * penalty * w,
        rng.standard_normal(6),
        tol=1e-9,
        **given,
    )
    assert result.converged
    assert (result.iterations, result.history["alpha"]) == (1, [1.0])
    np.testing.assert_allclose(result.x, np.linalg.solve(X.T @ X + penalty * np.eye(6), X.T @ y), atol=1e-11)


class Regression:
    """Softmax regression with λ/2 ‖W‖², all derived and compiled."""

    def __init__(self, rng, samples=60, features=5, classes=3):
        X, W = matrix("X", "B", "N"), matrix("W", "M", "N")
        Y, V = matrix("Y", "B", "M", sums_to_one=True), matrix("V", "M", "N")
        f = -inner(Y, log_softmax_rows(X @ W.T)) / dim("B") + scalar("lam") / 2 * frobenius(W) ** 2
        self.both = compile(f, "W")
        self.along = compile(hessian_product(f, "W", V).function, "W")
        self.matrix = hessian(f, "W").matrix
        self.given = {
            "X": rng.standard_normal((samples, features)),
            "Y": np.eye(classes)[rng.integers(classes, size=samples)],
            "lam": 0.05,
        }
        self.start = np.zeros((classes, features))

    def f(self, W):
        return self.both(W=W, **self.given)[0]

    def gradient(self, W):
        return self.both(W=W, **self.given)[1]["W"]

    def hessian_product(self, W, V):
        return self.along(W=W, V=V, **self.given)[1]["W"]


def test_softmax_regression_converges_quadratically(rng):
    problem = Regression(rng)
    result = newton(problem.f, problem.gradient, problem.start, problem.hessian_product, tol=1e-12)
    assert result.converged, result.reason
    norms = np.array(result.history["gradient_norm"])
    assert all(after <= 3 * before**2 for before, after in zip(norms[-3:-1], norms[-2:], strict=True) if after > 1e-14)
    assert result.iterations <= 8
    assert result.history["alpha"][-3:] == [1.0] * 3
    assert len(result.history["products"]) == result.iterations
    slow = steepest_descent(problem.f, problem.gradient, problem.start, StrongWolfe(), tol=1e-6)
    assert slow.converged
    assert slow.iterations > 2 * result.iterations
    np.testing.assert_allclose(result.x, slow.x, atol=1e-4)


def test_the_products_are_those_of_the_explicit_hessian(rng):
    problem = Regression(rng, samples=7, features=2, classes=3)
    W, V = rng.standard_normal((2, *problem.start.shape))
    H = evaluate(problem.matrix, W=W, **problem.given)
    np.testing.assert_allclose(H @ V.ravel(), problem.hessian_product(W, V).ravel(), atol=1e-13)
    by_matrix = newton(
        problem.f, problem.gradient, problem.start, hessian=lambda W: evaluate(problem.matrix, W=W, **problem.given)
    )
    by_products = newton(problem.f, problem.gradient, problem.start, problem.hessian_product, accuracy=1e-10)
    assert by_matrix.iterations == by_products.iterations
    np.testing.assert_allclose(by_matrix.x, by_products.x, atol=1e-8)


@pytest.mark.parametrize("search", [Armijo(), StrongWolfe(c2=0.9)])
def test_a_curved_valley_from_where_the_hessian_is_indefinite(search):
    x0 = np.array([0.0, 1.5])
    assert np.linalg.eigvalsh(rosenbrock_hessian(x0))[0] < 0
    result = newton(
        rosenbrock, rosenbrock_gradient, x0, lambda x, v: rosenbrock_hessian(x) @ v, line_search=search, tol=1e-10
    )
    assert result.converged
    assert result.iterations < 40
    np.testing.assert_allclose(result.x, 1, atol=1e-9)
    stopped = newton(rosenbrock, rosenbrock_gradient, x0, hessian=rosenbrock_hessian)
    assert not stopped.converged
    assert "not positive definite. Add a multiple of" in stopped.reason


def test_several_arrays_are_one_vector():
    f, gradient, A, c = quadratic(2, n=6)

    def split(v):
        return v[:4].reshape(2, 2), v[4:]

    def join(parts):
        return np.concatenate([parts[0].ravel(), parts[1]])

    result = newton(
        lambda p: f(join(p)),
        lambda p: split(gradient(join(p))),
        split(np.ones(6)),
        lambda p, v: split(A @ join(v)),
        accuracy=1e-12,
    )
    assert result.converged
    np.testing.assert_allclose(join(result.x), c, atol=1e-7)
    by_matrix = newton(lambda p: f(join(p)), lambda p: split(gradient(join(p))), split(np.ones(6)), hessian=lambda p: A)
    np.testing.assert_allclose(join(by_matrix.x), c, atol=1e-12)


def test_conjugate_gradients_end_where_they_should(rng):
    _, _, A, _ = quadratic(0)
    g = rng.standard_normal(12)
    for accuracy in (0.5, 1e-2, 1e-9):
        d, used = conjugate_gradients(lambda v: A @ v, g, accuracy)
        assert np.linalg.norm(A @ d + g) <= 1.01 * accuracy * np.linalg.norm(g)
        assert used <= 13
    d, used = conjugate_gradients(lambda v: -v, g, 1e-3)
    assert np.array_equal(d, -g)
    assert used == 1
    D = np.diag([*range(1, 12), -1.0])
    d, used = conjugate_gradients(lambda v: D @ v, np.ones(12), 1e-9)
    assert used < 12
    assert d @ np.ones(12) < 0
    with pytest.raises(DirectionError, match="not finite"):
        conjugate_gradients(lambda v: v * math.nan, g, 0.5)


def test_a_hessian_that_is_not_finite_ends_it():
    for given in ({"hessian_product": lambda x, v: v * math.inf}, {"hessian": lambda x: np.full((2, 2), math.nan)}):
        result = newton(lambda x: float(x @ x), lambda x: 2 * x, np.ones(2), **given)
        assert not result.converged
        assert "not finite" in result.reason


def test_a_wrong_gradient_ends_in_a_reason():
    f, gradient, A, _ = quadratic(0)
    result = newton(f, lambda x: -gradient(x), np.zeros(12), lambda x, v: A @ v)
    assert "the line search failed" in result.reason


def test_below_rounding_the_gradient_decides():
    """f = 1e6 + x⁴/4 + x²/2: from 1e-6 on no step can be seen in f."""
    result = newton(
        lambda x: 1e6 + float(x[0] ** 4 / 4 + x[0] ** 2 / 2),
        lambda x: x**3 + x,
        np.array([1e-6]),
        lambda x, v: (3 * x**2 + 1) * v,
        tol=1e-15,
    )
    assert result.converged
    stuck = newton(lambda x: 1e6, lambda x: np.ones(1), np.zeros(1), lambda x, v: 1e7 * v)
    assert "neither f nor ‖g‖ falls above rounding" in stuck.reason


def product(x, v):
    return 2 * v


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda f, g: newton(f, g, np.ones(2)), ConfigError, "one of hessian_product and hessian, got none"),
        (lambda f, g: newton(f, g, np.ones(2), product, lambda x: np.eye(2)), ConfigError, "got both"),
        (
            lambda f, g: newton(f, g, np.ones(2), np.eye(2)),
            ConfigError,
            "newton: expected hessian_product as a function of x",
        ),
        (
            lambda f, g: newton(f, g, np.ones(2), hessian=np.eye(2)),
            ConfigError,
            "newton: expected hessian as a function of x",
        ),
        (
            lambda f, g: newton(f, g, np.ones(2), lambda x, v: v[:1]),
            ShapeError,
            "expected the product with H of the shape",
        ),
        (lambda f, g: newton(f, g, np.ones(2), lambda x, v: None), DtypeError, r"expected hessian_product\(x, v\) to"),
        (lambda f, g: newton(f, g, np.ones(2), hessian=lambda x: np.eye(3)), ShapeError, r"\(2, 2\), for 2 entries"),
        (lambda f, g: newton(f, g, np.ones(2), hessian=lambda x: np.tri(2)), ConfigError, "a symmetric Hessian"),
        (lambda f, g: newton(f, g, np.ones(2), product, accuracy=1), ConfigError, "accuracy as a number between 0"),
        (lambda f, g: newton(f, g, np.ones(2), product, accuracy=math.nan), ConfigError, "accuracy as a finite"),
        (lambda f, g: newton(f, g, np.ones(2), product, line_search=Armijo), ConfigError, r"Armijo\(\)\?"),
        (lambda f, g: newton(f, g, np.ones(2), product, callback=3), ConfigError, "expected callback"),
        (lambda f, g: newton(f, g, [1.0], product), DtypeError, "newton: expected x0 to be a NumPy array, got list"),
        (lambda f, g: newton(f, g, np.ones(2, np.float32), product), DtypeError, "got float32"),
        (lambda f, g: newton(f, g, np.full(2, math.nan), product), NonFiniteError, "newton: expected f and its grad"),
        (lambda f, g: newton(f, g, np.ones(2), product, tol=-1), ConfigError, "newton: expected tol"),
        (lambda f, g: newton(f, g, np.ones(2), product, max_iterations=0.5), ConfigError, "max_iterations"),
    ],
)
def test_wrong_arguments_are_named(call, error, text):
    with pytest.raises(error, match=text):
        call(lambda x: float(x @ x), lambda x: 2 * x)


def test_no_step_is_taken_without_need():
    result = newton(lambda x: float(x @ x), lambda x: 2 * x, np.zeros(3), product, line_search=FixedStep(1.0))
    assert result.converged
    assert result.iterations == 0
    assert result.history["products"] == []
