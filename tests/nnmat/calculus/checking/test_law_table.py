"""Laws, properties and simplifications hold numerically; the wrong statements of the source are refuted."""

import numpy as np
import pytest

from nnmat.calculus import UnverifiedError, derive, dim, evaluate, matrix, parse
from nnmat.calculus.checking.differences import compare
from nnmat.calculus.checking.law_table import SYMBOLS, equality_error, law_table
from nnmat.calculus.errors import ParseError
from nnmat.calculus.laws import differentials
from tests.nnmat.calculus import worked_examples as examples

RNG = np.random.default_rng(0)


def test_every_law_property_and_simplification_holds():
    rows = {row.id: row for row in law_table(trials=2)}
    named = {
        *differentials.STATEMENTS,
        "TR-1",
        "TR-2",
        "TR-3",
        "TR-4",
        "TR-4b",
        "TR-5",
        "TR-6",
        "TR-7",
        "MOVE-1",
        "MOVE-8",
        "SIM-25",
    }
    assert named <= set(rows)
    assert len(rows) >= 60
    assert all(row.checks >= 2 and row.error < 1e-7 for row in rows.values())
    found = [row for row in rows if row.startswith("SIM-")]
    assert found == sorted(found, key=lambda row: int(row.partition("-")[2]))
    assert [row for row in rows if row.startswith("CAL-")][6:10] == ["CAL-7", "CAL-8", "CAL-9", "CAL-10"]
    assert list(rows).index("LAW-6b") == list(rows).index("LAW-6") + 1


def test_the_determinant_of_a_singular_matrix():
    """LAW-6 with the adjugate needs no inverse."""
    X = matrix("X", 3, 3)
    gradient = derive(parse("det(X)", X=X), X).gradient
    singular = np.outer([1.0, 2.0, 3.0], [1.0, -1.0, 2.0]) + np.outer([0.0, 1.0, 1.0], [2.0, 0.5, 1.0])
    assert abs(np.linalg.det(singular)) < 1e-12
    h = 1e-5
    for i in range(3):
        for j in range(3):
            E = np.zeros((3, 3))
            E[i, j] = h
            slope = (np.linalg.det(singular + E) - np.linalg.det(singular - E)) / (2 * h)
            assert abs(slope - evaluate(gradient, X=singular)[i, j]) < 1e-9


# What the source states wrongly: (function, variable, the wrong gradient as text with the names of the function).
WRONG = {
    "ERR-01": ("det(D)", "D", "adjugate(D).T / dim(N)"),
    "ERR-01 with the inverse": ("det(R)", "R", "det(R) * inv(R).T / dim(N)"),
    "ERR-02": ("a * logdet(P) + trace(inv(P) @ S)", "P", "a / dim(N) * inv(P) - inv(P) @ S @ inv(P)"),
    "ERR-04 from left to right": (
        "u.T @ A @ sigmoid(inv(D) @ x + y)",
        "D",
        "-((inv(D).T @ A.T @ u) * s * (1 - s)) @ x.T @ inv(D).T",
    ),
    "ERR-04 the product first": (
        "u.T @ A @ sigmoid(inv(D) @ x + y)",
        "D",
        "-((inv(D).T @ A.T @ u) @ ones(1, N)) * ((s * (1 - s)) @ x.T @ inv(D).T)",
    ),
    "ERR-07 a mean for the sum": ("inner(V, conv(X, F))", "F", "conv_kernel(V, X, kh, kw) / (dim(H) * dim(W))"),
    "ERR-16 transposes dropped": ("a * logdet(D) + trace(inv(D) @ S)", "D", "a * inv(D) - inv(D) @ S @ inv(D)"),
    "ERR-22 p - y for any y": ("-y.T @ log(softmax(x))", "x", "softmax(x) - y"),
    "ERR-32 neighbours swapped": ("trace(D @ E @ S)", "D", "(S @ E).T"),
    "ERR-34 the inverse not transposed": (
        "u.T @ A @ sigmoid(inv(D) @ x + y)",
        "D",
        "-inv(D) @ (((A.T @ u) * s * (1 - s)) @ x.T) @ inv(D)",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_statement_is_refuted_with_a_counterexample(name):
    text, wrt, wrong = WRONG[name]
    known = {**SYMBOLS, "P": matrix("P", "N", "N", positive_definite=True)}
    V = matrix("V", *parse("conv(X, F)", **SYMBOLS).shape)
    f = parse(text, **known, V=V)
    s = parse("sigmoid(inv(D) @ x + y)", **SYMBOLS)
    claim = parse(wrong, {"s": s}, **known, V=V)
    right = derive(f, wrt)
    assert compare(f, right.gradient, right.wrt) < 1e-6
    with pytest.raises(UnverifiedError, match=rf"expected the derivative .* by {wrt}, got .* at .*{wrt} = \["):
        compare(f, claim, right.wrt)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ERR-05", "A.T @ u @ (s @ (1 - s))"),  # a plain product of two columns
        ("ERR-08", "1/c * (ones(1, N) @ (exp(x) @ ones(N)))"),  # the 1 inside
        ("ERR-09", "trace(y @ A.T @ u)"),  # yᵀ without its transpose
        ("ERR-10", "trace(A.T @ u)"),  # the trace of a vector
        ("ERR-11", "A @ sigmoid(longer)"),  # σ of a vector with an entry more than it has
        ("ERR-28", "A + x"),  # a matrix function given something else
    ],
)
def test_a_statement_that_does_not_conform_is_an_error(name, text):
    shapes = {"A": ("M", "N"), "u": ("M",), "s": ("N",), "x": ("N",), "y": ("N",), "c": (), "longer": (dim("N") + 1,)}
    with pytest.raises(ParseError, match="column"):
        parse(text, **shapes)


def test_properties_that_do_not_hold():
    """Swapping neighbours in a trace, a product for an elementwise product, an inverse split in the wrong order."""
    for left, right in [
        ("trace(D @ E @ S)", "trace(E @ D @ S)"),
        ("trace(D @ E)", "sum(D * E)"),
        ("inv(D @ E)", "inv(D) @ inv(E)"),
        ("(D @ E).T", "D.T @ E.T"),
        ("det(2 * D)", "2 * det(D)"),
        ("exp(D + E)", "exp(D) @ exp(E)"),
    ]:
        with pytest.raises(UnverifiedError, match="differ by"):
            equality_error("wrong", parse(left, **SYMBOLS), parse(right, **SYMBOLS), RNG)


def test_a_step_against_the_direction_of_descent_goes_up():
    """ERR-03: with d = -g/‖g‖ the step is x + α d. x - α d, at the best α > 0, is higher than x itself."""
    f = examples.least_squares()
    X, w, y = RNG.standard_normal((5, 3)), RNG.standard_normal(3), RNG.standard_normal(5)

    def value(at):
        return evaluate(f, X=X, w=at, y=y)

    g = evaluate(derive(f, "w").gradient, X=X, w=w, y=y)
    d = -g / np.linalg.norm(g)
    alpha = -(g @ d) / (2 * np.sum((X @ d) ** 2))  # the minimum of the quadratic function along d
    assert value(w + alpha * d) < value(w) < value(w - alpha * d)
    assert abs(value(w) - value(w + alpha * d) + alpha * (g @ d) / 2) < 1e-10
    for small in (1e-3, 1e-6):
        assert value(w + small * d) < value(w) < value(w - small * d)


def test_a_convolution_as_a_matrix_has_its_results_row_by_row():
    """ERR-06: of a 3 × 3 image and a 2 × 2 kernel K̂ vec X is (H11, H12, H21, H22). There is no H13, and columns first
    is another vector."""
    X, K = matrix("X", 3, 3), matrix("K", 2, 2)
    H = parse("conv(X, K)", X=X, K=K)
    at = {"X": RNG.standard_normal((3, 3)), "K": RNG.standard_normal((2, 2))}
    # f = ⟨E, X ⋆ K⟩ has the gradient K̂ᵀ vec E by X: row i of K̂, for the i-th place of H
    gradient = derive(H, X, G=matrix("E", 2, 2)).gradient
    rows = [evaluate(gradient, E=np.eye(4)[i].reshape(2, 2), **at).ravel() for i in range(4)]
    found = np.stack(rows) @ at["X"].ravel()
    value = evaluate(H, **at)
    assert value.shape == (2, 2)
    assert np.abs(found - value.ravel()).max() < 1e-14
    assert np.abs(found - value.T.ravel()).max() > 0.1
    with pytest.raises(ParseError, match="column"):  # a third column of H, as the first unit vector of three takes it
        parse("conv(X, K) @ e", X=X, K=K, e=(3,))


def test_the_sigmoid_has_one_entry_for_each():
    """ERR-11: entries 1 to N, not 0 to N."""
    y = RNG.standard_normal(4)
    assert evaluate(parse("sigmoid(y)"), y=y).shape == y.shape


def test_the_likelihood_vanishes_at_the_estimate():
    """ERR-02: the right gradient vanishes at S/N, the wrong one at D S/N."""
    d = derive(examples.gaussian(), "Sigma")
    R = RNG.standard_normal((9, 3))
    S = R.T @ R
    at = {"N": 9.0, "S": S}
    assert np.abs(evaluate(d.gradient, Sigma=S / 9, **at)).max() < 1e-12
    assert np.abs(evaluate(d.gradient, Sigma=3 * S / 9, **at)).max() > 0.1
