"""Laws of functions of matrices, of spectra, of largest entries and of blocks, each against the slope of the values."""

import numpy as np
import pytest

from nnmat.calculus import NotDerivable, derive, evaluate, matrix, parse, scalar, vector
from nnmat.calculus.laws.matrix_differentials import LAWS, STATEMENTS
from tests.nnmat.calculus.laws.slopes import holds

RNG = np.random.default_rng(3)


def drawn(rows, columns):
    return RNG.standard_normal((rows, columns))


NEAR = np.eye(3) + 0.2 * drawn(3, 3)
SYMMETRIC = drawn(3, 3) + np.diag([0.0, 3.0, 7.0])
AT = {
    "A": drawn(3, 3),
    "R": NEAR,
    "E": drawn(3, 3),
    "S": SYMMETRIC + SYMMETRIC.T,
    "P": NEAR @ NEAR.T,
    "T": drawn(4, 3),
    "W": drawn(2, 3),
    "Z": drawn(2, 2) + 3 * np.eye(2),
    "C": drawn(3, 2),
    "x": RNG.standard_normal(3),
    "t": RNG.uniform(0.5, 2.0, 3),
    "y": RNG.standard_normal(3),
    "a": 0.3,
}
SYMBOLS = {
    **{name: matrix(name, 3, 3) for name in "AE"},
    "R": matrix("R", 3, 3, invertible=True),
    "S": matrix("S", 3, 3, symmetric=True),
    "P": matrix("P", 3, 3, positive_definite=True),
    "T": matrix("T", 4, 3),
    "W": matrix("W", 2, 3),
    "Z": matrix("Z", 2, 2),
    "C": matrix("C", 3, 2),
    **{name: vector(name, 3) for name in "xy"},
    "t": vector("t", 3, positive=True),
    "a": scalar("a"),
}
CASES = [
    ("power(A, 4)", "A", "CAL-10"),
    ("power(R, -3)", "R", "CAL-10"),
    ("power(A, 0)", "A", "CAL-10"),
    ("expm(A)", "A", "CAL-11"),
    ("logm(R)", "R", "CAL-11"),
    ("sqrtm(R)", "R", "CAL-12"),
    ("sqrtm(P)", "P", "CAL-12"),
    *((f"sylvester({a}, {b}, {c})", name, "CAL-13") for a, b, c, name in ["RZCR", "RZCZ", "RZCC", "RRRR"]),
    ("power_frechet(A, E, 3)", "A", "CAL-14"),
    ("power_frechet(A, E, 3)", "E", "CAL-14"),
    ("expm_frechet(A, E)", "A", "CAL-14"),
    ("logm_frechet(R, E)", "R", "CAL-14"),
    ("pinv(T)", "T", "CAL-15"),
    ("pinv(W)", "W", "CAL-15"),
    ("eigenvalues(S)", "S", "CAL-16"),
    ("eigenvectors(S)", "S", "CAL-17"),
    ("gaps(x)", "x", "CAL-18"),
    ("singular_values(T)", "T", "CAL-19"),
    ("right_singular(T)", "T", "CAL-20"),
    ("nuclear(T)", "T", "CAL-21"),
    ("nuclear(W)", "W", "CAL-21"),
    ("spectral(W)", "W", "CAL-22"),
    ("cholesky(P)", "P", "CAL-23"),
    ("max(A)", "A", "CAL-24"),
    ("max(W, axis=1)", "W", "CAL-24"),
    ("maximum(A, E)", "A", "CAL-25"),
    ("maximum(A, E)", "E", "CAL-25"),
    ("maximum(a, A)", "a", "CAL-25"),
    ("where(x, y * y, a)", "y", "CAL-26"),
    ("where(x, y, a * a)", "a", "CAL-26"),
    ("where(x, y, a)", "x", "CAL-26"),
    ("t ** y", "t", "CAL-27"),
    ("t ** y", "y", "CAL-27"),
    ("2 ** (A * a)", "a", "CAL-27"),
    ("hstack(A, x, E)", "x", "CAL-28"),
    ("vstack(A, W, A)", "A", "CAL-28"),
    ("at_max(A)", "A", "CAL-29"),
    ("greater(A, E)", "E", "CAL-29"),
]


@pytest.mark.parametrize(("source", "name", "law"), CASES, ids=[f"{s} by {n}" for s, n, _ in CASES])
def test_a_law(source, name, law):
    holds(parse(source, **SYMBOLS), SYMBOLS[name], law, AT, RNG, near=1e-6)


def test_every_law_is_tried_and_stated():
    assert {law for *_, law in CASES} == set(STATEMENTS) == {name for name, _ in LAWS.values()}


@pytest.mark.parametrize(
    ("source", "form"),
    [
        ("trace(power(A, 5))", "5 (A⁴)ᵀ"),
        ("trace(power(A, n))", "n (A^(n - 1))ᵀ"),
        ("x.T @ power(A, 2) @ y", "(x yᵀ)Aᵀ + Aᵀ(x yᵀ)"),
        ("x.T @ power(A, n) @ y", "power_frechet(Aᵀ, x yᵀ, n)"),
        ("trace(expm(A))", "expm(A)ᵀ"),
        ("trace(E @ expm(A))", "expm_frechet(A, E)ᵀ"),
        ("trace(logm(R))", "R⁻ᵀ"),
        ("nuclear(A)", "polar(A)"),
        ("spectral(A) ** 2", "2 ‖A‖₂ dyad(A)"),
        ("max(A)", "at_max(A)"),
        ("sum(2 ** A)", "log(2) 2^⊙A"),
        ("A[0, 1]", "padded(1, 0, 1, 3, 3)"),
    ],
)
def test_the_gradient_of_the_book(source, form):
    """Minka, Old and New Matrix Algebra; the Matrix Cookbook 2.5, 2.8; the subgradients of the norms."""
    wrt = "R" if "R" in source else "A"
    d = derive(parse(source, **SYMBOLS), wrt)
    assert str(d.gradient) == form
    assert d.check() < 1e-6


def test_eigenvalues_and_what_is_made_of_them():
    S, x = SYMBOLS["S"], SYMBOLS["x"]
    assert str(derive(parse("x.T @ eigenvalues(S)", S=S, x=x), S).gradient) == (
        "K Diag(x) Kᵀ\n    with K = eigenvectors(S)"
    )
    assert str(derive(parse("sum(eigenvalues(S))", S=S), S).gradient) == "I"
    third = derive(parse("sum(eigenvalues(S) ** 3)", S=S), S)
    power = evaluate(derive(parse("trace(power(S, 3))", S=S), S).gradient, S=AT["S"])
    assert np.allclose(evaluate(third.gradient, S=AT["S"]), power, rtol=1e-10)
    assert derive(parse("eigenvalues(S)[0] + inner(E, eigenvectors(S))", **SYMBOLS), S).check() < 1e-6


@pytest.mark.parametrize("source", ["trace(expm(A) @ E)", "trace(power(A, 3) @ E)", "frobenius(expm(A))"])
def test_second_derivatives(source):
    """Of the functions of matrices that have them."""
    A, V = SYMBOLS["A"], matrix("V", 3, 3)
    first = derive(parse(source, **SYMBOLS), A)
    second = derive(parse("inner(g, V)", {"g": first.gradient}, V=V), A)
    assert second.check(trials=1) < 1e-6


def test_norms_without_a_second_law_say_what_to_write():
    for source, other in (("polar(A)", r"trace\(sqrtm\(A.T @ A\)\)"), ("dyad(A)", r"singular_values\(A\)\[0\]")):
        with pytest.raises(NotDerivable, match=f"the second derivative of the .* norm, .*Write the norm as {other}"):
            derive(parse(f"sum({source})", **SYMBOLS), "A")
