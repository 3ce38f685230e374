"""Gradients in the form that a textbook prints, letter by letter: what is gathered, what cancels, what has a name."""

import math

import pytest

from nnmat.calculus import derive, latex, let, matrix, parse, scalar, sin, sum, vector
from nnmat.calculus.language.expr import lift
from tests.nnmat.calculus import worked_examples as examples
from tests.nnmat.calculus.test_sizes import norms

SYMBOLS = {
    s.name: s
    for s in (
        *(matrix(name, "N", "N") for name in ("A", "B", "C", "X")),
        *(matrix(name, "M", "N") for name in ("D", "Y", "Z")),
        *(matrix(name, "M", "M") for name in ("K", "P")),
        matrix("S", "M", "M", symmetric=True),
        matrix("T", "N", "N", symmetric=True),
        *(vector(name, "N") for name in ("a", "b", "g", "w", "x")),
        *(vector(name, "M") for name in ("y", "u")),
        scalar("t"),
    )
}
FORMS = [
    # what multiplying out makes shorter
    ("-sum(y * log(sigmoid(D @ w)) + (1 - y) * log(1 - sigmoid(D @ w)))", "w", "Dᵀ(σ(Dw) - y)"),
    ("-y.T @ log(sigmoid(u)) - (1 - y).T @ log(1 - sigmoid(u))", "u", "σ(u) - y"),
    ("sum((x - sum(x)/dim(N)) ** 2) / dim(N)", "x", "(2/N) (x - ((1ᵀx)/N) 1)"),
    ("sum((Y - Y @ ones(N, N)/dim(N)) ** 2)", "Y", "2 (Y - (Y(1 1ᵀ))/N)"),
    ("sum((Y - ones(M, M) @ Y/dim(M)) ** 2) / dim(M)", "Y", "(2/M) (Y - ((1 1ᵀ)Y)/M)"),
    # what cancels
    ("trace(Y @ inv(Y.T @ Y) @ Y.T)", "Y", "0"),
    ("logdet(kron(K, X))", "X", "M X⁻ᵀ"),
    ("logdet(kron(X, K))", "X", "M X⁻ᵀ"),
    ("log(det(X))", "X", "X⁻ᵀ"),
    ("log(det(A @ X @ B))", "X", "X⁻ᵀ"),
    ("log(abs(det(X)))", "X", "X⁻ᵀ"),
    ("log(det(X.T @ X))", "X", "2 X⁻ᵀ"),
    ("log(det(Y.T @ Y))", "Y", "2 Y(YᵀY)⁻¹"),
    ("log(det(Y.T @ S @ Y))", "Y", "2 SY(YᵀSY)⁻¹"),
    ("log(det(Y.T @ K @ Y))", "Y", "KY(YᵀKY)⁻¹ + KᵀY(YᵀKY)⁻ᵀ"),
    ("trace(kron(A, X) @ kron(B, C))", "X", "Tr(AB) Cᵀ"),
    # common factors, of all terms or of some
    ("x.T @ A @ x", "x", "(A + Aᵀ)x"),
    ("sum(x * (A @ x))", "x", "(A + Aᵀ)x"),
    ("x.T @ A @ x + b.T @ x", "x", "(A + Aᵀ)x + b"),
    ("(a.T @ x) / (b.T @ x)", "x", "(a - ((aᵀx)/(bᵀx)) b)/(bᵀx)"),
    ("(x.T @ T @ x) / (x.T @ x)", "x", "(2/(xᵀx)) (Tx - ((xᵀTx)/(xᵀx)) x)"),
    ("sum((x - sum(x)/dim(N)) ** 3) / dim(N)", "x", "(3/N) (u ⊙ u - ((uᵀu)/N) 1)\n    with u = x - ((1ᵀx)/N) 1"),
    ("trace(inv(Y.T @ S @ Y) @ T)", "Y", "-2 SY(YᵀSY)⁻¹T(YᵀSY)⁻¹"),
    ("trace(inv(Y.T @ S @ Y) @ A)", "Y", "-SY(YᵀSY)⁻¹(A + Aᵀ)(YᵀSY)⁻¹"),
    # transposes outside, where that is shorter
    ("trace(X @ X @ B)", "X", "(XB + BX)ᵀ"),
    ("trace(A @ X @ B @ X)", "X", "(BXA + AXB)ᵀ"),
    ("trace(A @ X @ X @ X)", "X", "(XXA + XAX + AXX)ᵀ"),
    ("trace(A @ X @ B @ X.T @ C)", "X", "AᵀCᵀXBᵀ + CAXB"),
    # signs and quotients
    ("frobenius(Y - Z) ** 2 / (2 * dim(M))", "Z", "(Z - Y)/M"),
    ("-sum(b * log(x) + (1 - b) * log(1 - x))", "x", "(1 - b) ⊘ (1 - x) - b ⊘ x"),
    ("t ** 2 / (1 + t)", "t", "2 t/(1 + t) - t²/((1 + t)²)"),
    ("sum((x - sum(x)/dim(N)) * (b - sum(b)/dim(N))) / dim(N)", "x", "(b - ((1ᵀb)/N) 1)/N"),
    ("sum(x * exp(x)) / sum(exp(x))", "x", "softmax(x) ⊙ (1 + x - ((exp(x)ᵀ x)/(1ᵀ exp(x))) 1)"),
    # powers of norms
    ("norm2(x) ** 3", "x", "3 ‖x‖ x"),
    ("norm2(x) ** 5", "x", "5 ‖x‖³ x"),
    ("1 / norm2(x)", "x", "-x/(‖x‖³)"),
    ("a.T @ x / norm2(x)", "x", "(a - ((aᵀx)/(xᵀx)) x)/‖x‖"),
    ("a.T @ x / (norm2(a) * norm2(x))", "x", "(a - ((aᵀx)/(xᵀx)) x)/(‖a‖ ‖x‖)"),
    ("exp(-norm2(x - a) ** 2 / 2)", "x", "-exp(-(1/2) ‖x - a‖²) (x - a)"),
    # the logistic function, whichever way it is written
    ("log(1 + exp(a.T @ x))", "x", "σ(aᵀx) a"),
    ("1 / (1 + exp(-a.T @ x))", "x", "σ(aᵀx) σ(-aᵀx) a"),
    ("sum(log(1 + exp(-y * (D @ w))))", "w", "-Dᵀ(σ(-y ⊙ (Dw)) ⊙ y)"),
]


@pytest.mark.parametrize(("source", "wrt", "form"), FORMS, ids=[f"{s} by {w}" for s, w, _ in FORMS])
def test_the_form(source, wrt, form):
    d = derive(parse(source, **SYMBOLS), wrt)
    assert str(d.gradient) == form
    assert d.check(trials=2) < 1e-6


def test_multiples_of_pi():
    for number, form in ((2 * math.pi, "2π"), (math.pi, "π"), (math.pi / 2, "(π/2)"), (3 * math.pi / 4, "(3π/4)")):
        assert str(derive(sum(sin(number * SYMBOLS["x"])), "x").gradient) == f"{form} cos({form} x)", number
    for number, form in (
        (1 / (2 * math.pi), "1/(2π)"),
        (4 * math.pi**2, "4π²"),
        (-1 / math.pi, "-1/π"),
        (3.14159, "314159/100000"),
    ):
        assert str(lift(number)) == form
    assert latex(lift(math.pi / 2)) == r"\frac{\pi}{2}"
    assert latex(2 * math.pi * SYMBOLS["x"]) == r"2\pi x"
    assert str(2 * math.pi * scalar("pi")) == "(6.283185307179586) π"  # the symbol has the letter
    assert parse(repr(lift(2 * math.pi))) is lift(2 * math.pi)


def test_a_scalar_beside_every_entry_stands_apart():
    x, n = SYMBOLS["x"], parse("dim(N)")
    for e, form in (
        (x + n / 2, "x + (N/2) 1"), (SYMBOLS["A"] - 1 / n, "A - (1 1ᵀ)/N"), (x - 1 / n, "x - (1/N) 1"),
        (x + lift(1) / 2, "x + (1/2) 1"), (x - 3, "x - 3 1"),
    ):  # fmt: skip
        assert str(e) == form


def test_a_name_is_the_same_in_every_line():
    text = str(derive(parse(f"g.T @ {norms(1)}", x="N", g="N"), "x"))
    meanings = [line.split(" = ") for line in text.splitlines() if line.strip().startswith(("with", "and"))]
    names = {body: name.split()[-1] for name, body in meanings}
    assert len(meanings) > len(names)
    assert all(names[body] == name.split()[-1] for name, body in meanings)


def test_a_residual_chain_is_nested_as_it_was_written():
    """x + a ⊙ (x + a ⊙ ...): of 100 levels, each has its factors once."""
    x = SYMBOLS["x"]
    e = x
    for k in range(100):
        e = x + vector(f"a{k}", "N") * e
    gradient = derive(SYMBOLS["g"].T @ e, x, check=False).gradient
    assert str(gradient).startswith("g ⊙ (1 + a99 ⊙ (1 + a98 ⊙ (1 + a97 ⊙")
    assert len(str(gradient)) < 2_000


def test_a_named_mean_is_no_part_of_the_gradient():
    """The mean m moves with x, but the deviations from it sum to 0."""
    x, n = SYMBOLS["x"], parse("dim(N)")
    m = let("m", sum(x) / n)
    d = derive(sum((x - m) ** 2) / n, x)
    assert str(d.gradient) == "(2/N) (x - m 1)"
    assert d.check() < 1e-6


def test_layer_norm_names_the_deviations_and_the_variance_once():
    d = derive(parse(f"g.T @ {norms(1)}", x="N", g="N"), "x")
    assert str(d.gradient).splitlines() == [
        "(g - ((uᵀg)/(s N)) u - ((1ᵀg)/N) 1)/√(s)",
        "    with s = (uᵀu)/N + 1/10",
        "     and u = x - ((1ᵀx)/N) 1",
    ]


def test_norms_of_rows_and_of_columns_use_the_names_that_were_given():
    centring = "(I - (1 1ᵀ)/{})"
    for name, form in (
        ("layer_norm", f"(Diag(r) G Diag(g) - (Diag(diagonal(G Diag(g) Xcᵀ) ⊙ r^⊙3) Xc)/N){centring.format('N')}"),
        ("batch_norm", f"{centring.format('B')}(G Diag(g ⊙ r) - (Xc Diag(diagonal(Xcᵀ G Diag(g)) ⊙ r^⊙3))/B)"),
    ):
        f = getattr(examples, name)()
        assert str(derive(f, "X", G=matrix("G", *f.shape)).gradient) == form
