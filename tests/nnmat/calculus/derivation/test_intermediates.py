"""Which intermediate quantities get a name, and which name."""

import pytest

from nnmat.calculus import ShapeError, exp, let, matrix, parse, scalar, vector
from nnmat.calculus.derivation.intermediates import found, is_plain, name_quantities, names

x = vector("x", "N")


def quantities(source, wrt="x", **shapes):
    e = parse(source, **shapes)
    return e, next(s for s in e.free if s.name == wrt)


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("x.T @ x", []),
        ("sum(exp(x))", ["exp(x)"]),
        ("sum(exp(A @ x))", ["Ax", "exp(Ax)"]),
        ("(A @ x - y).T @ (A @ x - y)", ["Ax - y"]),
        ("norm2(A @ x)", ["Ax"]),
        ("sum(exp(y)) * sum(x)", []),
        ("sum(exp(-x))", ["exp(-x)"]),
        ("logsumexp(A @ x)", ["Ax"]),
        ("y.T @ softmax(x)", ["softmax(x)"]),
    ],
)
def test_what_gets_a_name(source, wanted):
    """Results and arguments of elementwise functions, and what is used twice; not what the variable is no part of."""
    assert [str(e) for e in found(*quantities(source))] == wanted


def test_letters_say_what_was_found_and_taken_names_are_left_out():
    e, wrt = quantities("sum(exp(A @ x) * sin(x)) + h.T @ z", h="N", z="N", A=("N", "N"))
    named, given = name_quantities(e, wrt)
    assert {name: str(q) for name, q in given.items()} == {"h2": "Ax", "z1": "exp(Ax)", "z2": "sin(x)"}
    assert named.inline() is e
    assert name_quantities(*quantities("sum(exp(x)) * sum(A)", A=("z", "h")))[1].keys() == {"z2"}


def test_a_quantity_of_the_user_keeps_its_name():
    h = let("mine", exp(x))
    named, given = name_quantities(h.T @ h, x)
    assert (named, given) == (h.T @ h, {})


@pytest.mark.parametrize(
    ("source", "plain"), [("x", True), ("-x", True), ("2 * x.T", True), ("x + y", False), ("x * y", False)]
)
def test_what_needs_no_name(source, plain):
    assert is_plain(parse(source, x="N", y="N")) == plain


def test_names_are_those_of_symbols_and_quantities():
    h = let("h", exp(x))
    assert names(h.T @ h * scalar("a")) == {"h": h, "x": x, "a": scalar("a")}
    with pytest.raises(ShapeError, match=r"one meaning of the name x, got a symbol of shape \(\) and a symbol"):
        names(x * scalar("x"))
    with pytest.raises(ShapeError, match=r"a symbol of shape \(N, N\) and a symbol of shape \(N, N\), symmetric"):
        names(matrix("S", "N", "N") + matrix("S", "N", "N", symmetric=True))
