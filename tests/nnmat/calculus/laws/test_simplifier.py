"""Normal forms."""

import pytest

from nnmat.calculus import ShapeError, matrix, parse, simplify


def test_a_matrix_of_one_entry_is_a_scalar():
    s = matrix("s", 1, 1)
    for source in (
        "s * eye(1) + inv(s) * s",
        "trace(s) + softmax(s) - tril(s) + diag(s)",
        "ones(1, 1) * s + adjugate(s)",
    ):
        assert str(simplify(parse(source, s=s))) == "s + 1"


def test_simplify_is_stable():
    for source in ("A + A", "inv(A @ B).T", "(A * B) @ C - (A * B) @ D", "trace(A @ B) * C"):
        once = simplify(parse(source, **{n: ("N", "N") for n in "ABCD"}))
        assert simplify(once) is once


def test_text_is_no_expression():
    with pytest.raises(ShapeError, match="simplify: expected an expression"):
        simplify("A")
