"""`derive`: forms of gradients, and what is refused, with the reason."""

import numpy as np
import pytest

from nnmat.calculus import (
    DomainError,
    NotDerivable,
    ShapeError,
    UnverifiedError,
    adjugate,
    derive,
    evaluate,
    exp,
    hessian_product,
    inner,
    let,
    log,
    matrix,
    norm2,
    parse,
    relu,
    scalar,
    sigmoid,
    sin,
    sum,
    tanh,
    trace,
    vector,
)
from nnmat.errors import ConfigError

RNG = np.random.default_rng(0)
A, B, x, y = matrix("A", "M", "N"), matrix("B", "N", "N"), vector("x", "M"), vector("y", "N")


def test_a_gradient_of_a_gradient():
    X, w, y = matrix("X", "M", "N"), vector("w", "N"), vector("y", "M")
    first = derive(norm2(X @ w - y) ** 2, w)
    v = vector("v", "N")
    assert str(hessian_product(first.function, w, v).gradient) == "2 XᵀXv"
    assert str(derive(inner(first.gradient, v), X).gradient) == "2 ((Xw - y) vᵀ + X(v wᵀ))"
    deep = parse("a.T @ sigmoid(W @ sigmoid(V @ x))")
    product = hessian_product(deep, "V", matrix("U", *next(s.shape for s in deep.free if s.name == "V")))
    assert product.check() < 1e-7
    third = derive(inner(product.gradient, product.gradient), "x")
    assert third.error < 1e-4


def test_symmetric_arguments():
    S, A = matrix("S", "N", "N", symmetric=True), matrix("A", "N", "N")
    d = derive(trace(A @ S), S)
    assert (d.form, str(d.gradient)) == ("manifold", "(1/2) (Aᵀ + A)")
    e = derive(trace(A @ S), S, symmetric="entries")
    assert (e.form, str(e.gradient)) == ("entries", "tril(Aᵀ + A - I ⊙ A)")
    value = RNG.standard_normal((3, 3))
    wanted = np.tril(value.T + value - np.diag(np.diag(value)))
    assert np.allclose(evaluate(e.gradient, A=value), wanted)
    D = matrix("D", "N", "N", diagonal=True)
    assert derive(trace(A @ D), D).form == "diagonal"
    assert "on the symmetric matrices" in str(d)
    for form in ("manifold", "entries"):
        d2 = derive(inner(A, S @ S), S, symmetric=form)
        assert d2.chain[-1].closed is d2.gradient
    for shown, arrow in ((str(d), "∇_S f = Aᵀ\n   → "), (d.to_latex(), r"\nabla_{S} f &= A^{\top} \\" + "\n&\\to ")):
        assert arrow in shown  # G and (G + Gᵀ)/2 are not equal, and neither is df
    assert "∇_S f = (1/2) (Aᵀ + A)  SYM-1, SIM-17" in str(d)


def test_a_lower_triangular_argument():
    L, A = matrix("L", "N", "N", lower_triangular=True), matrix("A", "N", "N")
    d = derive(trace(A @ L) + sum(L * L), L)
    assert (d.form, str(d.gradient)) == ("lower", "tril(Aᵀ + 2 L)")
    assert "on the lower triangular matrices" in str(d)
    assert "SYM-4" in str(d)
    a, value = RNG.standard_normal((3, 3)), np.tril(RNG.standard_normal((3, 3)))
    assert np.allclose(evaluate(d.gradient, A=a, L=value), np.tril(a.T) + 2 * value)
    assert d.check() < 1e-7
    with pytest.raises(DomainError, match="expected L as it was declared, lower_triangular"):
        evaluate(d.gradient, A=a, L=a)


def test_scalars_and_dimensions_in_formulas():
    t, A = scalar("t"), matrix("A", "M", "N")
    assert str(derive(sum(t + A), t).gradient) == "M N"
    assert derive(sum(t + A), t).check() < 1e-8
    assert str(derive(sum(t * A) / parse("dim(N)"), t).gradient) == "sum(A)/N"


def test_a_function_that_is_a_symbol_or_has_a_name():
    a, x = scalar("a"), vector("x", "N")
    for f, wrt, form, chain in [
        (a, "a", "1", ["a"]),
        (let("g", x.T @ x), "x", "2 x", ["g", "x"]),
        (let("g", let("h", sigmoid(a))), "a", "h (1 - h)", ["g", "h", "a"]),
    ]:
        d = derive(f, wrt)
        assert str(d.gradient) == form
        assert [link.name for link in d.chain] == chain
        assert d.check() < 1e-8


def test_what_is_refused_is_refused_with_node_and_reason():
    X = matrix("X", "N", "N")
    with pytest.raises(NotDerivable, match="the adjugate .* of a matrix that may be singular") as caught:
        derive(trace(adjugate(X)), "X")
    assert caught.value.node is adjugate(X)
    assert "singular" in caught.value.reason
    for word in ("constant", "orthogonal"):
        Q = matrix("Q", "N", "N", **{word: True})
        with pytest.raises(NotDerivable, match=f"Q: it is declared {word}"):
            derive(trace(Q @ X), Q)
    p = vector("p", "N", sums_to_one=True)
    with pytest.raises(NotDerivable, match="declared sums_to_one"):
        derive(p.T @ y, p)


def test_an_empty_domain_is_an_error_and_no_result():
    v = vector("v", "N")
    with pytest.raises(UnverifiedError, match="expected 3 points of the domain"):
        derive(sum(log(-exp(v))), "v")


def test_no_expression_is_too_deep():
    v = vector("v", "N")
    e = v
    for _ in range(150):
        e = tanh(e * 0.5 + v)
    d = derive(sum(e), "v", check=False)
    assert len(d.chain) > 150
    assert str(d)
    assert repr(d.gradient)


def test_zero_is_never_silent():
    v, w = vector("v", "N"), vector("w", "N")
    d = derive(v.T @ v + 0 * (w.T @ w), "w")
    assert str(d.gradient) == "0"
    assert d.steps  # there is a record of why
    with pytest.raises(ShapeError, match="expected wrt among v"):
        derive(v.T @ v, "w")


def test_kinks_are_kept_away_from():
    v = vector("v", "N")
    assert str(derive(sum(relu(v)), "v").gradient) == "step(v)"


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: derive(A @ y, "A"),
            r"derive: expected a scalar function, got Ay of shape \(M\). Pass its upstream gradient",
        ),
        (lambda: derive(A @ y, "A", G=y), "derive: expected G of the shape of Ay"),
        (lambda: derive(x.T @ A @ y, "B"), "derive: expected wrt among A, x, y, got 'B'. Check the spelling"),
        (lambda: derive(x.T @ A @ y, matrix("A", 2, 2)), "got another one of this name"),
        (lambda: derive(x.T @ A @ y, A @ y), "derive: expected wrt as a symbol or its name"),
        (lambda: derive(x.T @ A @ y, "A").check(trials=0), "check: expected trials as an integer >= 1, got 0"),
        (lambda: derive(x.T @ A @ y, "A", symmetric="yes"), "derive: expected symmetric as one of manifold, entries"),
        (
            lambda: derive(trace(B), "B", symmetric="entries"),
            "expected a symmetric variable for the gradient by free entries, got B .* Declare it symmetric=True",
        ),
        (lambda: hessian_product(x.T @ x, "x", y), "hessian_product: expected V of the shape of x"),
        (lambda: hessian_product(x.T @ x, "x", 2 * x), "without x, got 2 x .* Take a symbol for V"),
        (
            lambda: derive(sum(let("h", exp(x)) * let("h", sin(x))), "x"),
            r"expected one meaning of the name h, got the quantity exp\(x\) and the quantity sin\(x\). Rename one",
        ),
        (lambda: derive(sum(let("x", exp(x)) * x), "x"), "one meaning of the name x, got a symbol of .* and the quan"),
        (lambda: derive(trace(B) + trace(matrix("B", "N", "N", symmetric=True)), "B"), "one meaning of the name B"),
        (lambda: derive(sum(let("h", exp(x))), "h"), "got 'h'. The gradient of a named quantity stands in the chain"),
    ],
)
def test_what_is_refused(make, text):
    with pytest.raises((ShapeError, ConfigError), match=text):
        make()
