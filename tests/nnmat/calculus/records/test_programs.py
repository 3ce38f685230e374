"""Gradients as code: read back to the same expression, and as functions of arrays with the same values."""

import inspect

import numpy as np
import pytest

from nnmat.calculus import NotDerivable, derive, evaluate, matrix, parse, scalar, vector
from nnmat.calculus.checking.sampling import draw

TEXTS = [
    ("x.T @ A @ sigmoid(inv(B) @ z + b)", "B"),
    ("y.T @ log_softmax(W @ x)", "W"),
    ("sum(gelu(A @ x)) / dim(N)", "x"),
    ("norm2(A @ x - y) ** 3", "x"),
    ("logdet(A @ A.T + eye(M))", "A"),
]

# Values with the attributes that operators need, and operators in the gradients of these texts or beside them.
OPERATORS = [
    ("trace(power(A, 4)) + trace(power(A, n))", "A"),
    ("sum(pinv(T))", "T"),
    ("sum(cholesky(P))", "P"),
    ("nuclear(T) ** 2", None),
    ("spectral(T) + sum(singular_values(T)) + sum(eigenvalues(P))", None),
    ("max(T) + sum(max(T, axis=1)) + sum(maximum(x, 0.1)) + min(x)", "T"),
    ("sum(max(T, axis=1) ** 2)", "T"),
    ("sum(maximum(x, t)) + sum(where(x, x**3, t))", "x"),
    ("sum(hstack(A, x) @ vstack(A, x.T)) + A[0, 1] * A[1, 0]", "A"),
    ("frobenius(T[1:M, 0:2])", "T"),
    ("sum(T[1, :] ** 2) + sum((T @ x)[:, 0] ** 3) + T[-1, :] @ x", "T"),
    ("sum(T[:, 0] ** 2) + T[n, n - 1] ** 2 + sum(T[0, 1:] ** 3)", "T"),
    ("sum(x[1:] ** 3) * x[n - 1] ** 2", "x"),
    ("sum(t ** x) + sum(2 ** x)", "x"),
    ("sum(tan(x) + arctan(x) + sinh(x) + erf(x) + silu(x) + elu(x) + huber(2 * x) + clip(3 * x))", None),
    ("sum(cosh(x) + log1p(t) + lgamma(t))", None),
    ("y.T @ commutation(M, N) @ vec(T * T)", "T"),
    ("sum(silu(x)) + sum(elu(x)) + sum(huber(x)) + sum(erf(x))", "x"),
]


@pytest.mark.parametrize(("text", "wrt"), OPERATORS)
def test_operators(text, wrt):
    """A function of arrays for every operator that NumPy has a short form of."""
    N = ("N", "N")
    given = {"A": matrix("A", *N), "P": matrix("P", *N, positive_definite=True), "T": matrix("T", "M", "N")}
    f = parse(text, **given, x="N", t=vector("t", "N", positive=True))
    if wrt is None:  # the function itself is a gradient, by a factor
        f, wrt = scalar("s") * f, "s"
    d = derive(f, wrt)
    names: dict = {}
    exec(d.to_numpy(), names)
    sizes = {"N": 3, "M": 5, "n": 3}
    values = {s.name: np.squeeze(draw(s, sizes, 0, np.random.default_rng(1))) for s in f.free}
    own = {s.name: values[s.name] for s in d.gradient.free}
    called = inspect.signature(names["gradient"]).parameters
    found = names["gradient"](**own, **{name: size for name, size in sizes.items() if name in called})
    assert np.allclose(found, evaluate(d.gradient, **own, **sizes), rtol=1e-10)


def test_what_numpy_has_no_form_of_is_refused():
    for text, wrt in (("trace(expm(A) @ B)", "A"), ("sum(digamma(x))", "x")):
        d = derive(parse(text, A=("N", "N"), B=("N", "N"), x="N"), wrt, check=False)
        with pytest.raises(NotDerivable, match=r"no NumPy form of .* is known. Try to_python\(\)"):
            d.to_numpy()


@pytest.mark.parametrize(("text", "wrt"), TEXTS)
def test_code(text, wrt):
    f = parse(text, A=("M", "N"), x="N") if "A" in text and "sigmoid" not in text else parse(text)
    d = derive(f, wrt)
    assert parse(d.to_python(), **{s.name: s for s in d.gradient.free}) is d.gradient
    names: dict = {}
    exec(d.to_numpy(), names)
    rng = np.random.default_rng(0)
    sizes = {str(n): 3 + i for i, n in enumerate(sorted({str(n) for s in f.free for n in s.shape} - {"1"}))}
    values = {s.name: rng.standard_normal([sizes[str(n)] for n in s.shape if str(n) != "1"]) for s in f.free}
    own = {s.name: values[s.name] for s in d.gradient.free}
    assert np.allclose(names["gradient"](**own), evaluate(d.gradient, **own, **sizes), rtol=1e-12)


def test_long_numbers_are_written_as_people_write_them():
    text = derive(parse("sum(erf(x))", x="N"), "x").to_numpy()
    assert "1.1283791670955126 * np.exp(-x * x)" in text
    assert "1e-20 * A" in derive(parse("1e-20 * inner(A, X)", A=("N", "N"), X=("N", "N")), "X").to_numpy()
