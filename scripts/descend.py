"""Steepest descent on four problems, Newton's method beside it, and what the source's mistakes do to it.

The algorithm: g = ∇f(x); stop if ‖g‖ <= tol; d = -g/‖g‖; x = x + α d, with α from a line search.
Newton's method takes the d of H d = -g in its place, H the Hessian of f.
"""

import argparse
from pathlib import Path

import numpy as np

from cli import (
    guarded,
    nonnegative_float,
    nonnegative_int,
    output_file,
    picture_file,
    script_parser,
    settings,
    write_json,
)
from nnmat.calculus import compile, dim, frobenius, hessian_product, inner, log_softmax_rows, matrix, scalar
from nnmat.datasets import mnist
from nnmat.descent import Armijo, ExactQuadratic, FixedStep, StrongWolfe, newton, steepest_descent
from nnmat.plots.figures import picture

EPILOG = """\
problems
  least-squares  f(w) = ‖X w - y‖²; the answer is the solution of XᵀX w = Xᵀ y
  softmax        multinomial logistic regression, mean cross-entropy; its minimum has no closed form
  digits         softmax regression with λ/2 ‖W‖² on 400 digits of MNIST in 7 x 7 pixels: f, its gradient and the
                 products of its Hessian with a matrix, derived and compiled by nnmat.calculus; steepest descent,
                 then Newton's method, its steps by conjugate gradients
  gaussian       maximum likelihood of a mean and a covariance Σ = Λ Λᵀ; the answers are the sample's own
  mistakes       three errors of the source, measured: the law of the determinant with N/D in place of N,
                 x - α d in place of x + α d, and a constant step along a unit direction
  all            the five of them

line searches
  exact          the minimum along d of a quadratic (least-squares only)
  armijo         halve the step until f falls enough
  wolfe          strong Wolfe: f falls enough and its slope is nearly flat

examples
  python scripts/descend.py
  python scripts/descend.py gaussian --line-search armijo --seed 3
  python scripts/descend.py all --json descent.json --plot descent.png
"""


class LeastSquares:
    """f(w) = ‖X w - y‖², gw = 2 Xᵀ r with r = X w - y."""

    name, title, searches = "least-squares", "least squares: f(w) = ‖X w - y‖²", ("exact", "armijo", "wolfe")

    def __init__(self, seed: int, samples: int = 60, features: int = 8):
        rng = np.random.default_rng(seed)
        self.X, self.start = rng.standard_normal((samples, features)), rng.standard_normal(features)
        self.y = self.X @ rng.standard_normal(features) + 0.1 * rng.standard_normal(samples)
        self.answer = np.linalg.lstsq(self.X, self.y, rcond=None)[0]

    def f(self, w):
        r = self.X @ w - self.y
        return r @ r

    def gradient(self, w):
        return 2 * self.X.T @ (self.X @ w - self.y)

    def hessian_product(self, d):
        return 2 * self.X.T @ (self.X @ d)

    def judge(self, w) -> dict[str, float]:
        return {"distance from the solution of the normal equations": float(np.linalg.norm(w - self.answer))}


class Softmax:
    """f(W, b) = mean of lse(h) - h_y with h = W x + b; G = (P - Y)/B, gW = Gᵀ X, gb = Gᵀ 1."""

    name, title, searches = "softmax", "softmax regression: f(W, b) = mean cross-entropy", ("wolfe", "armijo")

    def __init__(self, seed: int, samples: int = 150, features: int = 4, classes: int = 3):
        rng = np.random.default_rng(seed)
        centers = 0.7 * rng.standard_normal((classes, features))  # they overlap: separable samples have no minimum
        self.y = rng.integers(classes, size=samples)
        self.X = centers[self.y] + rng.standard_normal((samples, features))
        self.start = np.zeros((classes, features)), np.zeros(classes)

    def _logits(self, W, b):
        H = self.X @ W.T + b
        return H - H.max(axis=1, keepdims=True)  # lse is finite for any logits

    def f(self, parameters):
        H = self._logits(*parameters)
        return np.mean(np.log(np.exp(H).sum(axis=1)) - H[np.arange(len(H)), self.y])

    def gradient(self, parameters):
        E = np.exp(self._logits(*parameters))
        G = E / E.sum(axis=1, keepdims=True)
        G[np.arange(len(G)), self.y] -= 1
        G /= len(G)
        return G.T @ self.X, G.sum(axis=0)

    def judge(self, parameters) -> dict[str, float]:
        predicted = self._logits(*parameters).argmax(axis=1)
        return {"accuracy on the samples": float(np.mean(predicted == self.y))}


class Digits:
    """f(W) = -⟨Y, log softmax(X Wᵀ)⟩/B + λ/2 ‖W‖²; its gradient and H V = ∇_W ⟨∇_W f, V⟩ are derived and compiled.

    λ I makes the Hessian positive definite. The last column of X is 1, that of W the bias.
    """

    name, searches = "digits", ("armijo", "wolfe")
    title = "softmax regression on digits: f(W) = mean cross-entropy + λ/2 ‖W‖²"

    def __init__(self, seed: int, samples: int = 400, penalty: float = 1e-3):
        X, W = matrix("X", "B", "N"), matrix("W", "M", "N")
        Y, V = matrix("Y", "B", "M", sums_to_one=True), matrix("V", "M", "N")
        f = scalar("penalty") / 2 * frobenius(W) ** 2 - inner(Y, log_softmax_rows(X @ W.T)) / dim("B")
        self.both = compile(f, W)
        self.product = compile(hessian_product(f, W, V).function, W)
        train, _ = mnist()
        chosen = np.random.default_rng(seed).choice(len(train.y), samples, replace=False)
        pixels = train.X[chosen].reshape(samples, 7, 4, 7, 4).mean((2, 4)).reshape(samples, 49)
        self.y = train.y[chosen]
        self.given = {"X": np.hstack([pixels, np.ones((samples, 1))]), "Y": np.eye(10)[self.y], "penalty": penalty}
        self.start = np.zeros((10, 50))

    def f(self, W):
        return self.both(W=W, **self.given)[0]

    def gradient(self, W):
        return self.both(W=W, **self.given)[1]["W"]

    def curvature(self, W, V):
        return self.product(W=W, V=V, **self.given)[1]["W"]

    def judge(self, W) -> dict[str, float]:
        predicted = (self.given["X"] @ W.T).argmax(axis=1)
        return {"accuracy on the samples": float(np.mean(predicted == self.y))}


class Gaussian:
    """f(μ, Λ) = (2 c log det Λ + Σ_i ‖Λ⁻¹ r_i‖²)/N with Σ = Λ Λᵀ, r_i = x_i - μ, and c = N.

    `determinant_factor` c = N/D is the source's mistake; f is then the function that its gradient belongs to.
    """

    name, title, searches = "gaussian", "Gaussian maximum likelihood: f(μ, Λ) = L/N, Σ = Λ Λᵀ", ("wolfe", "armijo")

    def __init__(self, seed: int, samples: int = 80, dimension: int = 3, mistaken: bool = False):
        rng = np.random.default_rng(seed)
        mixing = np.diag(rng.uniform(0.7, 1.5, dimension)) + 0.4 * np.tril(rng.standard_normal((dimension,) * 2), -1)
        self.X = rng.standard_normal(dimension) + rng.standard_normal((samples, dimension)) @ mixing.T
        self.start = np.zeros(dimension), np.eye(dimension)
        self.mean, self.covariance = self.X.mean(axis=0), np.cov(self.X.T, bias=True)
        self.factor = 1 / dimension if mistaken else 1.0  # c / N

    def f(self, parameters):
        mu, factor = parameters
        diagonal = np.diag(factor)
        if not np.all(diagonal > 0):
            return np.inf  # outside the domain: the line search turns back
        U = np.linalg.solve(factor, (self.X - mu).T)  # (D, N), columns Λ⁻¹ r_i
        return 2 * self.factor * np.log(diagonal).sum() + np.sum(U * U) / len(self.X)

    def gradient(self, parameters):
        mu, factor = parameters
        N, U = len(self.X), np.linalg.solve(factor, (self.X - mu).T)
        g_mu = -2 * np.linalg.solve(factor.T, U.sum(axis=1)) / N  # -2 Σ⁻¹ Σ_i r_i
        inner = self.factor * np.eye(len(mu)) - U @ U.T / N
        return g_mu, 2 * np.tril(np.linalg.solve(factor.T, inner))  # lower(2 gΣ Λ) = 2 lower(Λ⁻ᵀ (c I - U Uᵀ))

    def judge(self, parameters) -> dict[str, float]:
        mu, factor = parameters
        return {
            "distance from the sample mean": float(np.linalg.norm(mu - self.mean)),
            "distance from the sample covariance": float(np.linalg.norm(factor @ factor.T - self.covariance)),
        }


def search_for(problem, name: str):
    if name == "exact":
        return ExactQuadratic(problem.hessian_product)
    return Armijo() if name == "armijo" else StrongWolfe()


def solve(problem, search: str, options, method: str = "steepest descent") -> dict:
    print(f"\n{problem.title}; {method}, line search: {search}")
    given = {"line_search": search_for(problem, search), "tol": options.tol, "max_iterations": options.max_iterations}
    if method == NEWTON:
        result = newton(problem.f, problem.gradient, problem.start, problem.curvature, **given)
    else:
        result = steepest_descent(problem.f, problem.gradient, problem.start, **given)
    print(f"  {'step':>5}  {'f':>16}  {'gradient norm':>14}")
    shown = sorted({0, *(2**i for i in range(20)), result.iterations})
    for i in (i for i in shown if i <= result.iterations):
        print(f"  {i:>5}  {result.history['f'][i]:>16.10f}  {result.history['gradient_norm'][i]:>14.3e}")
    print(f"  {'converged' if result.converged else 'not converged'} after {result.iterations} steps: {result.reason}")
    measured = problem.judge(result.x)
    if "products" in result.history:
        measured["products of the Hessian with a matrix"] = sum(result.history["products"])
    for what, value in measured.items():
        print(f"  {what}: {value:.3g}")
    return {
        "method": method,
        "line_search": search,
        "converged": result.converged,
        "iterations": result.iterations,
        "reason": result.reason,
        "f": result.f,
        "gradient_norm": result.gradient_norm,
        "measured": measured,
        "history": result.history,
    }


def wrong_determinant(options) -> dict:
    right, wrong = Gaussian(options.seed), Gaussian(options.seed, mistaken=True)
    ends = [steepest_descent(p.f, p.gradient, p.start, StrongWolfe(), 1e-6, 5000) for p in (right, wrong)]
    covariances = [factor @ factor.T for _, factor in (end.x for end in ends)]
    D = len(right.mean)
    ratios = [float(np.trace(covariance) / np.trace(right.covariance)) for covariance in covariances]
    gap = float(np.linalg.norm(covariances[1] / D - right.covariance) / np.linalg.norm(right.covariance))
    values = [float(right.f(end.x)) for end in ends]
    print("\nthe law of the determinant: N Σ⁻¹ (right) and (N/D) Σ⁻¹ (the source)")
    print(f"  With the source's law descent settles at {ratios[1]:.4f} times the sample's covariance (D = {D}, off by")
    print(
        f"  {gap:.1e}), with the right law at {ratios[0]:.4f} times; the true f is {values[1]:.4f} and {values[0]:.4f}."
    )
    return {
        "dimension": D,
        "right_over_sample_covariance": ratios[0],
        "wrong_over_sample_covariance": ratios[1],
        "relative_distance_from_D_times_it": gap,
        "f_right": values[0],
        "f_wrong": values[1],
    }


def minus_sign(options) -> dict:
    problem, ends = LeastSquares(options.seed), {}
    for sign in (1, -1):
        x, values = problem.start, [float(problem.f(problem.start))]
        for _ in range(5):
            g = problem.gradient(x)
            d = -g / np.linalg.norm(g)
            alpha = -(g @ d) / (d @ problem.hessian_product(d))  # the exact line search
            x = x + sign * alpha * d
            values.append(float(problem.f(x)))
        ends[sign] = values
    up, down = ends[-1], ends[1]
    print("\nthe sign of the step: x + α d (right) and x - α d (the source), least squares, exact line search")
    print(f"  The minus sign climbs: f goes from {up[0]:.4g} to {up[1]:.4g} in one step and to {up[5]:.4g} in five;")
    print(f"  the plus sign descends: to {down[1]:.4g} and to {down[5]:.4g}.")
    return {"f_plus": down, "f_minus": up}


def fixed_unit_step(options) -> dict:
    problem, alpha, steps = LeastSquares(options.seed, samples=2, features=1), 1e-2, 1000
    distances: list[float] = []

    def measure(iteration, w, value, norm):
        distances.append(float(np.linalg.norm(w - problem.answer)))

    end = steepest_descent(problem.f, problem.gradient, problem.start, FixedStep(alpha), 1e-6, steps, measure)
    one, other = sorted(distances[-2:])
    settled = len(set(np.round(distances[-200:], 12)))
    print(f"\na constant step α = {alpha} along the unit direction, least squares in one unknown")
    print(f"  It never converges: after {end.iterations} steps it jumps to and fro across the minimum, at distances")
    print(
        f"  {one:.6f} and {other:.6f}, whose sum is {one + other:.6f}; the last 200 steps are at {settled} distances."
    )
    return {
        "alpha": alpha,
        "iterations": end.iterations,
        "converged": end.converged,
        "last_two_distances": [one, other],
        "smallest_of_last_200": min(distances[-200:]),
    }


MISTAKES = {"wrong_determinant": wrong_determinant, "minus_sign": minus_sign, "fixed_unit_step": fixed_unit_step}
PROBLEMS = {problem.name: problem for problem in (LeastSquares, Softmax, Digits, Gaussian)}
NEWTON = "Newton's method"


def plot(results: dict, path: Path) -> None:
    with picture("--plot", path, size=(7, 4.5)) as (axes,):
        for name, result in results.items():
            axes.semilogy(result["history"]["gradient_norm"], label=f"{name} ({result['line_search']})")
        axes.set(xlabel="step", ylabel="gradient norm", title="Steepest descent")
        axes.legend()


def arguments() -> argparse.Namespace:
    parser = script_parser(__doc__, EPILOG)
    choices = [*PROBLEMS, "mistakes", "all"]
    parser.add_argument("problem", nargs="?", default="all", choices=choices, help="see below (default: all)")
    parser.add_argument("--line-search", choices=["exact", "armijo", "wolfe"], help="default: the best for the problem")
    parser.add_argument("--seed", type=nonnegative_int, default=0, help="of the random samples (default: 0)")
    parser.add_argument(
        "--tol", type=nonnegative_float, default=1e-6, help="stop at this gradient norm (default: 1e-6)"
    )
    parser.add_argument(
        "--max-iterations",
        type=nonnegative_int,
        default=5000,
        metavar="N",
        help="give up after N steps (default: 5000)",
    )
    parser.add_argument("--json", type=output_file(".json"), metavar="FILE", help="write all numbers to FILE")
    parser.add_argument("--plot", type=picture_file("--plot"), metavar="FILE", help="draw the gradient norms")
    options = parser.parse_args()
    if options.line_search == "exact" and options.problem not in ("least-squares", "all"):
        parser.error("argument --line-search: exact is for least-squares only, the one quadratic; try wolfe")
    if options.plot is not None and options.problem == "mistakes":
        parser.error("argument --plot: it draws the problems; choose one of them, or all")
    return options


def main() -> None:
    options = arguments()
    chosen = PROBLEMS if options.problem == "all" else {n: p for n, p in PROBLEMS.items() if n == options.problem}
    results = {}
    for name, problem in chosen.items():
        asked = options.line_search
        search = asked if asked in problem.searches else problem.searches[0]
        made = problem(options.seed)
        results[name] = solve(made, search, options)
        if hasattr(made, "curvature"):
            results[f"{name}-newton"] = solve(made, search, options, NEWTON)
    mistakes = {}
    if options.problem in ("mistakes", "all"):
        mistakes = {name: measure(options) for name, measure in MISTAKES.items()}
    if options.json:
        write_json(options.json, {"settings": settings(options), "problems": results, "mistakes": mistakes})
    if options.plot:
        plot(results, options.plot)


if __name__ == "__main__":
    guarded(main)
