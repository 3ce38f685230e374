"""Shapes of names that were not declared."""

import pytest

from nnmat.calculus import ParseError, parse
from nnmat.calculus.dimensions import ONE, dim, show
from nnmat.calculus.parsing.grammar import tree_of
from nnmat.calculus.parsing.shape_inference import Inference, Unknown, infer, kind


def test_a_greek_name_is_a_scalar_in_either_spelling():
    for name in ("alpha", "α", "λ2"):
        assert parse(f"{name} * x").args[0].is_scalar
    assert not parse("Σ @ x").args[0].is_scalar


def test_shapes_found_from_use():
    e = parse("x.T @ A @ sigmoid(inv(B) @ z + b) + alpha")
    shapes = {s.name: tuple(str(d) for d in s.shape) for s in e.free}
    assert shapes["A"] == (shapes["x"][0], shapes["b"][0])
    assert shapes["B"] == (shapes["z"][0], shapes["z"][0])
    assert shapes["alpha"] == ("1", "1")


def test_a_shape_that_follows_from_a_convolution():
    for source in ("inner(H, conv(X, K, stride=2))", "inner(conv(X, K, stride=2), H)"):
        shapes = {s.name: [str(d) for d in s.shape] for s in parse(source).free}
        rows = [shapes[name][0] for name in "XK"]
        assert shapes["H"][0] == f"floor(({rows[0]} - {rows[1]})/2) + 1"


def test_a_shape_that_follows_from_an_adjoint():
    for source, shape in [
        ("conv_input(H, K, P, Q, stride=2)", ["floor((P - M)/2) + 1", "floor((Q - N)/2) + 1"]),
        ("conv_kernel(H, X, 3, 2, padding=1)", ["M", "N + 1"]),
        ("kron_left(H, B, P, Q) @ x", ["M*P", "N*Q"]),
        ("x.T @ kron_right(H, B, P, Q)", ["M*P", "N*Q"]),
    ]:
        e = parse(source)
        assert [str(d) for d in next(s.shape for s in e.free if s.name == "H")] == shape
        assert parse(repr(e), **{s.name: s for s in e.free}) is e


@pytest.mark.parametrize(
    ("source", "shape"),
    [
        ("x.T", "(1, M)"),
        ("diagm(x)", "(M, M)"),
        ("diag(A)", "(M)"),
        ("sum(A, axis=1)", "(M)"),
        ("sum(A, axis=0)", "(1, N)"),
        ("outer(x, y)", "(M, N)"),
        ("kron(A, B)", "(K*M, N*P)"),
        ("vec(A)", "(M*N)"),
        ("solve(A, B)", "(M, N)"),
        ("logsumexp_rows(A)", "(M)"),
        ("exp(A)", "(M, N)"),
        ("ones(3) + 0", "(3)"),
        ("dim(N) * inner(A, B)", "()"),
    ],
)
def test_the_shape_of_a_call(source, shape):
    inference = Inference({}, source)
    pair = inference.shape(tree_of(source))
    inference.settle(inference.shapes)
    assert inference.show(pair) == shape == show(parse(source).shape)


def test_a_function_that_stands_for_a_dimension_has_no_shape():
    for source in ("floor(x)", "x + 2 * floor(y)"):
        with pytest.raises(ParseError, match="got 'floor'. It stands for a dimension only") as caught:
            Inference({}, source).shape(tree_of(source))
        assert caught.value.column == source.index("floor") + 1


def test_what_is_declared_is_not_guessed():
    inference = Inference({"x": (dim(2), dim(5))}, "x @ y")
    inference.shape(tree_of("x @ y"))
    assert inference.result() == {"x": (dim(2), dim(5)), "y": (dim(5), dim(1))}


@pytest.mark.parametrize(
    ("source", "name", "shape"),
    [
        ("X @ beta", "beta", "(N)"),
        ("theta.T @ x", "theta", "(M)"),
        ("sum(log(sigma))", "sigma", "(M)"),
        ("norm2(lam * x) + norm2(lam)", "lam", "(M)"),
        ("inner(mu, x)", "mu", "(M)"),
        ("x - mu + A @ mu", "mu", "(M)"),
        ("lambda_2 * x", "lambda_2", "()"),
        ("alpha + x.T @ x", "alpha", "()"),
        ("alpha * A - beta * B", "beta", "()"),
    ],
)
def test_a_greek_name_is_a_column_where_one_must_stand(source, name, shape):
    e = parse(source)
    assert next(show(s.shape) for s in e.free if s.name == name) == shape


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("x - mu", "mu"),
        ("A + alpha", "alpha"),
        ("x + 2 * exp(beta) / 3", "beta"),
        ("x + (gamma + x.T @ x)", "gamma"),
        ("A @ (alpha * beta)", "alpha, beta"),
        ("inv(sigma)", "sigma"),
        ("kron(alpha, A)", "alpha"),
    ],
)
def test_a_greek_name_that_could_be_either_is_a_question(source, names):
    with pytest.raises(ParseError, match=f"Declare {names}: "):
        parse(source)


@pytest.mark.parametrize(
    "source",
    [
        "x.T * A",
        "A * x",
        "A + x",
        "A / x",
        "x @ y",
        "x @ A",
        "x.T + x",
        "x * y.T",
        "A.T * A",
        "inv(x)",
        "softmax(A)",
        "A @ ones(1)",
        "inner(A, x)",
        "solve(x, y)",
        "diag(x)",
        "outer(A, x)",
    ],
)
def test_no_dimension_is_taken_to_be_one(source):
    with pytest.raises(ParseError, match=r"expected (shapes that fit|a square matrix|a column), .*Declare "):
        parse(source)


def test_a_square_that_is_known_may_stand_in_an_elementwise_product():
    shapes = {s.name: show(s.shape) for s in parse("x.T @ (inv(S) * A) @ y").free}
    assert shapes["A"] == shapes["S"] == "(M, M)"


def test_a_row_is_added_to_every_row():
    e = parse("X @ W.T + b.T")
    assert str(e) == "XWᵀ + 1 bᵀ"
    assert e is parse("X @ W.T + ones(M) @ b.T")
    assert str(parse("b.T - X - 2 * c.T")) == "1 bᵀ - X - 1 (2 cᵀ)"
    declared = parse("X + b.T", X=("B", "N"), b=("N",))
    b, X = sorted(declared.free, key=lambda s: s.name, reverse=True)
    assert declared is X + b.T
    with pytest.raises(ParseError, match="Declare X, b"):
        parse("X * b.T")


def test_what_later_texts_say_of_a_greek_name_holds_in_earlier_ones():
    texts = [("r", "x - mu", tree_of("x - mu")), ("", "A @ mu", tree_of("A @ mu"))]
    assert show(infer(texts, {}).result()["mu"]) == "(M)"
    with pytest.raises(ParseError, match="x - mu"):
        infer(texts[:1], {})
    scaled = [("s", "exp(mu)", tree_of("exp(mu)")), ("", "A @ s", tree_of("A @ s"))]
    assert show(infer(scaled, {}).result()["mu"]) == "(M)"


def test_kinds():
    M = Unknown()
    assert [kind(pair) for pair in ((M, M), (M, ONE), (ONE, M), (ONE, dim(1)))] == ["matrix", "column", "row", "scalar"]


@pytest.mark.parametrize(
    ("source", "name", "what"),
    [
        ("w.T @ x + b", "b", "column"),
        ("-b - w.T @ x", "b", "column"),
        ("c * norm2(x)", "c", "column"),
        ("norm2(x) / N", "N", "matrix"),
        ("N * logdet(S)", "N", "matrix"),
    ],
)
def test_a_name_that_stands_only_beside_a_scalar_is_a_question(source, name, what):
    with pytest.raises(ParseError, match=f"whether {name} is a {what} or a scalar here.* Declare {name}: a {what} as"):
        parse(source)
    assert parse(source, **{name: ()}).is_scalar


@pytest.mark.parametrize("source", ["x - logsumexp(x)", "x / norm2(x)", "trace(A) * A", "2 - x", "x / dim(N)"])
def test_other_names_beside_a_scalar_are_none(source):
    assert not parse(source).is_scalar
