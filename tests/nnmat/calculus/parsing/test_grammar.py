"""The syntax trees are those that Python makes of the same text."""

import ast

import numpy as np
import pytest

from nnmat.calculus import ParseError, parse
from nnmat.calculus.parsing.grammar import tokens, tree_of

NODES = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.MatMult: "@", ast.Pow: "**"}


def random_text(rng, depth):
    """Arithmetic with every operator that Python and the language share, spaces and needless parentheses too."""
    if depth == 0 or rng.random() < 0.2:
        return str(rng.choice(["x", "A1", "2", "0.5", "3.25e1", "f(x)", "g(x, 2)"]))
    way = int(rng.integers(8))
    a = random_text(rng, depth - 1)
    if way == 0:
        return f"-{a}"
    if way == 1:
        return f"({a})"
    if way == 2:
        return f"({a}) ** {random_text(rng, depth - 1)}"
    sign = ["+", "-", "*", "/", "@", " ** "][int(rng.integers(6))]
    return f"{a}{sign}{random_text(rng, depth - 1)}" if rng.random() < 0.5 else f"{a} {sign} {random_text(rng, 0)}"


def as_tuple(tree):
    """The tree of the language as nested tuples."""
    if tree.kind == "number":
        return float(tree.body)
    if tree.kind == "name":
        return tree.body
    if tree.kind == "sign":
        return ("-", as_tuple(tree.parts[0]))
    return (tree.body, *map(as_tuple, tree.parts))


def of_python(node):
    """The same from Python's own parser."""
    if isinstance(node, ast.Constant):
        return float(node.value)
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.UnaryOp):
        return ("-", of_python(node.operand))
    if isinstance(node, ast.Call):
        return (node.func.id, *map(of_python, node.args))
    return (NODES[type(node.op)], of_python(node.left), of_python(node.right))


@pytest.mark.parametrize("seed", range(5))
def test_operators_bind_as_in_python(seed):
    rng = np.random.default_rng(seed)
    for _ in range(100):
        text = random_text(rng, 5)
        assert as_tuple(tree_of(text)) == of_python(ast.parse(text, mode="eval").body), text


def test_what_python_does_not_have():
    tree = tree_of("A.T.T @ 2.T")
    assert as_tuple(tree) == ("@", (".T", (".T", "A")), (".T", 2.0))
    assert as_tuple(tree_of("2.5 * x")) == ("*", 2.5, "x")
    assert [t.body for t in tokens("x.T")] == ["x", ".T", ""]


def test_options_and_columns():
    tree = tree_of("x + conv(X, K, stride=(1, 2), padding=3)")
    call = tree.parts[1]
    assert (tree.column, call.column) == (3, 5)
    assert [p.body for p in call.parts] == ["X", "K"]
    (stride, pair), (padding, three) = call.options
    assert (stride, padding, three.body) == ("stride", "padding", "3")
    assert (pair.kind, [p.body for p in pair.parts]) == ("pair", ["1", "2"])
    assert [t.column for t in tokens("  A @ b")] == [3, 5, 7, 8]


def test_what_is_no_text_is_refused():
    with pytest.raises(ParseError, match="expected text, got int"):
        tree_of(3)


@pytest.mark.parametrize(
    "text", ["where(A > 0, A, B)", "A >= B", "a < 1", "sum(A != B)", "A == B", "a == 0", "K = A\nK == 0"]
)
def test_a_comparison_is_told_of_where(text):
    with pytest.raises(
        ParseError, match=r"There are no comparisons: where\(A - B, X, Y\) is X where A > B, else Y\."
    ) as error:
        parse(text, A=("M", "N"), B=("M", "N"), a=())
    assert error.value.text[error.value.column - 1] in "<>=!"
