"""Jacobians and Hessians: forms of the literature, values against quotients entry by entry, what is refused."""

import numpy as np
import pytest

from nnmat.calculus import (
    NotDerivable,
    ShapeError,
    UnverifiedError,
    evaluate,
    exp,
    hessian,
    hessian_product,
    jacobian,
    let,
    matrix,
    parse,
    scalar,
    vector,
)
from nnmat.calculus.laws import differentials

SIZES = {"M": 2, "N": 3, "K": 4}
GIVEN = {
    "X": matrix("X", "N", "K"),
    "Q": matrix("Q", "N", "N"),
    "P": matrix("P", "N", "N", positive_definite=True),
    "A": matrix("A", "M", "N"),
    "B": matrix("B", "K", "M"),
    "x": vector("x", "N"),
    "b": vector("b", "M"),
    "a": scalar("a"),
    "Y": matrix("Y", "M", "K", sums_to_one=True),
    "Z": matrix("Z", "M", "N", sums_to_one=True),
}
# Magnus and Neudecker, Matrix Differential Calculus, ch. 9 and 10, with rows first; MIT 18.S096.
JACOBIANS = [
    ("A @ X @ B", "X", "A dX B", "A ⊗ Bᵀ"),
    ("X.T", "X", "dXᵀ", "commutation(N, K)"),
    ("inv(Q)", "Q", "-Q⁻¹ dQ Q⁻¹", "-(Q⁻¹ ⊗ Q⁻ᵀ)"),
    ("Q @ Q", "Q", "dQ Q + Q dQ", "I ⊗ Qᵀ + Q ⊗ I"),
    ("X.T @ X", "X", "dXᵀ X + Xᵀ dX", "(I ⊗ Xᵀ) commutation(N, K) + Xᵀ ⊗ I"),
    ("x @ x.T", "x", "dx xᵀ + x dxᵀ", "I ⊗ x + x ⊗ I"),
    ("exp(A @ x)", "x", "exp(Ax) ⊙ (A dx)", "Diag(exp(Ax)) A"),
    ("softmax(x)", "x", None, "Diag(u) - u uᵀ\n    with u = softmax(x)"),
    ("x / norm2(x)", "x", None, "(I - (x xᵀ)/(xᵀx))/‖x‖"),
    ("sqrtm(P)", "P", "sylvester(sqrtm(P), sqrtm(P), dP)", "(sqrtm(P) ⊗ I + I ⊗ sqrtm(P))⁻¹"),
    ("logdet(Q)", "Q", "Tr(dQ Q⁻¹)", "vec(Q⁻ᵀ)ᵀ"),
    ("a * X", "a", "da X", "vec(X)"),
    ("tril(Q)", "Q", "tril(dQ)", "Diag(vec(tril(1 1ᵀ)))"),
    ("power(Q, 3)", "Q", None, None),
    ("X[0:2, :]", "X", None, None),
    ("trace(Q) * Q", "Q", None, "vec(Q) vec(I)ᵀ + Tr(Q) I"),
]
HESSIANS = [
    ("x.T @ Q @ x", "x", "Q + Qᵀ"),
    ("norm2(A @ x - b) ** 2", "x", "2 AᵀA"),
    ("logdet(Q)", "Q", "-(Q⁻ᵀ ⊗ Q⁻¹) commutation(N, N)"),
    ("trace(Q @ Q)", "Q", "2 commutation(N, N)"),
    ("trace(X.T @ Q @ X)", "X", "(Q + Qᵀ) ⊗ I"),
    ("frobenius(X) ** 2", "X", "2 I"),
    ("logsumexp(x)", "x", "Diag(u) - u uᵀ\n    with u = softmax(x)"),
    ("norm2(x)", "x", "(I - (x xᵀ)/(xᵀx))/‖x‖"),
    ("a ** 3", "a", "6 a"),
    ("b.T @ A @ x", "x", "0"),
    ("sum(softplus(A @ x))", "x", "Aᵀ Diag(σ(Ax) ⊙ (1 - σ(Ax))) A"),
    (
        "-inner(Y, log_softmax_rows(A @ X))",
        "X",
        "(Aᵀ ⊗ I)L(A ⊗ I - (I ⊗ 1)(I ⊗ 1ᵀ)L(A ⊗ I))\n    with L = Diag(vec(softmax_rows(AX)))",
    ),
    ("-inner(Z, log_softmax_rows(B.T @ X.T))", "X", None),
]


def values(e, wrt):
    rng = np.random.default_rng(5)
    found = {s.name: rng.standard_normal([d.value(SIZES) for d in s.shape]) for s in {*e.free, wrt}}
    for name in {"Y", "Z"} & {*found}:
        found[name] = np.abs(found[name]) / np.abs(found[name]).sum(1, keepdims=True)
    if "P" in found:
        found["P"] = np.eye(3) + found["P"] @ found["P"].T
    return found


def by_quotients(e, name, at, symmetric=False):
    """The Jacobian, a column for each entry of the variable; by both (i, j) and (j, i) of a symmetric one."""
    columns, h = [], 1e-5
    for place in np.ndindex(at[name].shape):
        step = np.zeros(at[name].shape)
        step[place] += h
        if symmetric:
            step = (step + step.T) / 2
        ahead, behind = (evaluate(e, **{**at, name: at[name] + sign * step}, **SIZES) for sign in (1, -1))
        columns.append(np.ravel(ahead - behind) / (2 * h))
    return np.array(columns).T


@pytest.mark.parametrize(("source", "name", "differential", "form"), JACOBIANS)
def test_a_jacobian(source, name, differential, form):
    e = parse(source, **GIVEN)
    J = jacobian(e, name)
    assert differential is None or str(J.differential) == differential
    assert form is None or str(J.matrix) == form
    at = values(e, J.wrt)
    wanted = by_quotients(e, name, at, symmetric=name == "P")
    found = np.reshape(evaluate(J.matrix, **at, **SIZES), wanted.shape)
    if name == "P":  # on the symmetric matrices
        n = SIZES["N"]
        swap = np.eye(n * n)[np.arange(n * n).reshape(n, n).T.ravel()]
        found = found @ (np.eye(n * n) + swap) / 2
    assert np.allclose(found, wanted, atol=1e-7)


@pytest.mark.parametrize(("source", "name", "form"), HESSIANS)
def test_a_hessian(source, name, form):
    e = parse(source, **GIVEN)
    H = hessian(e, name)
    assert form is None or str(H.matrix) == form
    at = values(e, H.wrt)
    wanted = by_quotients(H.function, name, at)
    found = np.reshape(evaluate(H.matrix, **at, **SIZES), wanted.shape)
    assert np.allclose(found, wanted, atol=1e-7)
    assert np.allclose(found, found.T)


def test_along_a_direction_it_is_the_product_with_the_hessian():
    for source in ("logdet(Q) + trace(Q @ Q @ Q)", "trace(expm(Q) @ Q)"):
        f, V = parse(source, **GIVEN), matrix("V", "N", "N")
        product = hessian_product(f, "Q", V).gradient
        at = {"Q": np.eye(3) + 0.1 * np.arange(9.0).reshape(3, 3), "V": np.ones((3, 3)) + np.eye(3)}
        assert np.allclose(evaluate(hessian(f, "Q").along(V), **at), evaluate(product, **at))


def test_what_is_shown():
    assert str(jacobian(parse("A @ X @ B", **GIVEN), "X")) == ("F = AXB\ndF = A dX B\nvec(dF) = J vec(dX), J = A ⊗ Bᵀ")
    assert str(jacobian(parse("expm(Q)", **GIVEN), "Q")) == "F = expm(Q)\ndF = expm_frechet(Q, dQ)"


def test_named_quantities_and_deep_networks():
    x = vector("x", "N")
    h = let("h", GIVEN["A"] @ x)
    assert str(jacobian(exp(h), x).matrix) == "Diag(exp(h)) A"
    z = x
    for k in range(1, 9):
        z = parse("tanh(W @ z)", {"z": z}, W=matrix(f"W{k}", "N", "N"))
    assert jacobian(z, x).matrix.shape == (z.shape[0], x.shape[0])


@pytest.mark.parametrize("source", ["max(x)", "norm1(x)", "inner(b, abs(x))", "sum(relu(x))", "sum(maximum(x, 0))"])
def test_pieces_without_curvature(source):
    assert str(hessian(parse(source, x="N", b="N"), "x").matrix) == "0"


def test_what_is_refused(monkeypatch):
    with pytest.raises(NotDerivable, match="no matrix of the linear map"):
        _ = jacobian(parse("expm(Q)", **GIVEN), "Q").matrix
    with pytest.raises(ShapeError, match="along: expected V of the shape of Q"):
        jacobian(parse("inv(Q)", **GIVEN), "Q").along(GIVEN["x"])
    with pytest.raises(ShapeError, match="jacobian: expected wrt among Q, got 'Z'"):
        jacobian(parse("inv(Q)", **GIVEN), "Z")
    with pytest.raises(ShapeError, match="hessian: expected wrt among x, got 'Z'"):
        hessian(parse("x.T @ x", **GIVEN), "Z")
    with pytest.raises(ShapeError, match="hessian: expected a scalar function, got x of shape .*Take sum"):
        hessian(GIVEN["x"], "x")
    with pytest.raises(ShapeError, match="hessian_product: expected wrt among x, got 'Z'"):
        hessian_product(parse("x.T @ x", **GIVEN), "Z", GIVEN["x"])
    name, _ = differentials.LAWS["inv"]
    wrong = {**differentials.LAWS, "inv": (name, lambda e, d: e @ d(e.args[0]) @ e)}
    monkeypatch.setattr(differentials, "LAWS", wrong)
    with pytest.raises(UnverifiedError, match=r"jacobian: expected dF = Q⁻¹ dQ Q⁻¹, it is off by .* at Q ="):
        jacobian(parse("inv(Q)", **GIVEN), "Q")


def test_a_wrong_zero_is_found(monkeypatch):
    name, _ = differentials.LAWS["inv"]
    wrong = {**differentials.LAWS, "inv": (name, lambda e, d: 0 * d(e.args[0]))}
    monkeypatch.setattr(differentials, "LAWS", wrong)
    with pytest.raises(UnverifiedError, match="jacobian: expected dF = 0, it is off by"):
        jacobian(parse("inv(Q)", **GIVEN), "Q")
