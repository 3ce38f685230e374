"""Linear maps as matrices: vec(L(V)) = M vec(V), by values, and the forms of Magnus and Neudecker."""

import numpy as np
import pytest

from nnmat.calculus import NotDerivable, commutation, evaluate, matrix, parse, scalar, simplify, vector
from nnmat.calculus.derivation.vectorization import FORMS, matrix_of

SIZES = {"M": 2, "N": 3, "K": 4}
RNG = np.random.default_rng(0)
GIVEN = {
    "V": matrix("V", "N", "K"),
    "Q": matrix("Q", "N", "N"),
    "R": matrix("R", "K", "K"),
    "A": matrix("A", "M", "N"),
    "B": matrix("B", "K", "M"),
    "C": matrix("C", "N", "K"),
    "v": vector("v", "N"),
    "a": scalar("a"),
}
CASES = [
    ("A @ V @ B", "V", "A ⊗ Bᵀ"),
    ("A @ V", "V", "A ⊗ I"),
    ("V @ B", "V", "I ⊗ Bᵀ"),
    ("V.T", "V", "commutation(N, K)"),
    ("C * V", "V", "Diag(vec(C))"),
    ("a * V - V", "V", "a I - I"),
    ("inner(C, V)", "V", "vec(C)ᵀ"),
    ("trace(Q)", "Q", "vec(I)ᵀ"),
    ("trace(C @ B @ A @ Q)", "Q", "vec(AᵀBᵀCᵀ)ᵀ"),
    ("trace(Q @ C @ B @ A)", "Q", "vec(AᵀBᵀCᵀ)ᵀ"),
    ("sum(V)", "V", "1ᵀ"),
    ("reshape(V, K, N)", "V", "I"),
    ("tril(Q)", "Q", "Diag(vec(tril(1 1ᵀ)))"),
    ("V[0:2, 1:K]", "V", "I[0:2, :] ⊗ I[1:K, :]"),
    ("padded(V, 1, 0, N + 1, K)", "V", "padded(I, 1, 0, N + 1, N) ⊗ I"),
    ("sylvester(Q, R, V)", "V", "(Q ⊗ I + I ⊗ Rᵀ)⁻¹"),
    ("diagm(v) @ C", "v", "Diag(vec(C)) (I ⊗ 1)"),
    ("A @ diagm(v)", "v", "Diag(vec(A)) (1 ⊗ I)"),
    ("A @ diagm(v) @ C", "v", None),
    ("diagm(v)", "v", "Diag(vec(I)) (I ⊗ 1)"),
    ("diag(Q)", "Q", "(I ⊗ 1ᵀ) Diag(vec(I))"),
    ("a * C", "a", "vec(C)"),
    ("V + sum(V)", "V", None),
    ("Q @ v", "v", "Q"),
    ("v.T @ Q", "v", "Qᵀ"),
    ("v * (Q @ v * 0 + 1)", "v", ""),
]


@pytest.mark.parametrize(("source", "name", "form"), CASES)
def test_a_matrix(source, name, form):
    e, V = parse(source, **GIVEN), GIVEN[name]
    if form == "":  # in two places: not linear
        with pytest.raises(NotDerivable, match="no matrix of the linear map"):
            matrix_of(e, V)
        return
    found = matrix_of(e, V)
    if form is not None:
        assert str(simplify(found)) == form
    values = {s.name: RNG.standard_normal([d.value(SIZES) for d in s.shape]) for s in {*e.free, V}}
    value = np.ravel(evaluate(e, **values, **SIZES))
    assert np.allclose(
        np.atleast_2d(evaluate(found, **values, **SIZES)).reshape(value.size, -1) @ values[name].ravel(), value
    )


def test_every_form_is_tried():
    assert set(FORMS) <= {op for source, *_ in CASES for op in operators(parse(source, **GIVEN))}


def operators(e):
    return {e.op}.union(*(operators(a) for a in e.args))


def test_the_commutation_matrix():
    K = evaluate(commutation(2, 3))
    a = RNG.standard_normal((2, 3))
    assert np.array_equal(K @ a.ravel(), a.T.ravel())
    assert str(simplify(commutation("M", "N").T @ commutation("M", "N"))) == "I"


def test_what_has_no_matrix_is_refused():
    with pytest.raises(NotDerivable, match="no matrix of the linear map .* is known here. Take it along a direction"):
        matrix_of(parse("expm_frechet(Q, V)", Q=("N", "N"), V=("N", "N")), matrix("V", "N", "N"))
    with pytest.raises(NotDerivable, match="expected an expression that depends on V, got A"):
        matrix_of(GIVEN["A"], GIVEN["V"])
    with pytest.raises(NotDerivable, match="but in its last operand"):
        matrix_of(parse("sylvester(Q, R, V)", **GIVEN), GIVEN["Q"])
