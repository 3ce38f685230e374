"""Identities of the kind that reference tables of matrix calculus list: derived, in the form that the tables have."""

import pytest

from nnmat.calculus import derive, matrix, parse, vector
from nnmat.calculus.language.operators import scalar

SYMBOLS = {
    s.name: s
    for s in (
        *(matrix(name, "N", "N") for name in ("A", "B", "C", "X")),
        matrix("R", "N", "N", invertible=True),
        matrix("S", "N", "N", symmetric=True),
        matrix("W", "N", "N", symmetric=True),
        matrix("Y", "N", "M"),
        matrix("Z", "M", "M"),
        *(vector(name, "N") for name in ("a", "b", "x", "s")),
        scalar("t"),
    )
}
# (function, variable, gradient)
TABLE = [
    # linear and bilinear forms
    ("a.T @ x", "x", "a"),
    ("x.T @ a", "x", "a"),
    ("a.T @ X @ b", "X", "a bᵀ"),
    ("a.T @ X.T @ b", "X", "b aᵀ"),
    ("a.T @ X @ a", "X", "a aᵀ"),
    ("a.T @ X.T @ a", "X", "a aᵀ"),
    ("a.T @ A @ x", "x", "Aᵀa"),
    # quadratic forms
    ("x.T @ x", "x", "2 x"),
    ("x.T @ A @ x", "x", "(A + Aᵀ)x"),
    ("x.T @ S @ x", "x", "2 Sx"),
    ("b.T @ X.T @ X @ a", "X", "X(a bᵀ + b aᵀ)"),
    ("a.T @ X.T @ X @ a", "X", "2 X(a aᵀ)"),
    ("(x - A @ s).T @ W @ (x - A @ s)", "s", "-2 AᵀW(x - As)"),
    ("(x - A @ s).T @ W @ (x - A @ s)", "x", "2 W(x - As)"),
    ("(x - A @ s).T @ W @ (x - A @ s)", "A", "-2 W((x - As) sᵀ)"),
    ("(x - s).T @ W @ (x - s)", "s", "-2 W(x - s)"),
    ("(A @ x + b).T @ C @ (B @ x + s)", "x", None),
    ("a.T @ (x * b)", "x", "a ⊙ b"),
    ("(a.T @ x) * (b.T @ x)", "x", None),
    ("(X @ b + s).T @ B @ (X @ b + s)", "X", "(B + Bᵀ)((Xb + s) bᵀ)"),
    # traces of first order
    ("trace(X)", "X", "I"),
    ("trace(X @ A)", "X", "Aᵀ"),
    ("trace(A @ X @ B)", "X", "AᵀBᵀ"),
    ("trace(A @ X.T @ B)", "X", "BA"),
    ("trace(X.T @ A)", "X", "A"),
    ("trace(A @ X.T)", "X", "A"),
    ("trace(kron(A, Z))", "Z", "Tr(A) I"),
    # traces of second and higher order
    ("trace(X @ X)", "X", "2 Xᵀ"),
    ("trace(X @ X @ B)", "X", "(XB + BX)ᵀ"),
    ("trace(X.T @ B @ X)", "X", "(B + Bᵀ)X"),
    ("trace(B @ X @ X.T)", "X", "(Bᵀ + B)X"),
    ("trace(X @ B @ X.T)", "X", "X(Bᵀ + B)"),
    ("trace(B @ X.T @ X)", "X", "X(B + Bᵀ)"),
    ("trace(X.T @ X @ B)", "X", "X(B + Bᵀ)"),
    ("trace(A @ X @ B @ X)", "X", "(BXA + AXB)ᵀ"),
    ("trace(X.T @ X)", "X", "2 X"),
    ("trace(B.T @ X.T @ C @ X @ B)", "X", "(C + Cᵀ)XBBᵀ"),
    ("trace(X.T @ B @ X @ C)", "X", "BXC + BᵀXCᵀ"),
    ("trace(A @ X @ B @ X.T @ C)", "X", "AᵀCᵀXBᵀ + CAXB"),
    ("trace((A @ X @ B + C) @ (A @ X @ B + C).T)", "X", "2 Aᵀ(AXB + C)Bᵀ"),
    ("trace(kron(X, X))", "X", "2 Tr(X) I"),
    ("trace(X @ X @ X)", "X", "3 XᵀXᵀ"),
    ("trace(A @ X @ X @ X)", "X", None),
    # determinants
    ("det(X)", "X", "adj(X)ᵀ"),
    ("det(R)", "R", "|R| R⁻ᵀ"),
    ("logdet(X)", "X", "X⁻ᵀ"),
    ("det(A @ X @ B)", "X", None),
    ("det(R) ** 3", "R", None),
    ("logdet(Y.T @ Y)", "Y", "2 Y(YᵀY)⁻¹"),
    ("logdet(inv(X))", "X", "-X⁻ᵀ"),
    ("det(Y.T @ Y)", "Y", None),
    # inverses
    ("a.T @ inv(X) @ b", "X", "-X⁻ᵀ(a bᵀ)X⁻ᵀ"),
    ("trace(A @ inv(X) @ B)", "X", "-X⁻ᵀAᵀBᵀX⁻ᵀ"),
    ("det(inv(R))", "R", None),
    ("trace(inv(X + A))", "X", "-(X + A)⁻ᵀ(X + A)⁻ᵀ"),
    ("trace(inv(X))", "X", "-X⁻ᵀX⁻ᵀ"),
    ("trace(solve(X, A))", "A", "X⁻ᵀ"),
    # norms
    ("norm2(x - a)", "x", "(x - a)/‖x - a‖"),
    ("frobenius(X) ** 2", "X", "2 X"),
    ("frobenius(X)", "X", "X/‖X‖"),
    ("norm2(A @ x - b) ** 2", "x", "2 Aᵀ(Ax - b)"),
    ("frobenius(A @ X - B) ** 2", "X", "2 Aᵀ(AX - B)"),
    # elementwise functions
    ("sum(exp(X))", "X", "exp(X)"),
    ("sum(log(exp(X) + 1))", "X", None),
    ("sum(sin(A @ X))", "X", "Aᵀ cos(AX)"),
    ("sum(X * X)", "X", "2 X"),
    ("sum(X ** 3)", "X", "3 X ⊙ X"),
    ("a.T @ sigmoid(X @ b)", "X", "(a ⊙ σ(Xb) ⊙ (1 - σ(Xb))) bᵀ"),
    ("log(a.T @ exp(x))", "x", None),
    ("logsumexp(x)", "x", "softmax(x)"),
    # diagonals, vec, Kronecker products
    ("trace(diagm(x) @ A)", "x", "diagonal(A)"),
    ("a.T @ diag(X)", "X", "Diag(a)"),
    ("a.T @ diagm(x) @ b", "x", "a ⊙ b"),
    ("inner(vec(X), vec(A))", "X", "A"),
    ("inner(kron(A, Z), kron(A, Z))", "Z", "2 ⟨A, A⟩ Z"),
    ("inner(A, t * X)", "t", "⟨A, X⟩"),
    ("x.T @ (A * B) @ a", "A", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "wrt", "form"), TABLE, ids=[f"{t} by {w}" for t, w, _ in TABLE])
def test_an_identity(text, wrt, form):
    d = derive(parse(text, **SYMBOLS), wrt)
    if form is not None:
        assert str(d.gradient) == form
    assert d.check(trials=2) < 1e-6


def test_there_are_sixty():
    assert len(TABLE) >= 60
    assert sum(form is not None for *_, form in TABLE) >= 60
