"""Texts without declared shapes, as different authors write them: the gradient that the author means, or a question.

Each text stands with the shapes and the function that its author means, in NumPy. Where the text is derived, the
gradient at arrays of these shapes is held against difference quotients of the NumPy function, and `derive` may not have
read another function of it. Where it is a question, the answer that the question asks for (the declared names, or the
text as it was told to write it) gives the right gradient in the same way.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from nnmat.calculus import ParseError, ShapeError, derive, evaluate, parse

SIZES = {"n": 5, "d": 3, "k": 2, "t": 4}
PRODUCT, KIND, FIT, SIGN = "whether `.` is meant", "is a column or a scalar", "shapes that fit", "expected a name, a nu"


@dataclass
class Case:
    """A text by the symbol `wrt`; `shapes` are meant (of sizes n, d, k, t), `f` is what the text means."""

    text: str
    wrt: str
    shapes: Mapping[str, str]
    f: Callable[..., Any]
    question: str = ""  # what is asked, if something is
    answer: str = ""  # the text that answers, if declarations do not
    declared: Mapping[str, Any] = field(default_factory=dict)


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def square(z):
    return (z * z).sum()


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def expm(a):
    """By its series."""
    term = total = np.eye(len(a))
    for k in range(1, 40):
        term = term @ a / k
        total = total + term
    return total


DATA = {"X": "nd", "w": "d", "y": "n"}
FORM = {"x": "d", "A": "dd"}
inv, det, exp, log = np.linalg.inv, np.linalg.det, np.exp, np.log
CASES = [
    # Quadratic and bilinear forms.
    Case("x.T @ A @ x", "x", FORM, lambda x, A: x @ A @ x),
    Case("x.T @ A @ x", "A", FORM, lambda x, A: x @ A @ x),
    Case("a.T @ X @ b", "X", {"a": "d", "X": "dk", "b": "k"}, lambda a, X, b: a @ X @ b),
    Case("phi.T @ A @ phi", "phi", {"phi": "d", "A": "dd"}, lambda phi, A: phi @ A @ phi),
    Case("φ.T @ A @ φ", "φ", {"φ": "d", "A": "dd"}, lambda φ, A: φ @ A @ φ),
    Case("theta_1.T @ A @ theta_2", "theta_2", {"theta_1": "d", "A": "dk", "theta_2": "k"},
         lambda theta_1, A, theta_2: theta_1 @ A @ theta_2),
    Case("0.5 * x.T @ Q @ x + c.T @ x", "x", {"x": "d", "Q": "dd", "c": "d"}, lambda x, Q, c: x @ Q @ x / 2 + c @ x),
    Case("x.T @ A @ x / (x.T @ x)", "x", FORM, lambda x, A: x @ A @ x / (x @ x)),
    Case("x_1.T @ A @ x_2", "A", {"x_1": "d", "A": "dk", "x_2": "k"}, lambda x_1, A, x_2: x_1 @ A @ x_2),
    Case("x.T*A*x", "x", FORM, lambda x, A: x @ A @ x, FIT, "x.T@A@x"),
    Case("x.T * A * y", "A", {"x": "d", "A": "dk", "y": "k"}, lambda x, A, y: x @ A @ y, FIT, "x.T @ A @ y"),
    Case("a.T*X*b", "X", {"a": "d", "X": "dk", "b": "k"}, lambda a, X, b: a @ X @ b, FIT, "a.T@X@b"),
    Case("2*x.T*A*x", "x", FORM, lambda x, A: 2 * x @ A @ x, FIT, "2*x.T@A@x"),
    Case("x' * A * x", "x", FORM, lambda x, A: x @ A @ x, SIGN, "x.T @ A @ x"),
    Case("xᵀAx", "x", FORM, lambda x, A: x @ A @ x, SIGN, "x.T @ A @ x"),
    Case("x @ A @ y", "A", {"x": "d", "A": "dk", "y": "k"}, lambda x, A, y: x @ A @ y, FIT, "x.T @ A @ y"),
    Case("w @ x", "w", {"w": "d", "x": "d"}, lambda w, x: w @ x, FIT, "w.T @ x"),
    Case("w.T * x", "w", {"w": "d", "x": "d"}, lambda w, x: w @ x, FIT, "w.T @ x"),
    Case("theta @ x", "theta", {"theta": "d", "x": "d"}, lambda theta, x: theta @ x, FIT, "theta.T @ x"),
    Case("a.T @ diag(x) @ b", "x", {"a": "d", "x": "d", "b": "d"}, lambda a, x, b: a @ np.diag(x) @ b,
         "diag: expected a square matrix", "a.T @ diagm(x) @ b"),
    Case("sum(x * y.T)", "x", {"x": "d", "y": "k"}, lambda x, y: np.outer(x, y).sum(), FIT, "sum(x @ y.T)"),
    # Least squares and ridge.
    Case("(y - X @ w).T @ (y - X @ w)", "w", DATA, lambda X, w, y: square(y - X @ w)),
    Case("(y - X @ beta).T @ (y - X @ beta)", "beta", {"X": "nd", "beta": "d", "y": "n"},
         lambda X, beta, y: square(y - X @ beta)),
    Case("norm2(X @ θ - y)**2 / 2", "θ", {"X": "nd", "θ": "d", "y": "n"}, lambda X, θ, y: square(X @ θ - y) / 2),
    Case("norm2(X @ beta - y)**2 + lambda * norm2(beta)**2", "beta",
         {"X": "nd", "beta": "d", "y": "n", "lambda": ""},
         lambda X, beta, y, **other: square(X @ beta - y) + other["lambda"] * square(beta)),
    Case("sum((X @ w - y)**2) + lam * sum(w**2)", "w", {**DATA, "lam": ""},
         lambda X, w, y, lam: square(X @ w - y) + lam * square(w)),
    Case("sum((X @ w - y)**2) + lam * sum(w**2)", "lam", {**DATA, "lam": ""},
         lambda X, w, y, lam: square(X @ w - y) + lam * square(w)),
    Case("norm2(X @ w - y)**2 + lambda_1 * norm2(w)**2", "w", {**DATA, "lambda_1": ""},
         lambda X, w, y, lambda_1: square(X @ w - y) + lambda_1 * square(w)),
    Case("frobenius(X @ W - Y)**2", "W", {"X": "nd", "W": "dk", "Y": "nk"}, lambda X, W, Y: square(X @ W - Y)),
    Case("trace((X @ W - Y).T @ (X @ W - Y))", "W", {"X": "nd", "W": "dk", "Y": "nk"},
         lambda X, W, Y: square(X @ W - Y)),
    Case("norm2(X*w - y)**2", "w", DATA, lambda X, w, y: square(X @ w - y), FIT, "norm2(X@w - y)**2"),
    Case("frobenius(X*W - Y)**2", "W", {"X": "nd", "W": "dk", "Y": "nk"}, lambda X, W, Y: square(X @ W - Y),
         PRODUCT, "frobenius(X@W - Y)**2"),
    Case("sum((X*W - Y)**2)", "W", {"X": "nd", "W": "dk", "Y": "nk"}, lambda X, W, Y: square(X @ W - Y),
         PRODUCT, "sum((X@W - Y)**2)"),
    Case("norm2(X @ w - Y)**2", "w", {"X": "nd", "w": "d", "Y": "n"}, lambda X, w, Y: square(X @ w - Y), FIT,
         declared={"Y": ("n",)}),
    Case("norm2(X @ w - y)**2 / N", "w", {**DATA, "N": ""}, lambda X, w, y, N: square(X @ w - y) / N,
         "is a matrix or a scalar", declared={"N": ()}),
    Case("norm2(X @ w - y)**2 / (2 * n)", "w", {**DATA, "n": ""}, lambda X, w, y, n: square(X @ w - y) / (2 * n),
         "expected a scalar function", declared={"n": ()}),
    Case("norm2(X @ w - y)**2 + c * norm2(w)**2", "w", {**DATA, "c": ""},
         lambda X, w, y, c: square(X @ w - y) + c * square(w), KIND, declared={"c": ()}),
    Case("(w.T @ x + b - y)**2", "b", {"w": "d", "x": "d", "b": "", "y": ""}, lambda w, x, b, y: (w @ x + b - y) ** 2,
         KIND, declared={"b": (), "y": ()}),
    Case("sum(exp(X*beta))", "beta", {"X": "nd", "beta": "d"}, lambda X, beta: exp(X @ beta).sum(), PRODUCT,
         "sum(exp(X@beta))"),
    Case("sum(log(1 + exp(x.T*theta)))", "theta", {"x": "d", "theta": "d"}, lambda x, theta: log(1 + exp(x @ theta)),
         PRODUCT, "log(1 + exp(x.T@theta))"),
    Case("x.T @ A @ x / x.T @ x", "x", FORM, lambda x, A: x @ A @ x / (x @ x), "what is divided by",
         "x.T @ A @ x / (x.T @ x)"),
    Case("sum((X @ w - y)**2 / n)", "w", {**DATA, "n": ""}, lambda X, w, y, n: square(X @ w - y) / n,
         PRODUCT, declared={"n": ()}),
    Case("inv(X.T*X)@X.T@y", "y", {"X": "nd", "y": "n"}, None, FIT),
    Case("sum(inv(X.T @ X + lambda * eye(d)) @ X.T @ y)", "y", {"X": "nd", "y": "n", "lambda": "", "d": 3},
         lambda X, y, d, **other: (inv(X.T @ X + other["lambda"] * np.eye(3)) @ X.T @ y).sum()),
    Case("frobenius(Y - U*V.T)**2", "U", {"Y": "nd", "U": "nk", "V": "dk"}, lambda Y, U, V: square(Y - U @ V.T),
         PRODUCT, "frobenius(Y - U@V.T)**2"),
    Case("frobenius(M * (Y - U @ V.T))**2", "U", {"M": "nd", "Y": "nd", "U": "nk", "V": "dk"},
         lambda M, Y, U, V: square(M * (Y - U @ V.T))),
    # Gaussians.
    Case("(x - mu).T @ inv(Sigma) @ (x - mu)", "mu", {"x": "d", "mu": "d", "Sigma": "dd"},
         lambda x, mu, Sigma: (x - mu) @ inv(Sigma) @ (x - mu), KIND, declared={"mu": ("d",)}),
    Case("(x - μ).T @ inv(Σ) @ (x - μ)", "Σ", {"x": "d", "μ": "d", "Σ": "dd"},
         lambda x, μ, Σ: (x - μ) @ inv(Σ) @ (x - μ), KIND, declared={"μ": "d"}),
    Case("(x - m).T @ inv(S) @ (x - m) + logdet(S)", "m", {"x": "d", "m": "d", "S": "dd"},
         lambda x, m, S: (x - m) @ inv(S) @ (x - m) + log(det(S))),
    Case("mu.T @ inv(Sigma) @ mu + sum((x - mu)**2)", "mu", {"x": "d", "mu": "d", "Sigma": "dd"},
         lambda x, mu, Sigma: mu @ inv(Sigma) @ mu + square(x - mu)),
    Case("sum((x - mu)**2) / (2*sigma**2)", "mu", {"x": "d", "mu": "", "sigma": ""},
         lambda x, mu, sigma: square(x - mu) / (2 * sigma**2), KIND, declared={"mu": ()}),
    Case("log(sigma) + norm2(x - m)**2 / (2*sigma**2)", "sigma", {"x": "d", "m": "d", "sigma": ""},
         lambda x, m, sigma: log(sigma) + square(x - m) / (2 * sigma**2)),
    Case("sum(log(sigma)) + sum((x - m)**2 / sigma**2)", "sigma", {"x": "d", "m": "d", "sigma": "d"},
         lambda x, m, sigma: log(sigma).sum() + square((x - m) / sigma)),
    Case("frobenius(X - mu)**2", "mu", {"X": "nd", "mu": "d"}, lambda X, mu: square(X - mu), KIND,
         "frobenius(X - mu.T)**2"),
    Case("trace(inv(Sigma)*S)", "Sigma", {"Sigma": "dd", "S": "dd"}, lambda Sigma, S: np.trace(inv(Sigma) @ S),
         PRODUCT, "trace(inv(Sigma)@S)"),
    Case("logdet(S) + x.T @ S**-1 @ x", "S", {"S": "dd", "x": "d"}, lambda S, x: log(det(S)) + x @ inv(S) @ x,
         "whether `..` is meant", "logdet(S) + x.T @ inv(S) @ x"),
    Case("x.T @ Lambda @ x - 2 * eta.T @ x", "x", {"x": "d", "Lambda": "dd", "eta": "d"},
         lambda x, Lambda, eta: x @ Lambda @ x - 2 * eta @ x),
    # Logistic regression, softmax, layers with a bias.
    Case("sum(log(1 + exp(-y * (X @ w))))", "w", DATA, lambda X, w, y: log(1 + exp(-y * (X @ w))).sum()),
    Case("sum(log(1 + exp(-y * (X @ theta))))", "theta", {"X": "nd", "theta": "d", "y": "n"},
         lambda X, theta, y: log(1 + exp(-y * (X @ theta))).sum()),
    Case("log(1 + exp(theta.T @ x)) - theta.T @ x", "theta", {"theta": "d", "x": "d"},
         lambda theta, x: log(1 + exp(theta @ x)) - theta @ x),
    Case("log(1 + exp(w.T @ x + beta))", "beta", {"w": "d", "x": "d", "beta": ""},
         lambda w, x, beta: log(1 + exp(w @ x + beta))),
    Case("log(1 + exp(-y * (w.T @ x)))", "w", {"y": "", "w": "d", "x": "d"},
         lambda y, w, x: log(1 + exp(-y * (w @ x))), KIND, declared={"y": ()}),
    Case("sum(log(1 + exp(X @ w + beta)))", "beta", {"X": "nd", "w": "d", "beta": ""},
         lambda X, w, beta: log(1 + exp(X @ w + beta)).sum(), KIND, declared={"beta": ()}),
    Case("-y.T @ log(sigmoid(X*w))", "w", DATA, lambda X, w, y: -y @ log(sigmoid(X @ w)), FIT,
         "(-y.T @ log(sigmoid(X@w)))"),
    Case("-y.T @ log(softmax(W @ x + b))", "W", {"y": "k", "W": "kd", "x": "d", "b": "k"},
         lambda y, W, x, b: -y @ log(softmax(W @ x + b))),
    Case("-y.T @ log(softmax(W*x + b))", "W", {"y": "k", "W": "kd", "x": "d", "b": "k"},
         lambda y, W, x, b: -y @ log(softmax(W @ x + b)), FIT, "-y.T @ log(softmax(W@x + b))"),
    Case("logsumexp(theta) - theta.T @ y", "theta", {"theta": "d", "y": "d"},
         lambda theta, y: log(exp(theta).sum()) - theta @ y),
    Case("logsumexp(X @ W)", "W", {"X": "nd", "W": "dk"}, None, "logsumexp: expected a column"),
    Case("sum(logsumexp_rows(X @ W)) - inner(Y, X @ W)", "W", {"X": "nd", "W": "dk", "Y": "nk"},
         lambda X, W, Y: log(exp(X @ W).sum(axis=1)).sum() - (Y * (X @ W)).sum()),
    Case("-inner(Y, log_softmax_rows(X @ W.T + b.T))", "b", {"Y": "nk", "X": "nd", "W": "kd", "b": "k"},
         lambda Y, X, W, b: -(Y * log(softmax(X @ W.T + b))).sum()),
    Case("sum(X @ W + b.T)", "b", {"X": "nd", "W": "dk", "b": "k"}, lambda X, W, b: (X @ W + b).sum()),
    Case("sum(tanh(X @ W.T + b.T))", "W", {"X": "nd", "W": "kd", "b": "k"}, lambda X, W, b: np.tanh(X @ W.T + b).sum()),
    Case("sum(sin(b.T - X @ W))", "b", {"X": "nd", "W": "dk", "b": "k"}, lambda X, W, b: np.sin(b - X @ W).sum()),
    Case("sum(sigmoid(X @ W + beta.T)**2)", "beta", {"X": "nd", "W": "dk", "beta": "k"},
         lambda X, W, beta: square(sigmoid(X @ W + beta))),
    Case("sum(exp(X - mu.T))", "mu", {"X": "nd", "mu": "d"}, lambda X, mu: exp(X - mu).sum()),
    Case("sum(sin(W @ X + b))", "b", {"W": "kd", "X": "dn", "b": "k"},
         lambda W, X, b: np.sin(W @ X + b[:, None]).sum(), FIT, "sum(sin(W @ X + b @ ones(n).T))"),
    Case("sum(sin(X @ W + b))", "b", {"X": "nd", "W": "dk", "b": "k"}, lambda X, W, b: np.sin(X @ W + b).sum(), FIT,
         "sum(sin(X @ W + b.T))"),
    Case("sum(sin(X * g.T))", "g", {"X": "nd", "g": "d"}, lambda X, g: np.sin(X * g).sum(), FIT,
         "sum(sin(X @ diagm(g)))"),
    Case("sum(gamma * x + beta)", "beta", {"gamma": "d", "x": "d", "beta": "d"},
         lambda gamma, x, beta: (gamma * x + beta).sum(), KIND, declared={"gamma": ("d",), "beta": ("d",)}),
    Case("sum(gamma * x)", "gamma", {"gamma": "d", "x": "d"}, lambda gamma, x: gamma @ x, KIND,
         declared={"gamma": ("d",)}),
    Case("sum((alpha - 1) * log(p))", "alpha", {"alpha": "d", "p": "d"}, lambda alpha, p: (alpha - 1) @ log(p), KIND,
         declared={"alpha": ("d",)}),
    Case("norm2(x - eta * g)**2", "eta", {"x": "d", "eta": "", "g": "d"}, lambda x, eta, g: square(x - eta * g), KIND,
         declared={"eta": ()}),
    Case("norm2(x - eta * g)**2", "g", {"x": "d", "eta": "", "g": "d"}, lambda x, eta, g: square(x - eta * g)),
    Case("sum(p * log(p / q))", "q", {"p": "d", "q": "d"}, lambda p, q: p @ log(p / q)),
    Case("a.T @ sigmoid(W @ x)", "W", {"a": "k", "W": "kd", "x": "d"}, lambda a, W, x: a @ sigmoid(W @ x)),
    Case("a.T * sigmoid(W * x)", "W", {"a": "k", "W": "kd", "x": "d"}, lambda a, W, x: a @ sigmoid(W @ x), FIT,
         "a.T @ sigmoid(W @ x)"),
    Case("log(x + epsilon).T @ y", "x", {"x": "d", "epsilon": "", "y": "d"},
         lambda x, epsilon, y: log(x + epsilon) @ y, KIND, declared={"epsilon": ()}),
    # Kernels, support vectors, attention, traces.
    Case("sum(alpha) - 0.5 * (alpha * y).T @ K @ (alpha * y)", "alpha", {"alpha": "n", "y": "n", "K": "nn"},
         lambda alpha, y, K: alpha.sum() - (alpha * y) @ K @ (alpha * y) / 2),
    Case("alpha.T @ K @ alpha - 2 * y.T @ K @ alpha", "alpha", {"alpha": "n", "K": "nn", "y": "n"},
         lambda alpha, K, y: alpha @ K @ alpha - 2 * y @ K @ alpha),
    Case("exp(-gamma * norm2(x - z)**2)", "gamma", {"gamma": "", "x": "d", "z": "d"},
         lambda gamma, x, z: exp(-gamma * square(x - z))),
    Case("w.T @ w / 2 + C * sum(relu(1 - y * (X @ w)))", "w", {**DATA, "C": ""},
         lambda X, w, y, C: w @ w / 2 + C * np.maximum(1 - y * (X @ w), 0).sum(), "is a matrix or a scalar",
         declared={"C": ()}),
    Case("sum(softmax_rows(Q @ K.T) @ V)", "Q", {"Q": "td", "K": "nd", "V": "nk"},
         lambda Q, K, V: (softmax(Q @ K.T) @ V).sum()),
    Case("sum(softmax_rows(Q @ K.T / sqrt(d)) @ V)", "Q", {"Q": "td", "K": "nd", "V": "nk", "d": ""},
         lambda Q, K, V, d: (softmax(Q @ K.T / d**0.5) @ V).sum(), FIT, declared={"d": ()}),
    Case("sum(softmax_rows(tau * Q @ K.T) @ V)", "K", {"tau": "", "Q": "td", "K": "nd", "V": "nk"},
         lambda tau, Q, K, V: (softmax(tau * Q @ K.T) @ V).sum()),
    Case("sum(softmax_rows(Q*K.T)*V)", "Q", {"Q": "td", "K": "nd", "V": "nk"},
         lambda Q, K, V: (softmax(Q @ K.T) @ V).sum(), PRODUCT, "sum(softmax_rows(Q@K.T)@V)"),
    Case("trace(A*B)", "A", {"A": "dk", "B": "kd"}, lambda A, B: np.trace(A @ B), PRODUCT, "trace(A@B)"),
    Case("trace(A.T * A)", "A", {"A": "dk"}, lambda A: square(A), FIT, "trace(A.T @ A)"),
    Case("trace(A**2)", "A", {"A": "dd"}, lambda A: np.trace(A @ A), "whether `..` is meant", "trace(A @ A)"),
    Case("trace(A @ B)", "A", {"A": "dk", "B": "kd"}, lambda A, B: np.trace(A @ B)),
    Case("logdet(A*B)", "A", {"A": "dd", "B": "dd"}, lambda A, B: log(abs(det(A @ B))), PRODUCT, "logdet(A@B)"),
    Case("sum(A * B)", "A", {"A": "dk", "B": "dk"}, lambda A, B: (A * B).sum()),
    Case("sum(A / N)", "A", {"A": "dk", "N": ""}, lambda A, N: (A / N).sum(), PRODUCT, declared={"N": ()}),
    Case("u.T @ (A * B) @ v", "B", {"u": "d", "A": "dk", "B": "dk", "v": "k"}, lambda u, A, B, v: u @ (A * B) @ v),
    Case("norm2(A)", "A", {"A": "d"}, lambda A: square(A) ** 0.5, "Try frobenius", declared={"A": ("d",)}),
    Case("logdet(sigma)", "sigma", {"sigma": "dd"}, lambda sigma: log(det(sigma)), "expected a matrix",
         declared={"sigma": ("d", "d")}),
    # Functions of matrices, entries, largest entries, exponents.
    Case("trace(power(A, 3))", "A", {"A": "dd"}, lambda A: np.trace(A @ A @ A)),
    Case("x.T @ power(A, 2) @ x", "A", FORM, lambda x, A: x @ A @ A @ x),
    Case("x.T @ A**2 @ x", "A", FORM, lambda x, A: x @ A @ A @ x, "whether `..` is meant", "x.T @ power(A, 2) @ x"),
    Case("frobenius(A**2)", "A", {"A": "dd"}, lambda A: square(A @ A) ** 0.5, "whether `..` is meant",
         "frobenius(power(A, 2))"),
    Case("sum(A**-1)", "A", {"A": "dd"}, lambda A: inv(A).sum(), "whether `..` is meant", "sum(power(A, -1))"),
    Case("trace(A**n @ B)", "A", {"A": "dd", "n": 3, "B": "dd"}, lambda A, n, B: np.trace(A @ A @ A @ B),
         "is a column or a scalar", "trace(power(A, n) @ B)"),
    Case("sum(x**p)", "x", {"x": "d", "p": ""}, lambda x, p: (x**p).sum(), KIND, declared={"p": ()}),
    Case("sum(x**alpha)", "x", {"x": "d", "alpha": ""}, lambda x, alpha: (x**alpha).sum()),
    Case("sum(x**alpha)", "alpha", {"x": "d", "alpha": ""}, lambda x, alpha: (x**alpha).sum(), KIND,
         declared={"alpha": ()}),
    Case("alpha**beta", "alpha", {"alpha": "", "beta": ""}, lambda alpha, beta: alpha**beta),
    Case("mean((X @ w - y)**2)", "w", DATA, lambda X, w, y: ((X @ w - y) ** 2).mean()),
    Case("mean((y - X*w)**2)", "w", DATA, lambda X, w, y: ((X @ w - y) ** 2).mean(), FIT, "mean((y - X@w)**2)"),
    Case("var(X @ w)", "w", {"X": "nd", "w": "d"}, lambda X, w: np.var(X @ w)),
    Case("max(X @ w)", "w", {"X": "nd", "w": "d"}, lambda X, w: (X @ w).max()),
    Case("sum(max(X @ W, axis=1))", "W", {"X": "nd", "W": "dk"}, lambda X, W: (X @ W).max(axis=1).sum()),
    Case("sum(maximum(1 - y * (X @ w), 0))", "w", DATA, lambda X, w, y: np.maximum(1 - y * (X @ w), 0).sum()),
    Case("sum(maximum(x, alpha))", "x", {"x": "d", "alpha": ""}, lambda x, alpha: np.maximum(x, alpha).sum(), KIND,
         declared={"alpha": ()}),
    Case("sum(where(y, X @ w, 0))", "w", DATA, lambda X, w, y: np.where(y > 0, X @ w, 0).sum()),
    Case("sum(huber(X @ w - y))", "w", DATA,
         lambda X, w, y: np.where(abs(X @ w - y) < 1, (X @ w - y) ** 2 / 2, abs(X @ w - y) - 0.5).sum()),
    Case("norm1(X @ w - y)", "w", DATA, lambda X, w, y: abs(X @ w - y).sum()),
    Case("dot(w, x) - dot(alpha, x)", "x", {"w": "d", "x": "d", "alpha": "d"}, lambda w, x, alpha: w @ x - alpha @ x),
    Case("sum(norm2_rows(X - mu.T))", "mu", {"X": "nd", "mu": "d"},
         lambda X, mu: np.linalg.norm(X - mu, axis=1).sum()),
    Case("sum(inner_rows(X @ W, Y))", "W", {"X": "nd", "W": "dk", "Y": "nk"}, lambda X, W, Y: (X @ W * Y).sum()),
    Case("nuclear(Y - X @ W)", "W", {"Y": "nk", "X": "nd", "W": "dk"},
         lambda Y, X, W: np.linalg.norm(Y - X @ W, "nuc")),
    Case("nuclear(A * B) + x.T @ x", "A", {"A": "dd", "B": "dd", "x": "d"},
         lambda A, B, x: np.linalg.norm(A @ B, "nuc") + x @ x, PRODUCT, "nuclear(A @ B) + x.T @ x"),
    Case("spectral(A)", "A", {"A": "dk"}, lambda A: np.linalg.norm(A, 2)),
    Case("norm2(y - X @ pinv(X) @ y)", "X", {"X": "nd", "y": "n"},
         lambda X, y: np.linalg.norm(y - X @ np.linalg.pinv(X) @ y)),
    Case("trace(expm(A) @ B)", "B", {"A": "dd", "B": "dd"}, lambda A, B: np.trace(expm(A) @ B)),
    Case("trace(expm(A * B))", "A", {"A": "dd", "B": "dd"}, lambda A, B: np.trace(expm(A @ B)), PRODUCT,
         "trace(expm(A @ B))"),
    Case("trace(exp(A) @ B)", "A", {"A": "dd", "B": "dd"}, lambda A, B: np.trace(exp(A) @ B)),
    Case("sum(eigenvalues(A.T @ A))", "A", {"A": "nd"}, lambda A: np.linalg.eigvalsh(A.T @ A).sum()),
    Case("x[0] * x[1] + A[1, 0] * x[2]", "x", FORM, lambda x, A: x[0] * x[1] + A[1, 0] * x[2]),
    Case("A[0, :] @ x", "A", FORM, lambda x, A: A[0] @ x),
    Case("A[0] @ x", "x", FORM, lambda x, A: A[0] @ x),
    Case("logdet(block(A, B, B.T, C))", "B", {"A": "dd", "B": "dk", "C": "kk"},
         lambda A, B, C: log(abs(det(np.block([[A, B], [B.T, C]]))))),
    Case("frobenius(hstack(A, b))", "b", {"A": "dk", "b": "d"}, lambda A, b: (square(A) + square(b)) ** 0.5),
    Case("lgamma(sum(alpha)) - sum(lgamma(alpha))", "alpha", {"alpha": "d"},
         lambda alpha: math.lgamma(alpha.sum()) - sum(map(math.lgamma, alpha))),
    Case("tr(A * B)", "A", {"A": "dk", "B": "kd"}, lambda A, B: np.trace(A @ B), PRODUCT, "tr(A @ B)"),
    Case("transpose(x) * A * x", "x", FORM, lambda x, A: x @ A @ x, FIT, "transpose(x) @ A @ x"),
]  # fmt: skip
DERIVED = [case for case in CASES if not case.question]
ASKED = [case for case in CASES if case.question]


def named(cases):
    return pytest.mark.parametrize("case", cases, ids=[f"{case.text} by {case.wrt}" for case in cases])


def arrays(case):
    """Random arrays of the shapes that are meant; square ones are near the identity, symmetric in nothing."""
    rng = np.random.default_rng(7)
    found = {}
    for name, shape in case.shapes.items():
        if isinstance(shape, int):
            found[name] = shape
            continue
        sizes = [SIZES[letter] for letter in shape]
        found[name] = rng.uniform(0.2, 1.0, sizes) if sizes else float(rng.uniform(0.5, 1.5))
        if len(sizes) == 2 and sizes[0] == sizes[1]:
            found[name] = np.eye(sizes[0]) + 0.2 * found[name]
    return found


def differences(f, values, wrt, h=1e-5):
    """The gradient of a NumPy function, entry by entry."""
    x = np.asarray(values[wrt], dtype=float)
    gradient = np.zeros(x.shape)
    for at in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[at] = h
        up, down = (f(**{**values, wrt: x + sign * step}) for sign in (1, -1))
        gradient[at] = (up - down) / (2 * h)
    return gradient


def agrees(case, text, declared):
    """The text, with these declarations, means the function of the case and has its gradient."""
    f = parse(text, **declared)
    values = arrays(case)
    sizes = {letter: size for letter, size in SIZES.items() if letter not in values}
    assert np.isclose(evaluate(f, **sizes | values), case.f(**values), rtol=1e-12)
    gradient = evaluate(derive(f, case.wrt).gradient, **values | sizes | rows(f, values))
    wanted = differences(case.f, values, case.wrt)
    assert np.shape(gradient) == wanted.shape
    assert np.allclose(gradient, wanted, rtol=1e-6, atol=1e-7)


def rows(f, values):
    """Sizes that a gradient needs though none of its symbols shows them."""
    return {
        str(d): values[s.name].shape[i]
        for s in f.free
        for i, d in enumerate(s.shape)
        if np.ndim(values[s.name]) > i and d.constant is None
    }


@named(DERIVED)
def test_the_gradient_that_is_meant(case):
    agrees(case, case.text, {})


@named(ASKED)
def test_a_question_that_shows_how_to_declare(case):
    with pytest.raises((ParseError, ShapeError), match=case.question) as caught:
        derive(parse(case.text), case.wrt)
    message = str(caught.value)
    if case.question != SIGN:
        assert re.search(r"[Dd]eclare .*=\(\).* or --shape|declare a scalar as .*=\(\) in parse, --shape", message)
        assert not case.declared or re.search(rf"\b({'|'.join(case.declared)})\b", message.splitlines()[0])
    if case.f is not None:
        agrees(case, case.answer or case.text, case.declared)


def test_there_are_sixty_and_each_is_right_or_asked():
    assert len({case.text for case in CASES}) >= 60
    assert len(DERIVED) >= 30
    print(f"texts without shapes: {len(DERIVED)} right, {len(ASKED)} asked, none silently wrong")
