"""Shapes of names that were not declared."""

import pytest

from nnmat.calculus import ParseError, parse
from nnmat.calculus.dimensions import dim, show
from nnmat.calculus.parsing.grammar import tree_of
from nnmat.calculus.parsing.shape_inference import Inference


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
